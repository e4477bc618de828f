"""Batched inference: decode threads → batches → device → results as they come.

A batch takes inputs of several photos, and a photo's tiles may be spread over batches. The
engine itself has no thread: who iterates over ``run`` owns the device (in the window that is
the one inference thread).
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType

import numpy as np

import geoview
from geoview.callbacks import ignore, never
from geoview.errors import ModelError
from geoview.models import combine
from geoview.models.bundle import LoadedModel
from geoview.models.combine import TileValues
from geoview.models.device import DeviceChoice
from geoview.models.prefetch import Prefetch, Prepared, default_workers
from geoview.models.runner import Runner
from geoview.records import Photo, PhotoResult, Prediction

# A batch that is not full is run after this long, so that slow decoding still shows results.
PATIENCE_S = 0.5
_POLL_S = 0.05
CPU_BATCH_PER_CORE = 4
GPU_BATCH = 64


@dataclass(slots=True, eq=False)
class _Open:
    """A decoded photo whose inputs are on their way through the network."""

    prepared: Prepared
    taken: int = 0
    values: list[TileValues | str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return 0 if self.prepared.inputs is None else len(self.prepared.inputs)


class Engine:
    """Runs one model over any number of photos on one device.

    ``batch`` is the number of inputs per forward pass and ``workers`` the number of decode
    threads; None chooses them. Use it as a context manager, or ``close`` it, to give the
    device's memory back.
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        choice: DeviceChoice,
        batch: int | None = None,
        workers: int | None = None,
    ) -> None:
        if model.card.task == "segmentation":
            raise ModelError(
                f"The model “{model.card.name}” finds objects for Measure and cannot analyse "
                "photos; choose another model."
            )
        self.model = model
        self.workers = workers or default_workers()
        self._notify: Callable[[str], None] = ignore
        self._early: list[str] = []
        on_cpu = min(GPU_BATCH, CPU_BATCH_PER_CORE * default_workers())
        size = batch or (on_cpu if choice.device == "cpu" else GPU_BATCH)
        self._runner = Runner(model, choice=choice, batch=size, notify=self._tell)
        self._closed = False
        self._gaps_told = False
        self._tiles_per_photo = 4 if model.card.preprocess.tiling else 1

    @property
    def choice(self) -> DeviceChoice:
        """The device and precision in use now; they change when memory runs out."""
        return self._runner.choice

    @property
    def runner(self) -> Runner:
        return self._runner

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End a run under way at its next batch and give the device's memory back."""
        self._closed = True
        self._runner.release()

    def run(
        self,
        photos: Iterable[Photo],
        *,
        cancelled: Callable[[], bool] = never,
        notify: Callable[[str], None] = ignore,
    ) -> Iterator[PhotoResult]:
        """Analyse photos; one result each, in the order in which they are finished.

        A photo that cannot be read, or that is too large for the memory even alone, gives a
        result with a reason. ``cancelled`` is asked between batches: the run then ends and
        photos without a result were not analysed. ``notify`` gets one sentence whenever the
        device, the precision or the batch size had to change. Closing the iterator early, too,
        leaves no thread behind.
        """
        self._notify = notify
        for message in self._early:
            notify(message)
        self._early.clear()
        self._gaps_told = False
        try:
            with Prefetch(photos, card=self.model.card, workers=self.workers) as prefetch:
                yield from self._results(prefetch, lambda: self._closed or cancelled())
        finally:
            self._runner.lanes.close()
            self._notify = ignore

    def _results(self, prefetch: Prefetch, stop: Callable[[], bool]) -> Iterator[PhotoResult]:
        waiting: deque[_Open] = deque()
        while not stop():
            yield from self._gather(prefetch, waiting, stop)
            if stop():
                return
            if not waiting:
                return
            yield from self._forward(waiting)

    def _gather(
        self, prefetch: Prefetch, waiting: deque[_Open], stop: Callable[[], bool]
    ) -> Iterator[PhotoResult]:
        """Wait until a batch is full, or time is up, or no more photos come."""
        deadline = time.monotonic() + PATIENCE_S
        while _inputs(waiting) < self._runner.batch and not prefetch.finished:
            prefetch.top_up(ahead=self._ahead())
            if stop() or (waiting and time.monotonic() > deadline):
                return
            prepared = prefetch.take(timeout_s=_POLL_S)
            if prepared is None:
                continue
            if prepared.inputs is None:
                yield PhotoResult(prepared.photo, None, reason=prepared.reason)
                continue
            self._mention_gaps(prepared)
            self._tiles_per_photo = len(prepared.inputs)
            waiting.append(_Open(prepared))
        prefetch.top_up(ahead=self._ahead())

    def _ahead(self) -> int:
        """Photos to hold ready: the decode threads' own and two batches."""
        return self.workers + max(2, math.ceil(2 * self._runner.batch / self._tiles_per_photo))

    def _forward(self, waiting: deque[_Open]) -> Iterator[PhotoResult]:
        """Run one batch, and yield the photos that it finishes."""
        owners, inputs = _next_batch(waiting, self._runner.batch)
        for owner, values in zip(owners, self._runner.run(inputs), strict=True):
            owner.values.append(values)
        while waiting and len(waiting[0].values) == waiting[0].total:
            yield self._result(waiting.popleft())

    def _result(self, done: _Open) -> PhotoResult:
        photo = done.prepared.photo
        reason = next((v for v in done.values if isinstance(v, str)), "")
        if reason:
            return PhotoResult(photo, None, reason=reason)
        values = TileValues.concatenate([v for v in done.values if not isinstance(v, str)])
        return PhotoResult(photo, self._prediction(done.prepared, values))

    def _prediction(self, prepared: Prepared, values: TileValues) -> Prediction:
        card, cut = self.model.card, prepared.plan
        assert cut is not None
        weights = np.array([tile.weight for tile in cut.tiles])
        probabilities = combine.photo_probabilities(values, card=card)
        area = combine.area_pct(values, weights=weights)
        layer = combine.layer_probabilities(values, weights=weights)
        tiled = card.preprocess.tiling is not None
        return Prediction(
            classes=tuple(card.classes),
            probabilities=tuple(float(p) for p in probabilities),
            thresholds=tuple(card.thresholds),
            dominant=combine.dominant(probabilities, area=area, card=card),
            width_px=prepared.width_px,
            height_px=prepared.height_px,
            model=self.model.ref,
            app_version=geoview.__version__,
            created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            device=self.choice.device,
            precision=self.choice.precision,
            area_pct=None if area is None else tuple(float(a) for a in area),
            layer=combine.layer_assignment(layer, card=card),
            tiles=combine.tile_predictions(values, tiles=cut.tiles, card=card) if tiled else (),
            multi_label=card.task == "multi-label",
        )

    def _mention_gaps(self, prepared: Prepared) -> None:
        if prepared.plan is not None and prepared.plan.gaps and not self._gaps_told:
            self._gaps_told = True
            self._notify(
                f"{prepared.photo.file} is so long that {len(prepared.plan.tiles)} tiles, evenly "
                "spread, stand for all of it; cut such photos into several to analyse every part."
            )

    def _tell(self, message: str) -> None:
        """Pass a message on; one from before the first run waits for it."""
        if self._notify is ignore:
            self._early.append(message)
        else:
            self._notify(message)


def _inputs(waiting: Iterable[_Open]) -> int:
    return sum(photo.total - photo.taken for photo in waiting)


def _next_batch(waiting: Iterable[_Open], size: int) -> tuple[list[_Open], np.ndarray]:
    """The next inputs in turn, [B, S, S, 3], and the photo each belongs to."""
    owners: list[_Open] = []
    parts = []
    for photo in waiting:
        room = size - len(owners)
        if room == 0:
            break
        assert photo.prepared.inputs is not None
        part = photo.prepared.inputs[photo.taken : photo.taken + room]
        photo.taken += len(part)
        owners += [photo] * len(part)
        parts.append(part)
    return owners, parts[0] if len(parts) == 1 else np.concatenate(parts)
