"""Earlier measurements brought up to what is asked now, without looking at the photos again."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from geoview.catalog.measurements import Measurements
from geoview.measure.corrections import corrected, with_cube_edge, with_inherited
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement, Scale
from geoview.photos.names import parse_name
from geoview.project import Project
from geoview.records import Photo


class Remeasured:
    """The measurements kept of a folder, as ``user`` changes many of them in one go."""

    def __init__(self, project: Project, kept: Measurements, *, user: str) -> None:
        self._project = project
        self._kept = kept
        self._user = user

    def with_other_edge(self, edge_mm: float) -> set[str]:
        """Photos that a person has corrected, measured by a cube of another edge than this, their
        own or that of the photo they have their scale from."""
        other = {
            m.file: m.scale
            for m in self._kept.current(outlines=False, corrected=True).values()
            if m.scale is not None and m.scale.reference_mm != edge_mm
        }
        froms = {scale.inherited_from for scale in other.values() if scale.inherited_from}
        by_cube = {name for name in froms if self._is_by_cube(name)}
        return {
            file
            for file, scale in other.items()
            if scale.source == "cube" or scale.inherited_from in by_cube
        }

    def _is_by_cube(self, file: str) -> bool:
        one = self._kept.one(file)
        return one is not None and one.scale is not None and one.scale.source == "cube"

    def without_number(self, made_with: Mapping[str, str]) -> set[str]:
        """Photos without a catalogue number whose text plate has not been read, by the settings
        they were ``made_with``."""
        return {
            m.file
            for m in self._kept.current(outlines=False).values()
            if not (m.catalogue_no or m.user or m.is_unreadable)
            and not json.loads(made_with.get(m.file) or "{}").get("read_plates")
        }

    def edged(self, files: Collection[str], edge_mm: float) -> list[Measurement]:
        """Give corrected measurements the cube's edge that it has; undone in one go."""
        grown = [with_cube_edge(m, edge_mm, user=self._user) for m in self._each(files)]
        return self._together(grown, f"cube of {edge_mm:g} mm, {uuid.uuid4().hex}")

    def inheriting(self, from_file: str) -> list[str]:
        """Photos measured by the scale that ``from_file`` had before it was corrected."""
        first = self._kept.one(from_file)
        if first is None or first.scale is None:
            return []
        now = first.scale.mm_per_px
        return [
            m.file
            for m in self._kept.current(outlines=False, corrected=True).values()
            if m.scale is not None
            and (m.scale.source, m.scale.inherited_from) == ("inherited", from_file)
            and not math.isclose(m.scale.mm_per_px, now)
        ]

    def scaled(
        self, files: Collection[str], scale: Scale, name: str, *, options: MeasureOptions
    ) -> list[Measurement]:
        """Give photos without a scale, of which a person has set something else, that of another
        photo, all under ``name``."""
        given = replace(options, scale=scale)
        found = [corrected(m, user=self._user, options=given) for m in self._each(files)]
        return self._together(found, name)

    def rescaled(self, files: Collection[str], scale: Scale, name: str) -> list[Measurement]:
        """Give measurements by another photo's scale that scale as it is now, all under ``name``
        as what is undone in one go."""
        found = [with_inherited(m, scale, user=self._user) for m in self._each(files)]
        return self._together(found, name)

    def numbered(self, patterns: Sequence[str]) -> list[Measurement]:
        """Give the photos that nobody has corrected the numbers that ``patterns`` read in their
        names; those whose number changed."""
        numbers = {
            photo.file: name.sample
            for photo in self._project.photos
            if (name := parse_name(photo.file, patterns=patterns)) and name.sample
        }
        known = self._kept.current(outlines=False)
        files = {
            file
            for file, number in numbers.items()
            if file in known and not known[file].user and known[file].catalogue_no != number
        }
        made_with = self._kept.made_with() if files else {}
        found = [replace(m, catalogue_no=numbers[m.file]) for m in self._each(files)]
        for settings in {made_with[m.file] for m in found}:
            some = self._pairs(m for m in found if made_with[m.file] == settings)
            self._kept.add(some, made_with=settings)
        return found

    def _each(self, files: Collection[str]) -> list[Measurement]:
        """What holds of some photos, with outlines, in the order of the folder."""
        found = (self._kept.one(p.file) for p in self._project.photos if p.file in files)
        return [one for one in found if one is not None]

    def _together(self, corrected: Sequence[Measurement], name: str) -> list[Measurement]:
        return self._kept.add(self._pairs(corrected), made_with=name, over_corrections=True)

    def _pairs(self, some: Iterable[Measurement]) -> list[tuple[Photo, Measurement]]:
        photos = {photo.file: photo for photo in self._project.photos}
        return [(photos[one.file], one) for one in some]
