"""Golden millimetres: drawn scenes whose sizes are known, measured from files and from pixels."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scenes import Scene

from geoview.errors import PhotoError
from geoview.measure import geoview_method, tool
from geoview.measure.geoview_method import measure_objects
from geoview.measure.labelled import objects_of_labels
from geoview.measure.lens import focal_35mm
from geoview.measure.methods import Picture
from geoview.measure.objects import Objects
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement, Scale
from geoview.models.segmenting import segmenting
from geoview.photos.orientation import upright
from geoview.records import Photo

OPTIONS = MeasureOptions()


def measured(scene: Scene, *, options: MeasureOptions = OPTIONS) -> Measurement:
    pixels, labels = scene.draw()
    size = {"width_px": scene.width_px, "height_px": scene.height_px}
    picture = Picture("a.jpg", pixels, **size)
    return measure_objects(picture, objects_of_labels(labels, **size), options=options)


def finding(labels: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the finder know the labels of the scene that is drawn."""

    def find(_pixels: object, *, width_px: int, height_px: int, **_: object) -> Objects:
        return objects_of_labels(labels, width_px=width_px, height_px=height_px)

    monkeypatch.setattr(geoview_method, "find", find)


def photo_at(path: Path) -> Photo:
    return Photo(path, path.name, path.stat().st_size, path.stat().st_mtime_ns)


@pytest.mark.parametrize("scale", [1.0, 1.6])
@pytest.mark.parametrize("tilt_deg", [4.0, 33.0])
def test_every_millimetre_column(scale: float, tilt_deg: float) -> None:
    scene = replace(Scene(tilt_deg=tilt_deg), specimen_yaw_deg=0.0)
    length, width = scene.apparent_mm()
    outline = (scene.specimen_points_mm(scene.specimen_at) @ scene.rotation.T)[:, :2]
    result = measured(scene.scaled(scale))
    assert result.status == "accepted"
    assert result.size_mm is not None
    assert asdict(result.size_mm) == pytest.approx(
        {
            "length": length,
            "width": width,
            "box_width": np.ptp(outline[:, 0]),
            "box_height": np.ptp(outline[:, 1]),
            "feret_max": length,
            "feret_min": width,
            "area": np.pi / 4 * length * width,
        },
        rel=0.03,
    )
    assert result.length_pm_mm is not None
    assert abs(result.size_mm.length - length) <= result.length_pm_mm <= 0.1 * length
    assert result.scale is not None
    assert result.scale.source == "cube"
    assert result.scale.tilt_deg == pytest.approx(tilt_deg, abs=2)
    assert result.size_px is not None
    assert result.size_px.length * result.scale.mm_per_px == pytest.approx(result.size_mm.length)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_photo_is_measured_as_it_is_seen(
    orientation: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene()
    pixels, labels = scene.draw()
    finding(labels, monkeypatch)
    # What the camera stored: the picture as it is before the viewer turns it upright.
    turns = {3: 2, 6: 1, 8: 3}[orientation]
    stored = np.rot90(pixels, turns)
    assert np.array_equal(upright(np.ascontiguousarray(stored), orientation), pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "à 1.jpg", quality=95, exif=exif.tobytes())
    result = tool.measure(photo_at(tmp_path / "à 1.jpg"), options=OPTIONS)
    assert (result.width_px, result.height_px) == (1024, 768)
    assert result.status == "accepted"
    assert result.size_mm is not None
    assert (result.size_mm.length, result.size_mm.width) == pytest.approx(
        scene.apparent_mm(), rel=0.03
    )
    corners = scene.projected(scene.cube_corners_mm())[4:]
    assert result.scale is not None
    found = np.array(result.scale.reference_px)
    assert np.linalg.norm(found[:, None] - corners[None], axis=-1).min(axis=1).max() < 5


@given(
    st.floats(0, 360), st.floats(-12, 12), st.floats(-8, 8), st.sampled_from([1.0, 1.4]),
    st.floats(0, 90),
)  # fmt: skip
@settings(max_examples=6, deadline=None, phases=(Phase.explicit, Phase.generate))
def test_turning_moving_and_enlarging_leave_the_millimetres(
    roll: float, dx: float, dy: float, scale: float, yaw: float
) -> None:
    scene = Scene(tilt_deg=15, roll_deg=roll, cube_yaw_deg=yaw)
    moved = replace(
        scene,
        cube_at=(27 + dx / 2, 4 + dy),
        specimen_at=(-25 + dx, -4 + dy),
    )
    result = measured(moved.scaled(scale))
    assert result.size_mm is not None
    assert (result.size_mm.length, result.size_mm.width) == pytest.approx(
        moved.apparent_mm(), rel=0.05
    )


def test_the_cubes_edge_is_the_unit() -> None:
    inch, metric = measured(Scene()), measured(Scene(), options=MeasureOptions(cube_mm=10))
    assert inch.size_mm is not None
    assert metric.size_mm is not None
    assert metric.size_mm.length == pytest.approx(inch.size_mm.length * 10 / 25.4, rel=1e-3)


def test_without_a_cube_nothing_is_in_millimetres() -> None:
    result = measured(Scene(cube_at=None))
    assert result.status == "rejected"
    assert result.reasons == ("no reference cube was found",)
    assert result.size_px is not None
    assert (result.scale, result.size_mm, result.length_pm_mm, result.width_pm_mm) == (None,) * 4


def test_a_reference_shot_measures_photos_without_a_cube() -> None:
    scene = Scene(tilt_deg=2, specimen_at=(0, 0))
    shot = measured(scene)
    assert shot.scale is not None
    options = MeasureOptions(scale=replace(shot.scale, inherited_from="shot.jpg"))
    result = measured(replace(scene, cube_at=None), options=options)
    assert result.status == "accepted"
    assert result.scale is not None
    assert (result.scale.source, result.scale.inherited_from) == ("inherited", "shot.jpg")
    assert result.size_mm is not None
    assert (result.size_mm.length, result.size_mm.width) == pytest.approx(
        scene.apparent_mm(), rel=0.04
    )
    own = measured(scene, options=MeasureOptions(scale=Scale(9.0, 0.1, "line", 10)))
    assert own.scale is not None
    assert own.scale.source == "cube"


def test_a_reference_shot_measures_also_where_a_ruler_is_not_found() -> None:
    scale = Scale(0.1, 0.001, "inherited", 25.4, inherited_from="tray.jpg")
    options = MeasureOptions(scale_source="coin", reference_mm=23.25, scale=scale)
    result = measured(Scene(cube_at=None), options=options)
    assert result.scale is not None
    assert (result.scale.source, result.scale.inherited_from) == ("inherited", "tray.jpg")


def test_an_unknown_method_and_an_unreadable_photo(tmp_path: Path) -> None:
    pixels, _ = Scene().draw()
    with pytest.raises(ValueError, match="no measuring method"):
        tool.measure_pixels(Picture("a", pixels, 1024, 768), options=MeasureOptions(method="luck"))
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    with pytest.raises(PhotoError):
        tool.measure(photo_at(tmp_path / "a.jpg"), options=OPTIONS)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9000), (4000, 3), (33, 40)])
def test_a_sliver_of_a_photo_is_rejected(shape: tuple[int, int], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    result = tool.measure(photo_at(tmp_path / "a.png"), options=OPTIONS)
    assert result.status == "rejected"
    assert result.size_mm is None


def test_the_noted_focal_length_is_read(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 50
    picture = Image.new("RGB", (32, 24))
    picture.save(tmp_path / "a.jpg", exif=exif)
    picture.save(tmp_path / "b.jpg")
    picture.save(tmp_path / "c.png")
    lengths = [focal_35mm(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.png")]
    assert lengths == [50, None, None]


def test_a_noted_focal_length_narrows_the_interval() -> None:
    scene = Scene(tilt_deg=1, distance_mm=110, focal_px=1024 * 1.1, cube_at=(4, 2),
                  specimen_at=(-26, 0), specimen_mm=(20, 14, 8))  # fmt: skip
    pixels, labels = scene.draw()
    objects = objects_of_labels(labels, width_px=1024, height_px=768)
    film_mm = scene.focal_px / np.hypot(1024, 768) * 43.27
    plain, known = (
        measure_objects(Picture("a", pixels, 1024, 768, focal), objects, options=OPTIONS)
        for focal in (None, film_mm)
    )
    assert plain.scale is not None
    assert known.scale is not None
    assert known.scale.pm_mm_per_px < 0.8 * plain.scale.pm_mm_per_px
    assert known.size_mm is not None
    assert known.size_mm.length == pytest.approx(scene.apparent_mm()[0], rel=0.03)


def test_the_network_that_found_the_objects_is_kept_with_the_numbers(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (90, 90, 90)).save(tmp_path / "a.jpg")
    photo = photo_at(tmp_path / "a.jpg")
    assert tool.measure(photo, options=OPTIONS).model == segmenting().ref.sha256
    assert tool.measure(photo, options=MeasureOptions(method="paper")).model == ""
