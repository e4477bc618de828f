"""Several processes that measure, for runs over many photos.

Fitting a cube is Python between short calls of numpy, so that threads of one process use little
more than one core. A process of its own takes seconds to start, which a few photos are not worth.
A photo that ends its process, as native code can, costs that photo alone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import signal
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Protocol

from geoview.errors import Cancelled
from geoview.measure import tool
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement
from geoview.records import Photo

# From this many photos on, processes save more than their start costs.
MANY = 200


class MeasureOne(Protocol):
    """Measures one photo; PhotoError for one that cannot be read."""

    def __call__(self, photo: Photo, *, options: MeasureOptions) -> Measurement: ...


class ProcessEnded(Exception):
    """A photo ended the process that measured it."""


@dataclass(slots=True, eq=False)
class Worker:
    """A process, the way to it, and whether it has said that it is there."""

    process: BaseProcess
    connection: Connection
    there: bool = False


class Crew:
    """``measure``, a module's function, carried out by ``workers`` processes; callable from any
    thread, which waits for its result.

    Raises what ``measure`` raises, ProcessEnded for a photo that ends its process, Cancelled once
    the crew is closed. Where processes cannot be started the calling thread measures.
    """

    def __init__(self, measure: MeasureOne, *, workers: int) -> None:
        self._measure = measure
        self._closed = False
        self._workers = [self._started() for _ in range(workers)]
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)

    def __call__(self, photo: Photo, *, options: MeasureOptions) -> Measurement:
        worker = self._idle.get()
        try:
            if not worker.there:
                worker.connection.recv()
                worker.there = True
            worker.connection.send((photo, options))
            found = worker.connection.recv()
        except (EOFError, OSError) as error:
            if self._closed:
                raise Cancelled("Measuring was stopped.") from None
            if not worker.there:
                return self._measure(photo, options=options)
            worker = self._instead_of(worker)
            raise ProcessEnded(f"{photo.file} ended the process that measured it") from error
        finally:
            self._idle.put(worker)
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Measurement)
        return found

    def close(self) -> None:
        """End the processes at once; what they have in hand is lost."""
        self._closed = True
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()

    def _instead_of(self, ended: Worker) -> Worker:
        ended.process.terminate()
        ended.process.join()
        ended.connection.close()
        worker = self._started()
        self._workers[self._workers.index(ended)] = worker
        return worker

    def _started(self) -> Worker:
        # A forked process would inherit locks that other threads hold.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, self._measure), name="geoview-measure", daemon=True
        )
        process.start()
        theirs.close()
        return Worker(process, ours)


@contextlib.contextmanager
def for_photos(
    measure: MeasureOne, options: MeasureOptions, *, count: int, workers: int
) -> Iterator[MeasureOne]:
    """``measure`` for a run over ``count`` photos: by a crew where it is worth it.

    Weights of hundreds of megabytes are not loaded several times.
    """
    if measure is not tool.measure or count < MANY or options.owlvit is not None:
        yield measure
        return
    crew = Crew(measure, workers=workers)
    try:
        yield crew
    finally:
        crew.close()


def _serve(connection: Connection, measure: MeasureOne) -> None:
    """In a process of its own: measure what comes until the other side is gone."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the program's to handle
    with contextlib.suppress(EOFError, OSError):
        connection.send("there")
        while True:
            photo, options = connection.recv()
            try:
                answer: Measurement | Exception = measure(photo, options=options)
            except Exception as error:  # raised again where it was asked for
                error.add_note(traceback.format_exc())
                answer = error
            connection.send(answer)
