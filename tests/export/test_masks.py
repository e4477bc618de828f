"""Masks as other programs read them: PNG, COCO, polygons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from geoview import masks
from geoview.export import masks as exported
from geoview.records import ModelRef, Segmentation

CLASSES = ("sandstone", "shale", "malachite")
MODEL = ModelRef("m", "ab" * 32)


def segmentation(file: str, name: str, inside: np.ndarray, reason: str = "") -> Segmentation:
    return Segmentation(file, name, "grad-cam", MODEL, masks.pack(inside), 0.25, 0.31, reason)


@pytest.fixture
def photos() -> list[tuple[str, list[Segmentation]]]:
    """Two photos of different shapes; the second has an empty mask too."""
    y, x = np.mgrid[:60, :100]
    ring = np.hypot(x - 50, y - 30)
    ring = (ring < 25) & (ring > 10)
    corner = np.zeros((80, 40), bool)
    corner[:10, :7] = True
    corner[70:, 30:] = True
    nothing = np.zeros((80, 40), bool)
    return [
        ("Größe.jpg", [segmentation("Größe.jpg", "sandstone", ring)]),
        (
            "b.jpg",
            [
                segmentation("b.jpg", "malachite", corner),
                segmentation("b.jpg", "shale", nothing, "no evidence"),
            ],
        ),
    ]


def by_definition(rle: dict[str, Any]) -> np.ndarray:
    """COCO's uncompressed run lengths, decoded with nothing but the definition."""
    height, width = rle["size"]
    flat = [i % 2 for i, count in enumerate(rle["counts"]) for _ in range(count)]
    return np.array(flat, bool).reshape(width, height).T


def test_coco_is_whole_and_decodes_to_the_masks(tmp_path: Path, photos: Any) -> None:
    exported.write_coco(tmp_path / "m.json", photos, classes=CLASSES)
    data = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    images = {image["id"]: image for image in data["images"]}
    names = {category["id"]: category["name"] for category in data["categories"]}
    assert [image["file_name"] for image in images.values()] == ["Größe.jpg", "b.jpg"]
    assert set(names.values()) == set(CLASSES)
    assert 0 not in names
    notes = data["annotations"]
    assert len({note["id"] for note in notes}) == len(notes) == 2
    for note, one in zip(notes, (photos[0][1][0], photos[1][1][0]), strict=True):
        inside = by_definition(note["segmentation"])
        image = images[note["image_id"]]
        assert inside.shape == (image["height"], image["width"])
        assert np.array_equal(inside, masks.unpack(one.mask))
        assert names[note["category_id"]] == one.class_name
        assert note["area"] == inside.sum()
        rows, columns = np.nonzero(inside)
        x, y, w, h = note["bbox"]
        assert (x, y) == (columns.min(), rows.min())
        assert (x + w, y + h) == (columns.max() + 1, rows.max() + 1)
        assert note["iscrowd"] == 0
        assert note["attributes"]["model_sha256"] == MODEL.sha256


def test_polygons_cover_the_masks_and_keep_their_holes(tmp_path: Path, photos: Any) -> None:
    exported.write_polygons(tmp_path / "m.geojson", photos)
    data = json.loads((tmp_path / "m.geojson").read_text(encoding="utf-8"))
    assert data["type"] == "FeatureCollection"
    first, second = data["features"]
    assert (first["properties"]["file"], first["properties"]["class"]) == ("Größe.jpg", "sandstone")
    assert [len(piece) for piece in first["geometry"]["coordinates"]] == [2]
    assert [len(piece) for piece in second["geometry"]["coordinates"]] == [1, 1]
    for feature, one in zip(data["features"], (photos[0][1][0], photos[1][1][0]), strict=True):
        assert drawn(feature, one) > 0.93
        for piece in feature["geometry"]["coordinates"]:
            for number, ring in enumerate(piece):
                assert ring[0] == ring[-1]
                assert (turned(ring) > 0) == (number == 0)


def drawn(feature: dict[str, Any], one: Segmentation) -> float:
    """Overlap of the polygons, drawn by another library, with the mask (IoU)."""
    image = Image.new("1", (one.mask.width_px * 8, one.mask.height_px * 8))
    for piece in feature["geometry"]["coordinates"]:
        for number, ring in enumerate(piece):
            points = [(x * 8, y * 8) for x, y in ring]
            ImageDraw.Draw(image).polygon(points, fill=1 - min(number, 1))
    found, truth = np.asarray(image)[4::8, 4::8], masks.unpack(one.mask)
    return float((found & truth).sum() / (found | truth).sum())


def turned(ring: list[list[int]]) -> float:
    x, y = np.array(ring, float).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())


def test_one_class_as_a_picture(tmp_path: Path, photos: Any) -> None:
    one = photos[0][1][0]
    exported.write_mask(tmp_path / "größe.png", one)
    with Image.open(tmp_path / "größe.png") as image:
        assert image.size == (100, 60)
        assert np.array_equal(np.asarray(image) == 255, masks.unpack(one.mask))


def test_all_classes_in_one_picture_with_their_names(tmp_path: Path) -> None:
    labels = np.array([[0, 1, 2], [3, 3, 0]], np.uint8)
    exported.write_indexed(tmp_path / "m.png", labels, classes=CLASSES)
    with Image.open(tmp_path / "m.png") as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), labels)
        assert json.loads(image.info["classes"]) == [None, *CLASSES]
        colours = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert len({tuple(c) for c in colours.tolist()}) == 4
