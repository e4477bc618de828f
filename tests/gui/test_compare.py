"""Comparing evidence: lines, another method or model beside, small maps, pictures to keep."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gui.fakes import CLASSES, REF, FakeBackend, card
from gui.test_viewer import (
    GREY,
    HEIGHT,
    WIDTH,
    at,
    background,
    heatmap,
    result,
    show,
    turned,
    viewer,
)
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPixmap
from PySide6.QtTest import QTest

from geoview.app import pictures, session_work
from geoview.app.compare_menu import Beside
from geoview.app.evidence_desk import Wish
from geoview.app.pictures import Picture
from geoview.app.predictions import PredictionsPanel
from geoview.app.viewer import Viewer
from geoview.app.window import MainWindow
from geoview.explain.render import lut
from geoview.models.store import ModelEntry
from geoview.records import ModelRef

__all__ = ["background", "turned", "viewer"]
EVERYWHERE = (0.0, 0.0, float(WIDTH), float(HEIGHT))


def test_lines_leave_the_photo_its_colours(viewer: Viewer, turned: Path, qtbot: Any) -> None:
    show(viewer, result(turned), qtbot)
    viewer.choose_class("shale")
    viewer.show_heatmaps([heatmap("shale", box=EVERYWHERE)])
    assert at(viewer, 200, 100) != pytest.approx(GREY, abs=6)
    viewer.canvas.setFocus()
    QTest.keyClick(viewer.canvas, Qt.Key.Key_C)
    assert at(viewer, 200, 100) == pytest.approx(GREY, abs=6), "inside the lines"
    assert at(viewer, 40, 100) == pytest.approx(GREY, abs=6), "outside them"
    image = viewer.canvas.grab().toImage()
    middle = viewer.view.to_screen(viewer.canvas.rect().toRectF()).center()
    across = [image.pixelColor(x, round(middle.y())).getRgb()[:3] for x in range(image.width())]
    assert any(max(abs(a - b) for a, b in zip(c, GREY, strict=True)) > 60 for c in across)


def test_another_method_stands_beside_on_its_own_scale(
    viewer: Viewer, turned: Path, qtbot: Any
) -> None:
    viewer.set_methods(("area-map", "grad-cam"))
    show(viewer, result(turned), qtbot)
    asked: list[Wish] = []
    viewer.heatmaps_wanted.connect(asked.append)
    viewer.choose_class("shale")
    viewer.set_beside(Beside("method", "grad-cam"))
    qtbot.waitUntil(lambda: len(asked) == 2, timeout=3000)
    assert {(wish.place, wish.method) for wish in asked} == {
        ("main", "area-map"),
        ("beside", "grad-cam"),
    }
    main = [replace(heatmap("shale", box=EVERYWHERE, peak=0.5), method="area-map")]
    viewer.show_heatmaps(main)
    viewer.show_heatmaps([heatmap("shale", box=EVERYWHERE, peak=9.0)], beside=True)
    viewer.set_look(1.0, "viridis")
    hot = pytest.approx(lut("viridis")[255], abs=8)
    assert at(viewer, 200, 100) == hot
    assert at(viewer, 200, 100, viewer.bare) == hot
    assert "Area map" in viewer.captions[0].text()
    assert "Grad-CAM" in viewer.captions[1].text()
    assert "0 to 9" in viewer.captions[1].text()
    viewer.canvas.setFocus()
    QTest.keyClick(viewer.canvas, Qt.Key.Key_O)
    assert not viewer.bare.isVisible()
    assert not viewer.captions[0].isVisible()


def test_the_bare_photo_stays_bare(viewer: Viewer, turned: Path, qtbot: Any) -> None:
    show(viewer, result(turned), qtbot)
    viewer.choose_class("shale")
    viewer.bare_action.setChecked(True)
    viewer.show_heatmaps([heatmap("shale", box=EVERYWHERE)])
    assert at(viewer, 200, 100, viewer.bare) == pytest.approx(GREY, abs=6)


def test_every_class_has_a_small_map_on_one_scale(qtbot: Any, turned: Path) -> None:
    panel = PredictionsPanel()
    qtbot.addWidget(panel)
    panel.resize(320, 900)
    panel.show()
    shown = result(turned)
    assert shown.prediction is not None
    shown = replace(shown, prediction=replace(shown.prediction, width_px=WIDTH, height_px=HEIGHT))
    panel.show_result(shown)
    photo = QPixmap(60, 100)
    photo.fill(Qt.GlobalColor.black)
    maps = [
        heatmap(name, box=EVERYWHERE, peak=peak)
        for name, peak in zip(CLASSES, (4.0, 2.0, 0.01), strict=True)
    ]
    panel.show_evidence(maps, photo, file="another.jpg", colormap="viridis")
    assert not panel.findings.evidence.isVisible(), "not of this photo"
    panel.show_evidence(maps, photo, file=shown.photo.file, colormap="viridis")
    tiles = {tile.class_name: tile for tile in panel.findings.evidence.tiles()}
    assert set(tiles) == set(CLASSES)
    qtbot.waitUntil(lambda: all(t.height() == t.heightForWidth(t.width()) for t in tiles.values()))

    def brightness(name: str) -> int:
        """In the hot right half of the small photo."""
        tile = tiles[name]
        room = tile.heightForWidth(tile.width()) - tile.fontMetrics().height() - 4
        right = tile.width() // 2 + round(room * 0.6 * 0.25)
        return tile.grab().toImage().pixelColor(right, room // 2).lightness()

    assert brightness("sandstone") > brightness("shale") > brightness("limestone")
    assert brightness("limestone") < 10, "no evidence is not stretched into some"
    assert "no evidence" in tiles["limestone"].accessibleName()
    with qtbot.waitSignal(panel.class_chosen) as chosen:
        QTest.mouseClick(tiles["shale"], Qt.MouseButton.LeftButton)
    assert chosen.args == ["shale"]


def test_a_picture_holds_both_maps_a_legend_and_upright_pixels(
    viewer: Viewer, turned: Path, qtbot: Any
) -> None:
    shown = result(turned)
    assert shown.prediction is not None
    shown = replace(shown, prediction=replace(shown.prediction, width_px=WIDTH, height_px=HEIGHT))
    show(viewer, shown, qtbot)
    viewer.choose_class("shale")
    viewer.set_beside(Beside("method", "grad-cam"))
    viewer.set_look(1.0, "viridis")
    for beside in (False, True):
        viewer.show_heatmaps([heatmap("shale", box=EVERYWHERE)], beside=beside)
    wanted = Picture(shown, tuple(viewer.shown()), viewer.look())
    assert pictures.proposed_name(wanted) == "turned.jpg.shale.png"
    drawn = np.asarray(Image.open(io.BytesIO(pictures.draw(wanted))))
    assert drawn.shape[1] == 2 * WIDTH
    assert drawn.shape[0] > HEIGHT, "the legend is below"
    for left in (0, WIDTH):
        assert drawn[100, left + 200] == pytest.approx(lut("viridis")[255], abs=6)
        assert drawn[100, left + 20] == pytest.approx(lut("viridis")[0], abs=6)
    lines = replace(wanted, look=replace(wanted.look, contours=True))
    outlined = np.asarray(Image.open(io.BytesIO(pictures.draw(lines))))
    assert outlined[100, 200] == pytest.approx(GREY, abs=6)


@pytest.fixture
def two_models(monkeypatch: pytest.MonkeyPatch) -> list[ModelEntry]:
    second = card().model_copy(update={"name": "second", "title": "Second model"})
    entries = [
        ModelEntry(Path("fake.safetensors"), card(), REF),
        ModelEntry(Path("second.safetensors"), second, ModelRef("second", "e" * 64)),
    ]
    monkeypatch.setattr(session_work, "list_models", lambda wanted: (entries, entries[0].path))
    return entries


def test_in_the_window_two_models_are_compared_and_the_picture_copied(
    qtbot: Any,
    make_window: Callable[..., MainWindow],
    two_models: list[ModelEntry],
    photos: Path,
    backend: FakeBackend,
) -> None:
    window = make_window(folder=None)
    with qtbot.waitSignal(window.session.results_replaced, timeout=10_000):
        window.session.open(photos)
    with qtbot.waitSignal(window.session.job_done, timeout=20_000):
        window.session.analyse()
    page = window.photos_page()
    with qtbot.waitSignal(window.session.evidence.answered, timeout=10_000):
        page.viewer.choose_class("shale")
    assert {t.class_name for t in page.predictions.findings.evidence.tiles()} == set(CLASSES)
    models = page.viewer.compare.menu().actions()[2].menu().actions()
    assert [action.text() for action in models] == ["Second model"]
    with qtbot.waitSignal(window.session.evidence.answered, timeout=10_000) as answer:
        models[0].trigger()
    assert answer.args[0].request.model == two_models[1].path
    assert page.viewer.bare.isVisible()
    assert len(page.viewer.shown()) == 2
    QGuiApplication.clipboard().clear()
    page.viewer.copy_action.trigger()
    qtbot.waitUntil(lambda: not QGuiApplication.clipboard().image().isNull(), timeout=10_000)
