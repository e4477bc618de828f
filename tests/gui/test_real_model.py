"""The window with a real, small, untrained network: torch in the inference thread."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shiboken6
import torch
from PySide6.QtWidgets import QApplication

from geoview import settings
from geoview.app import theme
from geoview.app.window import MainWindow
from geoview.models import bundle
from geoview.models.card import ModelCard, Preprocess, Tiling
from geoview.models.registry import build

CLASSES = ["sandstone", "mudstone", "limestone", "shale"]

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    card = ModelCard(
        name="tiny",
        title="Tiny",
        architecture="geolayer",
        backbone="test_vit",
        task="multi-label",
        classes=CLASSES,
        layers=["Layer1", "Layer2"],
        thresholds=[0.5] * len(CLASSES),
        preprocess=Preprocess(input_px=160, tiling=Tiling(working_short_side_px=192, tile_px=160)),
        options={"num_layers": 2},
    )
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    bundle.save(path, module=build(card), card=card)
    return path


@pytest.fixture
def well(samples: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(samples, tmp_path / "Bohrung Süd"))


@pytest.fixture
def real_window(qtbot: Any, qapp: QApplication, tiny: Path) -> Iterator[Callable[[], MainWindow]]:
    made: list[MainWindow] = []

    def make() -> MainWindow:
        kept = settings.load()
        kept.model, kept.device = str(tiny), "cpu"
        settings.save(kept)
        theme.apply(qapp, "light")
        window = MainWindow()
        made.append(window)
        window.show()
        with qtbot.waitSignal(window.settled, timeout=20_000):
            window.begin()
        return window

    yield make
    for window in made:
        if shiboken6.isValid(window):
            window.close()


def open_folder(qtbot: Any, window: MainWindow, folder: Path) -> None:
    with qtbot.waitSignal(window.session.results_replaced, timeout=20_000):
        window.session.open(folder)


def test_a_sample_well_gets_bars_and_a_heatmap(
    qtbot: Any, real_window: Callable[[], MainWindow], well: Path
) -> None:
    window = real_window()
    open_folder(qtbot, window, well)
    number = len(list(well.glob("*.jpg")))
    threads: list[str] = []
    window.session.inference.results.connect(
        lambda _results: threads.append(threading.current_thread().name)
    )
    with qtbot.waitSignal(window.session.job_done, timeout=60_000):
        window.session.analyse()
    assert window.session.tally == {"new": 0, "done": number, "failed": 0}
    assert set(threads) == {threading.main_thread().name}
    page = window.photos_page()
    current = page.browser.current()
    assert current is not None
    assert current.prediction is not None
    assert current.prediction.classes == tuple(CLASSES)
    assert sum(current.prediction.area_pct or (100.0,)) == pytest.approx(100)
    assert window.toolbar.device.text().startswith("CPU")
    with qtbot.waitSignal(window.session.evidence.answered, timeout=30_000) as answer:
        page.viewer.choose_class("mudstone")
    (found,) = answer.args
    heatmap, file = found.heatmaps[0], found.request.photo.file
    assert (heatmap.class_name, file) == ("mudstone", current.photo.file)
    assert {m.class_name for m in found.heatmaps} == set(CLASSES)
    width, height = current.prediction.width_px, current.prediction.height_px
    assert heatmap.box_xyxy == pytest.approx((0, 0, width, height))


def test_closing_in_mid_analysis_ends_the_thread_and_the_next_window_goes_on(
    qtbot: Any, real_window: Callable[[], MainWindow], well: Path
) -> None:
    for i in range(20):
        shutil.copy(next(well.glob("*.jpg")), well / f"WELL-B_{i:04d}.0m.jpg")
    first = real_window()
    open_folder(qtbot, first, well)
    first.session.analyse()
    qtbot.waitUntil(lambda: first.session.tally["done"] > 0, timeout=60_000)
    first.close()
    assert first.session.inference.isFinished()
    second = real_window()
    open_folder(qtbot, second, well)
    qtbot.waitUntil(lambda: second.session.model is not None)
    kept = second.session.tally["done"]
    assert kept > 0
    with qtbot.waitSignal(second.session.job_done, timeout=60_000):
        second.session.analyse()
    assert second.session.tally["new"] == 0


def test_a_model_file_that_vanishes_is_told_and_the_window_lives(
    qtbot: Any, real_window: Callable[[], MainWindow], well: Path, tiny: Path
) -> None:
    window = real_window()
    assert window.session.entry is not None
    hidden = tiny.with_suffix(".hidden")
    tiny.rename(hidden)
    try:
        open_folder(qtbot, window, well)
        qtbot.waitUntil(lambda: bool(window.banners.banners()), timeout=30_000)
        assert "tiny.safetensors" in window.banners.banners()[0].notice.text
    finally:
        hidden.rename(tiny)
    with qtbot.waitSignal(window.session.model_ready, timeout=30_000):
        window.banners.banners()[0].action_button.click()
    assert window.session.ready is not None
    assert "torch" in sys.modules
