"""Objects in photos: what is found, where its outline runs, and in which pixels."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from geoview.errors import ModelError
from geoview.measure import checks, looking, objects, outline, worded
from geoview.measure.objects import Objects, find
from geoview.photos.decode import decode
from geoview.records import ModelRef

SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "samples" / "specimens"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "specimens"


def disc(shape: tuple[int, int], *, x: float, y: float, radius: float) -> np.ndarray:
    """Share of each pixel that a disc covers (pixel edges at whole numbers)."""
    row, col = np.mgrid[: shape[0] * 4, : shape[1] * 4]
    inside = np.hypot((col + 0.5) / 4 - x, (row + 0.5) / 4 - y) < radius
    return inside.reshape(shape[0], 4, shape[1], 4).mean((1, 3)).astype(np.float32)


def side_lengths(polygon: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    _, (a, b), _ = cv2.minAreaRect(np.array(polygon, np.float32))
    return max(a, b), min(a, b)


def test_a_traced_disc_has_its_true_size_and_place() -> None:
    points = outline.traced(disc((120, 160), x=70.3, y=55.8, radius=40))
    distance = np.hypot(points[:, 0] - 70.3, points[:, 1] - 55.8)
    assert abs(distance.mean() - 40) < 0.3
    assert distance.max() - distance.min() < 1.5


def test_a_traced_disc_at_the_frame_does_not_leave_it() -> None:
    points = outline.traced(disc((60, 60), x=0, y=30, radius=20))
    assert points.min() >= -0.01
    assert points[:, 0].max() == pytest.approx(20, abs=0.6)


def test_nothing_to_trace_gives_no_points() -> None:
    assert outline.traced(np.zeros((20, 20), np.float32)).shape == (0, 2)


def test_simplifying_keeps_the_outline() -> None:
    points = outline.traced(disc((120, 160), x=70, y=60, radius=50))
    polygon = outline.simplified(points, tolerance=0.3)
    assert len(polygon) < len(points) / 2
    area = cv2.contourArea(np.array(polygon, np.float32))
    assert area == pytest.approx(np.pi * 50**2, rel=0.01)


@pytest.mark.parametrize("light", [60, 150])
def test_refining_moves_a_wrong_border_to_the_one_in_the_picture(light: int) -> None:
    true = disc((240, 240), x=120, y=120, radius=80)
    rng = np.random.default_rng(4)
    colours = np.array([light, light, light + 20.0]) * (1 - true[..., None])
    colours = colours + np.array([190, 90, 60.0]) * true[..., None]
    picture = np.clip(colours + rng.normal(0, 6, colours.shape), 0, 255).astype(np.uint8)
    wrong = cv2.GaussianBlur(disc((240, 240), x=123, y=118, radius=76), (0, 0), 3)
    points = outline.traced(outline.refined(wrong, picture=picture, band_px=10))
    off = np.abs(np.hypot(*(points - 120).T) - 80)
    before = np.abs(np.hypot(*(outline.traced(wrong) - 120).T) - 80)
    assert off.mean() < 0.8 < before.mean()


def test_refining_leaves_a_border_that_the_picture_does_not_show() -> None:
    share = cv2.GaussianBlur(disc((200, 200), x=100, y=100, radius=60), (0, 0), 4)
    flat = np.full((200, 200, 3), 120, np.uint8)
    points = outline.traced(outline.refined(share, picture=flat, band_px=8))
    assert np.abs(np.hypot(*(points - 100).T) - 60).mean() < 1


def scene(pixels: np.ndarray) -> np.ndarray:
    """What a perfect network says of a painted picture: red specimen, grey cube, white plate."""
    small = cv2.resize(pixels, (128, round(128 * pixels.shape[0] / pixels.shape[1])),
                       interpolation=cv2.INTER_NEAREST).astype(int)  # fmt: skip
    shares = np.zeros((*small.shape[:2], 5), np.float32)
    red, grey = small[..., 0] > small[..., 2] + 60, small.min(-1) > 60
    white = small.min(-1) > 200
    kind = np.where(red, 1, np.where(white, 3, np.where(grey, 2, 0)))
    np.put_along_axis(shares, kind[..., None], 1.0, axis=2)
    return shares


class Net:
    shares = staticmethod(scene)
    ref = ModelRef("painted", "f00d")


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    from geoview.models import segmenting

    monkeypatch.setattr(segmenting, "segmenting", lambda: Net)
    picture = np.full((600, 800, 3), (20, 30, 40), np.uint8)
    cv2.ellipse(picture, (300, 250), (160, 90), 20, 0, 360, (200, 60, 50), -1)
    cv2.rectangle(picture, (560, 100), (679, 219), (120, 120, 125), -1)
    cv2.rectangle(picture, (500, 480), (799, 599), (240, 240, 240), -1)
    return picture


def by_kind(found: Objects) -> dict[str, int]:
    return {kind: len(found.of(kind)) for kind in objects.KINDS}


def test_things_are_told_apart_and_outlined(painted: np.ndarray) -> None:
    found = find(painted, width_px=800, height_px=600)
    assert by_kind(found) == {"specimen": 1, "cube": 1, "plate": 1, "other": 0}
    (specimen,), (cube,), (plate,) = (found.of(k) for k in ("specimen", "cube", "plate"))
    assert side_lengths(specimen.outline_px) == pytest.approx((321, 181), rel=0.02)
    assert specimen.area_px == pytest.approx(np.pi * 160.5 * 90.5, rel=0.03)
    assert cube.box_xyxy == pytest.approx((560, 100, 680, 220), abs=1)
    assert plate.touches_frame
    assert not specimen.touches_frame
    assert specimen.confidence > 0.9


def test_a_reduced_decode_gives_original_pixels(painted: np.ndarray) -> None:
    full = find(painted, width_px=800, height_px=600)
    four = find(painted, width_px=3200, height_px=2400)
    for one, other in zip(full.found, four.found, strict=True):
        np.testing.assert_allclose(np.array(one.outline_px) * 4, other.outline_px, atol=0.01)
        assert other.area_px == pytest.approx(one.area_px * 16, rel=1e-6)
    assert four.px_per_cell == pytest.approx(4 * full.px_per_cell)
    assert four.labels.shape == (384, 512)


def test_small_things_are_looked_at_again(painted: np.ndarray, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    sizes = []
    net = Net()
    monkeypatch.setattr(Net, "shares", staticmethod(lambda p: sizes.append(p.shape) or scene(p)))
    looking.look(painted, shares=net.shares, enlarged={1: 0.3, 2: 0.3})
    assert sizes[0] == painted.shape
    assert len(sizes) == 3
    assert all(max(shape) < 600 for shape in sizes[1:])


def test_a_doubtful_cube_on_the_specimen_is_a_piece_of_it(painted: np.ndarray) -> None:
    """A face of a crystal; only where another cube is sure."""
    seen = looking.look(painted, shares=scene, enlarged={})
    cells = seen.cells.copy()
    piece = np.s_[120:200, 240:320]
    inside = cells[piece][..., 1] > 0.5
    cells[piece][inside] = (0, 0.3, 0.7, 0, 0)
    assert (looking.settled(cells) == looking.settled(seen.cells)).mean() > 0.995
    cells[..., 2] *= np.where(np.arange(cells.shape[1]) > 340, 0.6, 1)  # the cube is doubtful too
    cells[..., 4] = 1 - cells[..., :4].sum(axis=2)
    assert (looking.settled(cells)[piece][inside] == 2).mean() > 0.5


def test_what_lies_alone_beside_the_cube_is_measured_for_a_person_to_look_at(
    painted: np.ndarray,
) -> None:
    seen = looking.look(painted, shares=scene, enlarged={})
    (specimen,) = objects.found_in(seen, painted, width_px=800, height_px=600).of("specimen")
    cells = seen.cells
    cells[..., 4] += cells[..., 1]  # the specimen was taken for clutter
    cells[..., 1] = 0
    found = objects.found_in(seen, painted, width_px=800, height_px=600)
    assert found.supposed
    assert found.of("other") == ()
    assert found.of("specimen")[0].box_xyxy == pytest.approx(specimen.box_xyxy, abs=1)
    reasons = [objection.reason for objection in checks.of_specimen(found)]
    assert reasons == ["no specimen was found for sure: what was measured may be another thing"]
    cells[-60:-20, 20:60] = (0, 0, 0, 0, 1)  # two such things: neither is likelier
    assert not objects.found_in(seen, painted, width_px=800, height_px=600).supposed


def test_words_name_what_the_network_found(painted: np.ndarray) -> None:
    seen = looking.look(painted, shares=scene, enlarged={})
    cube, specimen = (550.0, 90.0, 690.0, 230.0), (120.0, 130.0, 480.0, 370.0)
    swapped = worded.renamed(seen, [(cube, 1), (specimen, 2)], shape=(600, 800))
    found = objects.found_in(swapped, painted, width_px=800, height_px=600)
    assert by_kind(found) == {"specimen": 1, "cube": 1, "plate": 1, "other": 0}
    assert found.of("specimen")[0].box_xyxy == pytest.approx((560, 100, 680, 220), abs=1)


def test_a_folder_without_an_owl_vit_is_refused(painted: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no OWL-ViT"):
        find(painted, width_px=800, height_px=600, detector=str(tmp_path))


def test_an_empty_table_has_no_objects(painted: np.ndarray) -> None:
    found = find(np.full_like(painted, 30), width_px=800, height_px=600)
    assert found.found == ()
    assert not found.labels.any()


@pytest.mark.parametrize(
    ("file", "specimens", "cubes"),
    [("M-93762.jpg", 1, 1), ("FMM_1_93240.jpg", 1, 1), ("FMM_1_43679.jpg", 1, 0)],
)
def test_the_shipped_finder_on_the_sample_photos(file: str, specimens: int, cubes: int) -> None:
    photo = decode(SAMPLES / file)
    found = find(photo.pixels, width_px=photo.width_px, height_px=photo.height_px)
    assert (len(found.of("specimen")), len(found.of("cube"))) == (specimens, cubes)


@pytest.mark.skipif(not DATA.is_dir(), reason="the rendered specimens are not beside the checkout")
def test_outlines_agree_with_the_truth() -> None:
    rows = [json.loads(line) for line in (DATA / "truth_catalogue.jsonl").read_text().splitlines()]
    for row in rows[3:30:9]:
        photo = decode(DATA / row["file"])
        found = find(photo.pixels, width_px=photo.width_px, height_px=photo.height_px)
        x, y, w, h = row["specimen"]["box"]
        np.testing.assert_allclose(
            found.of("specimen")[0].box_xyxy, (x, y, x + w, y + h), atol=0.03 * max(w, h)
        )


def test_a_thing_is_not_pieced_together() -> None:
    labels = np.zeros((384, 512), np.uint8)
    labels[100:200, 100:220] = 2
    labels[120:140, 150:180] = 3
    labels[100:104, 100:220] = 1
    labels[250:290, 300:420] = 1
    labels[270:290, 420:440] = 2
    cleaned = looking.absorbed(labels)
    assert set(np.unique(cleaned[100:200, 100:220])) == {2}
    assert set(np.unique(cleaned[250:290, 300:420])) == {1}


def test_things_that_touch_stay_apart() -> None:
    labels = np.zeros((384, 512), np.uint8)
    labels[100:250, 100:300] = 1
    labels[150:190, 300:340] = 2
    np.testing.assert_array_equal(looking.absorbed(labels), labels)
