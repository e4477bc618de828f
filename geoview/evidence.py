"""Evidence in the photos of an opened folder: heatmaps, ROAD, masks, areas, the audit.

The window and the command line both use it. What is written to disk is in ``evidence_files``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from geoview.callbacks import ignore, never
from geoview.catalog.evidence import Evidence
from geoview.errors import Cancelled, PhotoError
from geoview.heatmaps import shown_classes
from geoview.project import Project
from geoview.rate import Rate
from geoview.records import (
    AreaEstimate,
    EvidenceAudit,
    Heatmap,
    Photo,
    PhotoResult,
    Prediction,
    Progress,
    Segmentation,
)
from geoview.settings import Settings

if TYPE_CHECKING:
    from geoview.explain.audit import AuditRules, Place, PlaceKind
    from geoview.explain.road import RoadScore
    from geoview.explain.segment import SegmentRules
    from geoview.measure.objects import Objects
    from geoview.models.card import ModelCard
    from geoview.models.engine import Engine

# Enough to find the plate's and the specimen's outline to a few original pixels.
LOOK_PX = 1200


@dataclass(frozen=True, slots=True)
class EvidenceWishes:
    """What is asked of every photo.

    ``classes`` of the model; empty for those that the model finds in the photo, or with
    ``all_classes`` for every one. ``methods``: the first is the one that masks and audit use.
    ``labels``: classes known to be in a file, for masks only where the model is right.
    ``road_above``: ROAD-combined that masks need, None for the usual (see ``segment_rules``).
    """

    classes: tuple[str, ...] = ()
    all_classes: bool = False
    methods: tuple[str, ...] = ("auto",)
    road: bool = False
    masks: bool = False
    road_above: float | None = None
    audit: bool = False
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class MethodEvidence:
    """The heatmaps of one method, one per class; ``roads`` is empty where it was not asked for."""

    heatmaps: tuple[Heatmap, ...]
    roads: tuple[RoadScore, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PhotoEvidence:
    """Everything that was asked of one photo.

    ``segmentations`` run parallel to the first method's heatmaps, or are empty. ``area`` is None
    where nothing reaches its threshold, and for models that give one answer for a photo.
    """

    result: PhotoResult
    methods: tuple[MethodEvidence, ...]
    segmentations: tuple[Segmentation, ...] = ()
    area: AreaEstimate | None = None
    audit: EvidenceAudit | None = None


def segment_rules(
    settings: Settings, *, card: ModelCard, road_above: float | None = None
) -> SegmentRules:
    """When a heatmap becomes a mask: ``road_above`` if given, else as in the settings.

    For models that look at trays in tiles ROAD then decides nothing: P2's limit was set on photos
    of one specimen, and on trays it refused every mask, also the best
    (``tests/benchmarks/segmentation.py`` prints both).
    """
    from geoview.explain.segment import SegmentRules

    usual = None if card.preprocess.tiling else settings.mask_road
    limit = usual if road_above is None else road_above
    return SegmentRules(road_above=limit, otsu_factor=settings.mask_otsu_factor)


def audit_rules(settings: Settings) -> AuditRules:
    from geoview.explain.audit import AuditRules

    return AuditRules(share=settings.audit_share, times=settings.audit_times)


def labels_of(data: Path, *, photos: Sequence[Photo]) -> dict[str, frozenset[str]]:
    """The classes that labelled data name for each of the photos, by file. Raises DataError.

    A photo that the data do not have is left out: nothing is known of it.
    """
    from geoview.training.data import load

    dataset = load(data)
    named: dict[Path, set[str]] = {}
    for item in dataset.items:
        there = zip(dataset.classes, item.labels, strict=True)
        named.setdefault(item.path.resolve(), set()).update(name for name, y in there if y > 0)
    paths = {photo.file: photo.path.resolve() for photo in photos}
    return {file: frozenset(named[path]) for file, path in paths.items() if path in named}


def examine(
    engine: Engine,
    result: PhotoResult,
    *,
    wishes: EvidenceWishes,
    settings: Settings,
    cancelled: Callable[[], bool] = never,
) -> PhotoEvidence:
    """The evidence in one analysed photo, in oriented original pixels.

    Raises PhotoError when the photo cannot be read any more, ModelError for a class or a method
    that the model does not have, and Cancelled.
    """
    made = result.prediction
    assert made is not None, "only an analysed photo has evidence"
    names = _classes(made, wishes)
    methods = tuple(
        _by_method(engine, result, names, method=method, road=wishes.road, cancelled=cancelled)
        for method in dict.fromkeys(wishes.methods)
    )
    from geoview.explain import area

    return PhotoEvidence(
        result=result,
        methods=methods,
        segmentations=_masks(engine, result, methods[0], wishes, settings, cancelled),
        area=area.estimate(made, methods[0].heatmaps),
        audit=audit_photo(engine.model.card, result, methods[0].heatmaps, settings=settings)
        if wishes.audit
        else None,
    )


def examine_folder(
    project: Project,
    engine: Engine,
    *,
    wishes: EvidenceWishes,
    settings: Settings,
    wanted: Callable[[PhotoResult], bool] = lambda _: True,
    cancelled: Callable[[], bool] = never,
    notify: Callable[[str], None] = ignore,
) -> Iterator[tuple[list[PhotoEvidence], Progress]]:
    """The evidence in every analysed photo that is ``wanted``, one photo after the other.

    Audits are in the catalogue before they are yielded. The first item has no photos; a photo
    that cannot be read any more is told by ``notify`` and counted as failed.
    """
    done = _analysed(project, engine)
    todo = [result for result in done if wanted(result)]
    before, failed, rate = len(done) - len(todo), 0, Rate()
    yield [], Progress(before, len(done))
    for number, result in enumerate(todo, start=before + 1):
        found: list[PhotoEvidence] = []
        try:
            found = [examine(engine, result, wishes=wishes, settings=settings, cancelled=cancelled)]
        except Cancelled:
            return
        except PhotoError as error:
            failed += 1
            notify(f"No evidence for {result.photo.file}: {error}")
        audits = [one.audit for one in found if one.audit is not None]
        Evidence(project.catalog).save(audits, model=engine.model.ref)
        yield found, Progress(number, len(done), rate.after(1), failed)


def audit_folder(
    project: Project,
    engine: Engine,
    *,
    settings: Settings,
    method: str = "auto",
    again: bool = False,
    cancelled: Callable[[], bool] = never,
    notify: Callable[[str], None] = ignore,
) -> Iterator[tuple[list[EvidenceAudit], Progress]]:
    """Audit the photos whose current result has none yet, or all ``again``.

    Yields audits that are already in the catalogue; the first item has none. Whatever ends the
    run, the next call continues there.
    """
    known = {} if again else Evidence(project.catalog).warnings(engine.model.ref)
    run = examine_folder(
        project,
        engine,
        wishes=EvidenceWishes(methods=(method,), audit=True),
        settings=settings,
        wanted=lambda result: result.photo.file not in known,
        cancelled=cancelled,
        notify=notify,
    )
    for found, progress in run:
        yield [one.audit for one in found if one.audit is not None], progress


def audit_photo(
    card: ModelCard, result: PhotoResult, heatmaps: Sequence[Heatmap], *, settings: Settings
) -> EvidenceAudit:
    """Where the evidence of a photo's heatmaps lies. Raises PhotoError."""
    from geoview.explain.audit import audit

    rules = audit_rules(settings)
    places = places_in(result.photo, card=card, rules=rules)
    return audit(result.photo.file, heatmaps, places=places, rules=rules)


def places_in(photo: Photo, *, card: ModelCard, rules: AuditRules) -> list[Place]:
    """What may mislead a model in a photo, and the specimens. Raises PhotoError.

    For models that look at trays in tiles that is the tray's rim, if the photo shows one; for
    others plates, cubes and the border strip.
    """
    from geoview.explain import tray
    from geoview.explain.audit import border_strip, rim
    from geoview.photos.decode import decode

    picture = decode(photo.path, at_least_px=LOOK_PX)
    width, height = picture.width_px, picture.height_px
    if card.preprocess.tiling is not None:
        sides = tray.rim_px(picture.pixels, width_px=width, height_px=height)
        return [] if sides is None else rim(width, height, sides=sides)
    from geoview.measure import objects

    found = objects.find(picture.pixels, width_px=width, height_px=height)
    return [*_outlines(found), *border_strip(width, height, rules=rules)]


def _outlines(found: Objects) -> list[Place]:
    from geoview.explain.audit import Place

    names: dict[str, PlaceKind] = {
        "specimen": "specimen", "cube": "reference cube", "plate": "text plate",
    }  # fmt: skip
    return [
        Place(names[thing.kind], thing.outline_px) for thing in found.found if thing.kind in names
    ]


def _classes(made: Prediction, wishes: EvidenceWishes) -> tuple[str, ...]:
    if wishes.all_classes:
        return made.classes
    return wishes.classes or shown_classes(made)


def _by_method(
    engine: Engine,
    result: PhotoResult,
    names: Sequence[str],
    *,
    method: str,
    road: bool,
    cancelled: Callable[[], bool],
) -> MethodEvidence:
    from geoview.explain.cam import explain_classes
    from geoview.explain.road import road_of

    heatmaps = explain_classes(
        engine, result.photo, class_names=names, method=method, cancelled=cancelled
    )
    roads = road_of(engine, result.photo, heatmaps, cancelled=cancelled) if road else []
    return MethodEvidence(tuple(heatmaps), tuple(roads))


def _masks(
    engine: Engine,
    result: PhotoResult,
    evidence: MethodEvidence,
    wishes: EvidenceWishes,
    settings: Settings,
    cancelled: Callable[[], bool],
) -> tuple[Segmentation, ...]:
    if not wishes.masks:
        return ()
    from geoview.explain.segment import segment_photo

    found = segment_photo(
        engine,
        result,
        evidence.heatmaps,
        rules=segment_rules(settings, card=engine.model.card, road_above=wishes.road_above),
        labels=wishes.labels.get(result.photo.file),
        roads=[score.combined for score in evidence.roads],
        cancelled=cancelled,
    )
    return tuple(found)


def _analysed(project: Project, engine: Engine) -> list[PhotoResult]:
    """Results with a prediction, with tiles where areas have to be estimated from them."""
    model = engine.model.ref
    found = []
    for result in project.results(model):
        made = result.prediction
        if made is not None and made.area_pct is None and engine.model.card.preprocess.tiling:
            tiles = project.catalog.tiles(result.photo.file, model.sha256)
            result = replace(result, prediction=replace(made, tiles=tiles))
        if made is not None:
            found.append(result)
    return found
