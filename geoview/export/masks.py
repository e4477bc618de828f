"""Masks in the formats that annotation and mapping programs read.

Everything is in oriented original pixels: the photo as displayed after its EXIF orientation,
x to the right and y down, the corner of the first pixel at 0, 0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geoview
from geoview import files, masks
from geoview.masks import Ring
from geoview.records import Segmentation
from geoview.taxonomy import lithology

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    PhotoMasks = tuple[str, Sequence[Segmentation]]

# Polygons leave the mask's own steps by at most this; they are then a tenth as long.
POLYGON_PX = 1.0


def write_mask(path: Path, segmentation: Segmentation) -> None:
    """One class as a grey PNG: 255 inside, 0 outside."""
    import numpy as np
    from PIL import Image

    inside = masks.unpack(segmentation.mask)
    image = Image.fromarray(np.where(inside, np.uint8(255), np.uint8(0)))
    with files.replacing(path) as temporary:
        image.save(temporary, "PNG", optimize=True)


def write_indexed(path: Path, labels: NDArray[np.uint8], *, classes: Sequence[str]) -> None:
    """All classes in one PNG with a palette: 0 none, i + 1 the i-th of ``classes``.

    The names stand in the file's text field "classes" as a JSON list.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    image = Image.fromarray(labels).convert("P")
    colours = [(0, 0, 0), *(_rgb(lithology(name).colour) for name in classes)]
    image.putpalette([value for colour in colours for value in colour])
    notes = PngInfo()
    notes.add_text("classes", json.dumps([None, *classes]))
    with files.replacing(path) as temporary:
        image.save(temporary, "PNG", optimize=True, pnginfo=notes)


def write_coco(path: Path, photos: Sequence[PhotoMasks], *, classes: Sequence[str]) -> None:
    """All photos as one COCO file; a class without a mask has no annotation."""
    files.write_text(path, json.dumps(coco(photos, classes=classes), separators=(",", ":")))


def coco(photos: Sequence[PhotoMasks], *, classes: Sequence[str]) -> dict[str, Any]:
    """COCO instances with uncompressed run lengths, which pycocotools reads as they are.

    ``photos`` are files with their segmentations, at least one each. ``iscrowd`` is 0, so that
    evaluations count the masks.
    """
    numbers = {name: number for number, name in enumerate(classes, start=1)}
    images = [
        {"id": i, "file_name": file, "width": s[0].mask.width_px, "height": s[0].mask.height_px}
        for i, (file, s) in enumerate(photos, start=1)
    ]
    found = [
        (i, one) for i, (_, each) in enumerate(photos, start=1) for one in each if one.mask.area_px
    ]
    return {
        "info": {"description": f"Masks from heatmaps, GeoView {geoview.__version__}"},
        "licenses": [],
        "images": images,
        "categories": [{"id": n, "name": name, "supercategory": ""} for name, n in numbers.items()],
        "annotations": [
            _annotation(one, number=n, image=i, category=numbers[one.class_name])
            for n, (i, one) in enumerate(found, start=1)
        ],
    }


def _annotation(one: Segmentation, *, number: int, image: int, category: int) -> dict[str, Any]:
    x0, y0, x1, y1 = one.mask.box_xyxy
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": {
            "size": [one.mask.height_px, one.mask.width_px],
            "counts": list(one.mask.counts),
        },
        "area": one.mask.area_px,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "iscrowd": 0,
        "attributes": _about(one),
    }


def write_polygons(path: Path, photos: Sequence[PhotoMasks]) -> None:
    """All photos as one GeoJSON-like collection of polygons."""
    files.write_text(path, json.dumps(polygons(photos), separators=(",", ":"), ensure_ascii=False))


def polygons(photos: Sequence[PhotoMasks]) -> dict[str, Any]:
    """A FeatureCollection in pixels instead of degrees, one feature per photo and class found."""
    return {
        "type": "FeatureCollection",
        "frame": "oriented original pixels, x to the right, y down",
        "features": [
            _feature(file, one) for file, each in photos for one in each if one.mask.area_px
        ],
    }


def _feature(file: str, one: Segmentation) -> dict[str, Any]:
    pieces = masks.outlines(one.mask, within_px=POLYGON_PX)
    places = [[_closed(ring) for ring in (piece.border, *piece.holes)] for piece in pieces]
    return {
        "type": "Feature",
        "properties": {
            "file": file,
            "class": one.class_name,
            "area_px": one.mask.area_px,
            "area_pct": one.area_pct,
            **_about(one),
        },
        "geometry": {"type": "MultiPolygon", "coordinates": places},
    }


def _closed(ring: Ring) -> list[list[int]]:
    return [list(point) for point in (*ring, ring[0])]


def _about(one: Segmentation) -> dict[str, Any]:
    return {
        "method": one.method,
        "threshold": one.threshold,
        "road_combined": one.road,
        "model": one.model.name,
        "model_sha256": one.model.sha256,
        "app_version": geoview.__version__,
    }


def _rgb(colour: str) -> tuple[int, int, int]:
    """#rrggbb → levels."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue
