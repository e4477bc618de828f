"""Several processes that measure, for runs over many photos.

Fitting a cube is Python between short calls of numpy, so that threads of one process use little
more than one core. A process of its own takes a second to start, which a few photos are not worth.
A photo that ends its process, as native code can, costs that photo alone.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import queue
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
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
MANY = 20
# More workers than this only cost memory.
_MOST_WORKERS = 8
# How long a run that is stopped waits for the photos in hand.
_IN_HAND_S = 1.0


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


def in_turn(
    photos: Sequence[Photo],
    measure: MeasureOne,
    options: MeasureOptions,
    *,
    finish: Callable[[Photo, MeasureOptions, MeasureOne], Measurement],
    cancelled: Callable[[], bool],
) -> Iterator[list[tuple[Photo, Measurement]]]:
    """Photos with their measurements as they get ready, a few in hand at a time.

    ``finish`` measures one, by the crew where there is one, and is called in several threads.
    """
    workers = min(_MOST_WORKERS, max(2, os.cpu_count() or 1))
    waiting = iter(photos)
    running: dict[Future[Measurement], Photo] = {}
    pool = ThreadPoolExecutor(workers, thread_name_prefix="measure")
    try:
        with for_photos(measure, options, count=len(photos), workers=workers) as by_crew:
            until = math.inf
            while time.monotonic() < until:
                if cancelled():
                    until = min(until, time.monotonic() + _IN_HAND_S)
                for photo in waiting if until == math.inf else ():
                    running[pool.submit(finish, photo, options, by_crew)] = photo
                    if len(running) >= workers + 1:
                        break
                if not running:
                    return
                ready, _ = wait(running, timeout=_IN_HAND_S / 4, return_when=FIRST_COMPLETED)
                if ready:
                    yield [(running.pop(future), future.result()) for future in ready]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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
