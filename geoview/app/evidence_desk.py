"""Wishes for heatmaps: held until a model is ready, and only the newest of a place answered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from geoview.app.inference import InferenceThread
from geoview.app.worker import HeatmapAnswer, Place
from geoview.records import PhotoResult, Prediction

# Of a model with thousands of classes only the most probable are explained.
MOST_CLASSES = 48


@dataclass(frozen=True, slots=True)
class Wish:
    """Heatmaps of some classes, over the photo ("main") or beside it, perhaps of another model."""

    class_names: tuple[str, ...]
    method: str = "auto"
    model: Path | None = None
    place: Place = "main"


class EvidenceDesk(QObject):
    """``answered(HeatmapAnswer)`` brings heatmaps, or the reason why there are none."""

    answered = Signal(object)

    def __init__(self, inference: InferenceThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._inference = inference
        self._ready = False
        self._wishes: dict[Place, tuple[PhotoResult, Wish]] = {}
        self._asked: dict[Place, int] = {}
        inference.heatmap_ready.connect(self._answer)

    def want(self, result: PhotoResult, wish: Wish) -> None:
        """Ask for heatmaps of an analysed photo, as soon as a model is ready."""
        if result.prediction is None:
            self._wishes.pop(wish.place, None)
            return
        self._wishes[wish.place] = (result, wish)
        if self._ready:
            self._ask(result, wish)

    def forget(self) -> None:
        """Another photo is shown: nothing asked for is wanted any more."""
        self._wishes.clear()
        self._asked.clear()
        self._inference.forget_heatmap()

    def set_ready(self, ready: bool) -> None:
        """Whether a model is loaded; wishes that waited for it are asked now."""
        self._ready = ready
        if ready:
            for result, wish in list(self._wishes.values()):
                self._ask(result, wish)

    def _ask(self, result: PhotoResult, wish: Wish) -> None:
        self._asked[wish.place] = self._inference.explain(
            result.photo,
            class_names=wish.class_names,
            method=wish.method or "auto",
            model=wish.model,
            place=wish.place,
        )

    def _answer(self, answer: HeatmapAnswer) -> None:
        place = answer.request.place
        if answer.request.id == self._asked.get(place):
            self._wishes.pop(place, None)
            self.answered.emit(answer)


def classes_from(name: str, prediction: Prediction) -> tuple[str, ...]:
    """A class, then the others, the most probable first."""
    ranked = sorted(zip(prediction.probabilities, prediction.classes, strict=True), reverse=True)
    names = (name, *(other for _, other in ranked if other != name))
    return names[:MOST_CLASSES]
