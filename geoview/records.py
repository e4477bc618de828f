"""Frozen records that cross module and thread borders.

Boxes and points are in **oriented original pixels**: the photo as displayed after its EXIF
orientation, at full resolution, x to the right and y down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from geoview.masks import Mask

Status = Literal["new", "done", "failed"]
EvidencePlace = Literal["text plate", "reference cube", "border", "background"]
BoxXYXY = tuple[float, float, float, float]

CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Photo:
    """One file that the user offers as a photo.

    ``file`` is the path below the opened folder with forward slashes: the photo's name in the
    catalogue and in every export. ``size_bytes`` and ``mtime_ns`` tell whether it has changed.
    """

    path: Path
    file: str
    size_bytes: int
    mtime_ns: int
    well: str | None = None
    depth_m: float | None = None
    sample: str | None = None


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model made a number."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class LayerAssignment:
    """Probability of every geological layer; they add up to 1."""

    names: tuple[str, ...]
    probabilities: tuple[float, ...]

    @property
    def best(self) -> str:
        return self.names[max(range(len(self.names)), key=self.probabilities.__getitem__)]


@dataclass(frozen=True, slots=True)
class TilePrediction:
    """What the model says of one tile of a photo."""

    row: int
    col: int
    box_xyxy: BoxXYXY
    probabilities: tuple[float, ...]
    area_pct: tuple[float, ...] | None = None
    layer: LayerAssignment | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """Everything one model says of one photo.

    ``probabilities``, ``thresholds`` and ``area_pct`` run parallel to ``classes``; ``area_pct``
    adds up to 100 and is None for models that cannot estimate areas. ``dominant`` is None when
    no class reaches its threshold ("cannot tell").
    """

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    thresholds: tuple[float, ...]
    dominant: str | None
    width_px: int
    height_px: int
    model: ModelRef
    app_version: str
    created_utc: str
    device: str
    precision: str
    area_pct: tuple[float, ...] | None = None
    layer: LayerAssignment | None = None
    tiles: tuple[TilePrediction, ...] = ()
    multi_label: bool = True

    @property
    def uncertainty(self) -> float:
        """0 (certain) to 1: how near the most doubtful class lies to its threshold.

        For single-label models, one minus the best probability.
        """
        if not self.multi_label:
            return 1.0 - max(self.probabilities)
        return max(
            1.0 - abs(p - t) / ((1.0 - t) if p >= t else t)
            for p, t in zip(self.probabilities, self.thresholds, strict=True)
        )


@dataclass(frozen=True, slots=True)
class PhotoResult:
    """The outcome for one photo: a prediction, or the plain reason why there is none.

    ``evidence_warning`` is what the audit of its evidence found; empty if all is well, and for a
    photo that was not audited.
    """

    photo: Photo
    prediction: Prediction | None
    reason: str = ""
    evidence_warning: str = ""

    @property
    def status(self) -> Status:
        if self.prediction is not None:
            return "done"
        return "failed" if self.reason else "new"


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Evidence for one class over a photo.

    ``values`` is float32, shape (rows, cols), at least 0; it covers ``box_xyxy`` of the photo.
    ``peak`` is the raw maximum before any scaling for display: maps of several classes are
    compared on one scale with it, and a peak of 0 is "no evidence".
    """

    class_name: str
    method: str
    values: NDArray[np.float32]
    box_xyxy: BoxXYXY
    peak: float
    model: ModelRef


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Where one class lies in a photo, read from a heatmap (P2, section 6).

    ``mask`` is empty where ``reason`` says in plain words why there is none. Inside it the
    heatmap is above ``threshold``, in the heatmap's own raw values. ``road`` is ROAD-combined of
    the heatmap, None where it was not measured.
    """

    file: str
    class_name: str
    method: str
    model: ModelRef
    mask: Mask
    threshold: float
    road: float | None = None
    reason: str = ""

    @property
    def area_pct(self) -> float:
        """Share of the whole photo in %."""
        return 100 * self.mask.share


@dataclass(frozen=True, slots=True)
class AreaEstimate:
    """Area of every class in %, adding up to 100, and the way it was estimated."""

    classes: tuple[str, ...]
    area_pct: tuple[float, ...]
    method: str


@dataclass(frozen=True, slots=True)
class PlaceEvidence:
    """How much of the evidence for a class lies on one place that is not the specimen.

    ``evidence`` and ``area`` are the place's shares, 0…1, of the evidence and of the photo;
    ``warns`` says that this is most of the evidence and far more than an even spread.
    """

    class_name: str
    place: EvidencePlace
    evidence: float
    area: float
    warns: bool


@dataclass(frozen=True, slots=True)
class EvidenceAudit:
    """Whether a model's answer rests on what it should, for one photo; stored with its result."""

    file: str
    model: ModelRef
    method: str
    places: tuple[PlaceEvidence, ...]
    app_version: str
    created_utc: str

    @property
    def warning(self) -> str:
        """One or more sentences for the user; empty if all is well."""
        names = dict.fromkeys(found.class_name for found in self.places)
        return " ".join(filter(None, map(self.warning_of, names)))

    def warning_of(self, class_name: str) -> str:
        """As ``warning``, for one class."""
        return " ".join(
            f"Most of the evidence for {class_name} lies on the {found.place} "
            f"({100 * found.evidence:.0f} % of it, on {100 * found.area:.0f} % of the photo)."
            for found in self.places
            if found.warns and found.class_name == class_name
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """What a user action changed; views choose what to refresh."""

    photos: bool = False
    results: tuple[str, ...] = ()
    models: bool = False
    settings: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a long action."""

    done: int
    total: int
    rate_per_s: float = 0.0
    failed: int = 0

    @property
    def seconds_left(self) -> float | None:
        if self.rate_per_s <= 0:
            return None
        return (self.total - self.done) / self.rate_per_s


@dataclass(frozen=True, slots=True)
class Skipped:
    """Files a scan left out, counted by the reason."""

    counts: dict[str, int] = field(default_factory=dict)
