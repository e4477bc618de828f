"""Several processes that measure, for runs over many photos.

Fitting a cube is Python between short calls of numpy, so that threads of one process use little
more than one core. A process of its own takes seconds to start, which a few photos are not worth.
A photo that ends its process, as native code can, costs that photo alone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Protocol

from geoview.measure import tool
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement
from geoview.records import Photo

# From this many photos on, processes save more than their start costs.
MANY = 100


class MeasureOne(Protocol):
    """Measures one photo; PhotoError for one that cannot be read."""

    def __call__(self, photo: Photo, *, options: MeasureOptions) -> Measurement: ...


class Crew:
    """``measure``, a module's function, carried out by ``workers`` processes; callable from any
    thread, which waits for its result.

    A photo that ends its process raises BrokenProcessPool.
    """

    def __init__(self, measure: MeasureOne, *, workers: int) -> None:
        self._measure = measure
        self._workers = workers
        self._pool = _started(workers)
        self._renewing = threading.Lock()
        self._suspecting = threading.Lock()

    def __call__(self, photo: Photo, *, options: MeasureOptions) -> Measurement:
        pool = self._pool
        try:
            return pool.submit(self._measure, photo, options=options).result()
        except BrokenProcessPool:
            self._renew(pool)
        # A process that ends takes what the others had in hand with it. Each is tried again on its
        # own, to tell which photo it was.
        with self._suspecting, _started(1) as alone:
            return alone.submit(self._measure, photo, options=options).result()

    def close(self) -> None:
        """End the processes; what they have in hand is finished."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _renew(self, broken: ProcessPoolExecutor) -> None:
        with self._renewing:
            if self._pool is broken:
                self._pool = _started(self._workers)
                broken.shutdown(wait=False)


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


def _started(workers: int) -> ProcessPoolExecutor:
    # Forked processes would inherit locks that other threads hold.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)


def _begin() -> None:
    """In a new process: one thread to a core, and an end with the program."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the program's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
