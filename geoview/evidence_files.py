"""The evidence in a folder of photos as files: pictures, masks, and three tables of everything.

Beside the pictures lies a folder ``.evidence`` with one small JSON file per finished photo. From
these the tables are made at the end, and by them a run that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geoview
from geoview import files
from geoview.errors import DataError
from geoview.evidence import EvidenceWishes, PhotoEvidence
from geoview.export import evidence_csv
from geoview.export import masks as exported
from geoview.heatmaps import SHORT_SIDE_PX, in_a_name, reduced, write_overlay
from geoview.masks import Mask
from geoview.photos.decode import decode
from geoview.records import Heatmap, ModelRef, PhotoResult, Prediction, Segmentation
from geoview.settings import Settings

if TYPE_CHECKING:
    from geoview.explain.road import RoadScore

JOURNAL = ".evidence"
Row = dict[str, str | float | None]


@dataclass(frozen=True, slots=True)
class Finished:
    """What is known of a finished photo without its maps."""

    rows: tuple[Row, ...]
    segmentations: tuple[Segmentation, ...]


class EvidenceFiles:
    """Writes what is found in the photos of one folder into ``folder``.

    Raises DataError when it cannot be written.
    """

    def __init__(
        self, folder: Path, *, model: ModelRef, wishes: EvidenceWishes, settings: Settings
    ) -> None:
        self._folder = folder
        self._model = model
        self._wishes = wishes
        self._settings = settings
        self._asked = _asked(model, wishes, settings)

    def missing(self, result: PhotoResult) -> bool:
        """Whether a photo, as it is now and with this answer, has not been finished yet."""
        return self._read(result) is None

    def write(self, found: PhotoEvidence) -> list[Path]:
        """Write the pictures of one photo, then note it as finished; returns the pictures."""
        try:
            pictures = [*self._pictures(found), *self._masks(found)]
            note = {
                "key": self._key(found.result),
                "rows": _rows(found),
                "masks": [_packed(one) for one in found.segmentations],
            }
            files.write_text(self._note(found.result), json.dumps(note))
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        return pictures

    def finish(
        self,
        results: Sequence[PhotoResult],
        *,
        csv: Path,
        coco: Path | None = None,
        polygons: Path | None = None,
        classes: Sequence[str],
    ) -> None:
        """Write the tables of all finished photos among ``results``."""
        done = {r.photo.file: note for r in results if (note := self._read(r)) is not None}
        photos = [(file, one.segmentations) for file, one in done.items() if one.segmentations]
        target = csv
        try:
            evidence_csv.write_evidence(csv, (row for one in done.values() for row in one.rows))
            if coco is not None:
                target = coco
                exported.write_coco(coco, photos, classes=classes)
            if polygons is not None:
                target = polygons
                exported.write_polygons(polygons, photos)
        except OSError as error:
            raise _unwritable(target, error) from error

    def _pictures(self, found: PhotoEvidence) -> Iterator[Path]:
        from geoview.explain.grid import Look, grid_png

        made, file = _made(found), found.result.photo.file
        pixels = reduced(decode(found.result.photo.path, at_least_px=SHORT_SIDE_PX).pixels)
        for method in found.methods:
            top = max(heatmap.peak for heatmap in method.heatmaps)
            for heatmap in method.heatmaps:
                path = self._folder / f"{file}.{self._name(heatmap)}.png"
                write_overlay(path, pixels, heatmap, made=made, settings=self._settings, top=top)
                yield path
        data = grid_png(
            pixels,
            [method.heatmaps for method in found.methods],
            width_px=made.width_px,
            height_px=made.height_px,
            captions=[_captions(made, method.heatmaps, method.roads) for method in found.methods],
            title=file,
            look=Look(self._settings.heatmap_opacity, self._settings.heatmap_colormap),
        )
        path = self._folder / f"{file}.all.png"
        with files.replacing(path) as temporary:
            temporary.write_bytes(data)
        yield path

    def _name(self, heatmap: Heatmap) -> str:
        name = in_a_name(heatmap.class_name)
        return name if len(self._wishes.methods) == 1 else f"{name}.{in_a_name(heatmap.method)}"

    def _masks(self, found: PhotoEvidence) -> Iterator[Path]:
        from geoview.explain.segment import label_map

        each, file = found.segmentations, found.result.photo.file
        for one in each:
            if not one.reason:
                path = self._folder / f"{file}.{in_a_name(one.class_name)}.mask.png"
                exported.write_mask(path, one)
                yield path
        if any(not one.reason for one in each) and len(each) <= 255:
            path = self._folder / f"{file}.masks.png"
            labels = label_map(each, found.methods[0].heatmaps)
            exported.write_indexed(path, labels, classes=[one.class_name for one in each])
            yield path

    def _note(self, result: PhotoResult) -> Path:
        return self._folder / JOURNAL / f"{result.photo.file}.json"

    def _key(self, result: PhotoResult) -> str:
        """The answer, the photo and everything asked for, so that a change of any starts anew.

        The time of the answer stands for the file's date, which a copy of the folder may lose: a
        photo that has really changed has another answer, or none.
        """
        made = result.prediction
        when = made.created_utc if made else ""
        return _digest([self._asked, result.photo.size_bytes, when])

    def _read(self, result: PhotoResult) -> Finished | None:
        try:
            note = json.loads(self._note(result).read_bytes())
            if note["key"] != self._key(result):
                return None
            file = result.photo.file
            masks = tuple(_unpacked(file, self._model, one) for one in note["masks"])
            return Finished(tuple(note["rows"]), masks)
        except (OSError, ValueError, KeyError, TypeError):
            # Not finished yet, or a note that was cut off or altered: the photo is done again.
            return None


def _asked(model: ModelRef, wishes: EvidenceWishes, settings: Settings) -> str:
    looks = (
        settings.heatmap_colormap, settings.heatmap_opacity, settings.mask_road,
        settings.mask_otsu_factor, settings.audit_share, settings.audit_times,
    )  # fmt: skip
    labels = sorted((file, sorted(names)) for file, names in wishes.labels.items())
    asked = (
        wishes.classes, wishes.all_classes, wishes.methods, wishes.road, wishes.masks,
        wishes.road_above, wishes.audit,
    )  # fmt: skip
    return _digest([geoview.__version__, model.sha256, asked, labels, looks])


def _digest(what: object) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def _made(found: PhotoEvidence) -> Prediction:
    assert found.result.prediction is not None, "only an analysed photo has evidence"
    return found.result.prediction


def _captions(
    made: Prediction, heatmaps: Sequence[Heatmap], roads: Sequence[RoadScore]
) -> list[str]:
    known = dict(zip(made.classes, made.probabilities, strict=True))
    words = [f"{h.class_name} {known[h.class_name]:.2f}" for h in heatmaps]
    words = [
        text if heatmap.peak > 0 else f"{text}, no evidence"
        for text, heatmap in zip(words, heatmaps, strict=True)
    ]
    if not roads:
        return words
    return [f"{text} · ROAD {road.combined:.2f}" for text, road in zip(words, roads, strict=True)]


def _rows(found: PhotoEvidence) -> list[Row]:
    return [
        _row(found, heatmap, method.roads[i] if method.roads else None, first=number == 0)
        for number, method in enumerate(found.methods)
        for i, heatmap in enumerate(method.heatmaps)
    ]


def _row(found: PhotoEvidence, heatmap: Heatmap, road: RoadScore | None, *, first: bool) -> Row:
    """One row; masks and the audit belong to the first method only."""
    made, photo, name = _made(found), found.result.photo, heatmap.class_name
    at = made.classes.index(name)
    row: Row = {
        "file": photo.file,
        "depth_m": photo.depth_m,
        "class": name,
        "probability": made.probabilities[at],
        "threshold": made.thresholds[at],
        "method": heatmap.method,
        "peak": heatmap.peak,
        "model": heatmap.model.name,
        "model_sha256": heatmap.model.sha256,
        "app_version": geoview.__version__,
    }
    if road is not None:
        row |= {"road_morf": road.morf, "road_lerf": road.lerf, "road_combined": road.combined}
    if found.area is not None:
        row |= {"area_pct": found.area.area_pct[at], "area_method": found.area.method}
    return row | (_first_method(found, name) if first else {})


def _first_method(found: PhotoEvidence, name: str) -> Row:
    row: Row = {}
    for one in found.segmentations:
        if one.class_name == name:
            row |= {"mask_reason": one.reason, "road_combined": one.road}
            row["mask_area_pct"] = None if one.reason else one.area_pct
    if found.audit is not None:
        for place in found.audit.places:
            if place.class_name == name:
                row[f"evidence_{place.place.replace(' ', '_')}"] = place.evidence
        row["evidence_warning"] = found.audit.warning_of(name)
    return row


def _packed(one: Segmentation) -> dict[str, Any]:
    mask = one.mask
    return {
        "class": one.class_name,
        "method": one.method,
        "size": [mask.width_px, mask.height_px],
        "counts": mask.counts,
        "threshold": one.threshold,
        "road": one.road,
        "reason": one.reason,
    }


def _unpacked(file: str, model: ModelRef, note: Mapping[str, Any]) -> Segmentation:
    width, height = note["size"]
    return Segmentation(
        file=file,
        class_name=note["class"],
        method=note["method"],
        model=model,
        mask=Mask(width, height, tuple(note["counts"])),
        threshold=note["threshold"],
        road=note["road"],
        reason=note["reason"],
    )


def _unwritable(place: Path, error: OSError) -> DataError:
    return DataError(
        f"Could not write {place} ({error.strerror or error}); choose another place or free some "
        "space. Finished photos are kept."
    )
