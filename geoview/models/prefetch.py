"""Photos decoded ahead of the network by a pool of threads, never more than a bounded number."""

from __future__ import annotations

import itertools
import logging
import os
import queue
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from geoview.errors import PhotoError
from geoview.models import preprocess
from geoview.models.card import ModelCard
from geoview.photos.decode import decode
from geoview.records import Photo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A photo's inputs, uint8 [T, S, S, 3], or the plain reason why there are none."""

    photo: Photo
    inputs: NDArray[np.uint8] | None = None
    plan: preprocess.Plan | None = None
    width_px: int = 0
    height_px: int = 0
    reason: str = ""


def prepare(photo: Photo, *, card: ModelCard) -> Prepared:
    """Decode and cut one photo. Never raises for what is wrong with a photo."""
    try:
        decoded = decode(photo.path, at_least_px=preprocess.needed_px(card))
        inputs, cut = preprocess.tiles(decoded, card=card)
    except PhotoError as error:
        return Prepared(photo, reason=str(error))
    except MemoryError:
        return Prepared(photo, reason="the photo needs more memory than there is: close programs")
    except Exception as error:
        # A fault of ours or a library's in one photo must not stop the other thousands.
        log.exception("%s could not be prepared", photo.file)
        return Prepared(photo, reason=f"the photo could not be read ({error}): see the log")
    return Prepared(photo, inputs, cut, decoded.width_px, decoded.height_px)


def default_workers() -> int:
    """One decode thread per core: they fill the gaps that the network leaves."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:
        return max(1, os.cpu_count() or 1)


class Prefetch:
    """Prepared photos in the order in which they become ready.

    At most ``ahead`` photos are being decoded or wait to be taken, so memory stays flat however
    many there are; the photos themselves are drawn by the thread that takes. Leaving the context
    ends and joins every thread.
    """

    def __init__(self, photos: Iterable[Photo], *, card: ModelCard, workers: int) -> None:
        import cv2

        # Whole photos already run side by side; a pool inside every resize only adds waiting.
        cv2.setNumThreads(1)
        self._photos: Iterator[Photo] = iter(photos)
        self._card = card
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="geoview-decode")
        self._ready: queue.SimpleQueue[Future[Prepared]] = queue.SimpleQueue()
        self._under_way = 0
        self.exhausted = False

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def finished(self) -> bool:
        return self.exhausted and not self._under_way

    def top_up(self, *, ahead: int) -> None:
        """Set photos decoding until ``ahead`` are under way or ready."""
        wanted = ahead - self._under_way
        if wanted <= 0 or self.exhausted:
            return
        drawn = 0
        for photo in itertools.islice(self._photos, wanted):
            drawn += 1
            self._under_way += 1
            future = self._pool.submit(prepare, photo, card=self._card)
            future.add_done_callback(self._ready.put)
        self.exhausted = drawn < wanted

    def take(self, *, timeout_s: float) -> Prepared | None:
        """The next photo that is ready, or None when none was within the time."""
        try:
            future = self._ready.get(timeout=timeout_s)
        except queue.Empty:
            return None
        self._under_way -= 1
        return future.result()
