"""The viewer on real files: the right pixels, the right evidence over them, the right keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from geoview.app.background import Background
from geoview.app.canvas import Canvas
from geoview.app.evidence_desk import Wish
from geoview.app.photo_loader import pyramid
from geoview.app.viewer import Viewer
from geoview.explain.render import lut
from geoview.records import Heatmap, Photo, PhotoResult
from tests.gui.fakes import CLASSES, REF, prediction

WIDTH, HEIGHT = 240, 400
GREY, GREEN = (90, 90, 90), (20, 200, 60)
GREEN_BOX = (40, 300, 80, 360)


@pytest.fixture
def background(qapp: QApplication) -> Iterator[Background]:
    background = Background()
    yield background
    background.shutdown()


@pytest.fixture
def viewer(qtbot: Any, background: Background) -> Viewer:
    viewer = Viewer(background)
    qtbot.addWidget(viewer)
    viewer.resize(700, 620)
    viewer.show()
    # Without a window manager nobody gives a new window the keyboard.
    viewer.activateWindow()
    qtbot.waitUntil(viewer.isActiveWindow)
    viewer.set_classes(CLASSES)
    return viewer


@pytest.fixture
def turned(tmp_path: Path) -> Path:
    """An upright photo of 240 × 400 px with a green box, stored on its side with EXIF 6."""
    upright = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    x0, y0, x1, y1 = GREEN_BOX
    upright[y0:y1, x0:x1] = GREEN
    stored = Image.fromarray(np.rot90(upright))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    stored.save(path, quality=98, subsampling=0, exif=exif)
    return path


def result(path: Path, *, seed: int = 1, done: bool = True) -> PhotoResult:
    stat = path.stat()
    photo = Photo(path, path.name, stat.st_size, stat.st_mtime_ns)
    return PhotoResult(photo, prediction(photo, seed=seed) if done else None)


def show(viewer: Viewer, result: PhotoResult, qtbot: Any) -> None:
    with qtbot.waitSignal(viewer.loader.loaded, timeout=5000):
        viewer.show_result(result)


def heatmap(name: str, *, box: tuple[float, float, float, float], peak: float = 5.0) -> Heatmap:
    """Nothing but a hot right half."""
    values = np.zeros((4, 8), np.float32)
    values[:, 4:] = peak
    return Heatmap(name, "grad-cam", values, box, peak, REF)


def screen(canvas: Canvas) -> QImage:
    return canvas.grab().toImage()


def at(viewer: Viewer, x: float, y: float, canvas: Canvas | None = None) -> tuple[int, int, int]:
    """What is painted where a photo pixel is shown."""
    where = viewer.view.to_screen(QRectF(x, y, 0, 0)).topLeft().toPoint()
    colour = screen(canvas or viewer.canvas).pixelColor(where)
    return colour.red(), colour.green(), colour.blue()


def mixed(photo: tuple[int, int, int], heat: Any, opacity: float) -> tuple[float, ...]:
    return tuple((1 - opacity) * p + opacity * float(h) for p, h in zip(photo, heat, strict=False))


def test_an_exif_rotated_photo_is_shown_upright(viewer: Viewer, turned: Path, qtbot: Any) -> None:
    show(viewer, result(turned), qtbot)
    assert viewer.view.photo.toSize().toTuple() == (WIDTH, HEIGHT)
    assert at(viewer, 60, 330) == pytest.approx(GREEN, abs=6)
    assert at(viewer, 180, 100) == pytest.approx(GREY, abs=6)
    assert at(viewer, 60, 100) == pytest.approx(GREY, abs=6)


@pytest.mark.parametrize("zoom", [1.0, 3.0])
def test_a_heatmap_lies_on_the_right_pixels(
    viewer: Viewer, turned: Path, qtbot: Any, zoom: float
) -> None:
    shown = result(turned)
    show(viewer, shown, qtbot)
    viewer.choose_class("shale")
    viewer.set_look(0.5, "viridis")
    viewer.show_heatmaps([heatmap("shale", box=(20.0, 280.0, 100.0, 380.0))])
    viewer.view.zoom_to(viewer.view.fit_scale() * zoom, at=None)
    viewer.view.centre = QPointF(60, 330)
    viewer.view.changed.emit()
    table = lut("viridis")
    assert at(viewer, 75, 340) == pytest.approx(mixed(GREEN, table[255], 0.5), abs=6)
    assert at(viewer, 45, 340) == pytest.approx(mixed(GREEN, table[0], 0.5), abs=6)
    assert at(viewer, 95, 310) == pytest.approx(mixed(GREY, table[255], 0.5), abs=6)
    assert at(viewer, 75, 276) == pytest.approx(GREY, abs=6), "outside the map's box"


def test_space_toggles_the_heatmap_and_asks_for_it_once(
    viewer: Viewer, turned: Path, qtbot: Any
) -> None:
    shown = result(turned)
    show(viewer, shown, qtbot)
    asked: list[Wish] = []
    viewer.heatmaps_wanted.connect(asked.append)
    viewer.canvas.setFocus()
    with qtbot.waitSignal(viewer.heatmaps_wanted, timeout=3000):
        QTest.keyClick(viewer.canvas, Qt.Key.Key_Space)
    name = viewer.wanted_class()
    assert shown.prediction is not None
    assert name == shown.prediction.dominant
    assert [(wish.class_names[0], wish.method) for wish in asked] == [(name, "auto")]
    assert set(asked[0].class_names) == set(shown.prediction.classes)
    assert "Computing" in viewer.overlay_bar.note.text()
    bare = at(viewer, 180, 100)
    viewer.show_heatmaps([heatmap(name, box=(0.0, 0.0, WIDTH, HEIGHT))])
    assert at(viewer, 180, 100) != bare
    QTest.keyClick(viewer.canvas, Qt.Key.Key_Space)
    assert at(viewer, 180, 100) == bare
    QTest.keyClick(viewer.canvas, Qt.Key.Key_Space)
    assert at(viewer, 180, 100) != bare
    qtbot.wait(200)
    assert len(asked) == 1, "a map that is here is not computed again"


def test_photos_passed_in_a_hurry_are_not_explained(
    viewer: Viewer, turned: Path, tmp_path: Path, qtbot: Any
) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (60, 40), GREEN).save(other)
    viewer.overlay_action.setChecked(True)
    asked: list[str] = []
    viewer.heatmaps_wanted.connect(lambda wish: asked.append(wish.class_names[0]))
    for seed in range(6):
        viewer.show_result(result(turned if seed % 2 else other, seed=seed))
    qtbot.waitUntil(lambda: len(asked) > 0, timeout=3000)
    qtbot.wait(200)
    assert len(asked) == 1


def test_a_map_of_another_photo_or_class_is_not_drawn(
    viewer: Viewer, turned: Path, qtbot: Any
) -> None:
    show(viewer, result(turned), qtbot)
    viewer.choose_class("shale")
    bare = at(viewer, 180, 100)
    everywhere = (0.0, 0.0, float(WIDTH), float(HEIGHT))
    viewer.show_heatmaps([heatmap("shale", box=everywhere)], file="another.jpg")
    assert at(viewer, 180, 100) == bare
    viewer.show_heatmaps([heatmap("sandstone", box=everywhere)], file="turned.jpg")
    assert at(viewer, 180, 100) == bare
    viewer.show_heatmaps([heatmap("shale", box=everywhere)], file="turned.jpg")
    assert at(viewer, 180, 100) != bare


def test_no_evidence_is_said_instead_of_drawn(viewer: Viewer, turned: Path, qtbot: Any) -> None:
    show(viewer, result(turned), qtbot)
    viewer.choose_class("shale")
    bare = at(viewer, 180, 100)
    everywhere = (0.0, 0.0, float(WIDTH), float(HEIGHT))
    viewer.show_heatmaps([heatmap("sandstone", box=everywhere, peak=5.0)])
    viewer.show_heatmaps([heatmap("shale", box=everywhere, peak=0.001)])
    assert viewer.overlay_bar.note.text() == "No evidence for shale in this photo"
    assert at(viewer, 180, 100) == bare
    viewer.choose_class("sandstone")
    assert viewer.overlay_bar.legend.isVisible()
    assert "5" in viewer.overlay_bar.legend.accessibleName()


def test_the_bare_photo_stands_beside_and_moves_along(
    viewer: Viewer, turned: Path, qtbot: Any
) -> None:
    show(viewer, result(turned), qtbot)
    viewer.choose_class("shale")
    viewer.show_heatmaps([heatmap("shale", box=(0.0, 0.0, WIDTH, HEIGHT))])
    viewer.canvas.setFocus()
    QTest.keyClick(viewer.canvas, Qt.Key.Key_O)
    assert viewer.bare.isVisible()
    qtbot.waitUntil(lambda: abs(viewer.bare.width() - viewer.canvas.width()) <= 1)
    viewer.view.zoom(4)
    viewer.view.pan(QPointF(20, -300))
    spot = viewer.view.to_photo(QPointF(50, 60))
    inside = (min(max(spot.x(), 2), WIDTH - 2), min(max(spot.y(), 2), HEIGHT - 2))
    assert at(viewer, *inside, viewer.bare) in (
        pytest.approx(GREY, abs=6),
        pytest.approx(GREEN, abs=6),
    )
    assert at(viewer, *inside, viewer.bare) != at(viewer, *inside)
    QTest.keyClick(viewer.canvas, Qt.Key.Key_O)
    assert not viewer.bare.isVisible()
    # The photo has the whole room again.
    qtbot.waitUntil(lambda: viewer.canvas.width() == viewer.stage.width())


def test_z_shows_single_pixels_and_the_whole_again(
    viewer: Viewer, turned: Path, qtbot: Any
) -> None:
    show(viewer, result(turned), qtbot)
    fitted = viewer.view.scale
    viewer.canvas.setFocus()
    QTest.keyClick(viewer.canvas, Qt.Key.Key_Z)
    assert viewer.view.scale == pytest.approx(1 / viewer.devicePixelRatioF())
    assert "100" in viewer.read_out.size_label.text()
    QTest.keyClick(viewer.canvas, Qt.Key.Key_Z)
    assert viewer.view.scale == pytest.approx(fitted)


def test_keys_step_and_zoom(viewer: Viewer, turned: Path, qtbot: Any) -> None:
    show(viewer, result(turned), qtbot)
    steps: list[int] = []
    viewer.step_wanted.connect(steps.append)
    viewer.canvas.setFocus()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Up):
        QTest.keyClick(viewer.canvas, key)
    assert steps == [1, 1, -1, -1]
    before = viewer.view.scale
    QTest.keyClick(viewer.canvas, Qt.Key.Key_Plus)
    assert viewer.view.scale > before
    with qtbot.waitSignal(viewer.full_screen_wanted):
        QTest.keyClick(viewer.canvas, Qt.Key.Key_F)


def test_the_pointer_reads_out_pixels_and_evidence(
    viewer: Viewer, turned: Path, qtbot: Any
) -> None:
    show(viewer, result(turned), qtbot)
    viewer.choose_class("shale")
    viewer.show_heatmaps([heatmap("shale", box=(0.0, 0.0, WIDTH, HEIGHT), peak=5.0)])
    where = viewer.view.to_screen(QRectF(180.5, 100.5, 0, 0)).topLeft().toPoint()
    viewer.canvas.hovered.emit(viewer.view.to_photo(QPointF(where)))
    text = viewer.read_out.where.text()
    assert text.startswith("x 180  y 100 px") or text.startswith("x 181  y 101 px")
    assert text.endswith("evidence 5")
    assert "240 × 400 px" in viewer.read_out.size_label.text()
    viewer.canvas.hovered.emit(QPointF(-5, 10))
    assert viewer.read_out.where.text() == ""


def test_a_large_photo_is_first_decoded_for_the_screen_then_in_full(
    viewer: Viewer, tmp_path: Path, qtbot: Any
) -> None:
    path = tmp_path / "large.jpg"
    ramp = np.linspace(0, 255, 6000, dtype=np.uint8)
    pixels = np.broadcast_to(ramp[None, :, None], (4000, 6000, 3))
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, quality=60)
    scales: list[float] = []
    viewer.loader.loaded.connect(lambda loaded: scales.append(loaded.best_scale))
    show(viewer, result(path), qtbot)
    assert scales[0] < 0.6
    assert viewer.view.photo.toSize().toTuple() == (6000, 4000)
    qtbot.wait(100)
    assert len(scales) == 1, "nobody has zoomed yet"
    with qtbot.waitSignal(viewer.loader.loaded, timeout=20_000):
        viewer.toggle_pixels()
    assert scales[-1] == 1.0
    for x in (500, 3000, 5500):
        viewer.view.centre = QPointF(x, 2000)
        viewer.view.changed.emit()
        assert at(viewer, x, 2000)[0] == pytest.approx(x / 6000 * 255, abs=4)


def test_far_zoom_into_a_wide_photo_shows_the_right_pixel(
    viewer: Viewer, tmp_path: Path, qtbot: Any
) -> None:
    path = tmp_path / "wide.png"
    pixels = np.zeros((40, 20_000, 3), np.uint8)
    pixels[20, 19_990] = (255, 0, 0)
    Image.fromarray(pixels).save(path)
    show(viewer, result(path), qtbot)
    viewer.view.zoom_to(32)
    viewer.view.centre = QPointF(19_990.5, 20.5)
    viewer.view.changed.emit()
    assert at(viewer, 19_990.5, 20.5) == (255, 0, 0)
    assert at(viewer, 19_991.5, 20.5) == (0, 0, 0)


def test_halved_levels_average_their_pixels() -> None:
    checks = np.indices((256, 512)).sum(axis=0) % 2 * 200
    pixels = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    levels = pyramid(pixels, 1024, smallest_px=64)
    assert [level.scale for level in levels] == [0.5, 0.25, 0.125]
    assert levels[-1].image.pixelColor(30, 30) == QColor(100, 100, 100)


def test_an_unreadable_photo_says_so(viewer: Viewer, tmp_path: Path, qtbot: Any) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0 no photo at all")
    with qtbot.waitSignal(viewer.loader.failed, timeout=5000):
        viewer.show_result(result(path))
    assert "could not be read" in viewer.canvas._message
    viewer.overlay_action.setChecked(True)
    assert not viewer.overlay_bar.legend.isVisible()


def test_the_thumbnail_stands_in_until_the_photo_is_there(
    viewer: Viewer, turned: Path, background: Background, qtbot: Any
) -> None:
    gate = threading.Event()
    for _ in range(8):
        background.run(gate.wait, 5, done=lambda _: None, owner=viewer, priority=9)
    preview = QPixmap(24, 40)
    preview.fill(QColor(*GREEN))
    viewer.show_result(result(turned, done=False), preview=preview)
    assert at(viewer, 24 * 16 / 2, 40 * 16 / 2) == GREEN
    assert viewer.read_out.size_label.text() == "", "its size is not known yet"
    with qtbot.waitSignal(viewer.loader.loaded, timeout=5000):
        gate.set()
    assert at(viewer, 180, 100) == pytest.approx(GREY, abs=6)


def test_only_the_latest_photo_arrives(
    viewer: Viewer, turned: Path, tmp_path: Path, qtbot: Any
) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (60, 40), GREEN).save(other)
    viewer.show_result(result(turned))
    show(viewer, result(other), qtbot)
    qtbot.wait(100)
    assert viewer.view.photo.toSize().toTuple() == (60, 40)


def test_dragging_moves_the_photo_with_the_pointer(
    viewer: Viewer, turned: Path, qtbot: Any
) -> None:
    show(viewer, result(turned), qtbot)
    viewer.view.zoom(4)
    start = QPoint(200, 200)
    held = viewer.view.to_photo(QPointF(start))
    QTest.mousePress(viewer.canvas, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(viewer.canvas, start + QPoint(30, 20))
    QTest.mouseRelease(viewer.canvas, Qt.MouseButton.LeftButton, pos=start + QPoint(30, 20))
    moved = viewer.view.to_photo(QPointF(start + QPoint(30, 20)))
    assert (moved.x(), moved.y()) == pytest.approx((held.x(), held.y()))


def test_every_control_has_a_name_for_screen_readers(viewer: Viewer) -> None:
    bar = viewer.overlay_bar
    controls = (bar.toggle, bar.classes, bar.methods, bar.opacity, bar.colormaps, viewer.canvas)
    assert all(control.accessibleName() for control in controls)


def test_the_bars_never_force_the_photo_to_be_wide(viewer: Viewer) -> None:
    viewer.set_methods(["grad-cam", "cross-attention"])
    assert viewer.minimumSizeHint().width() <= 560
