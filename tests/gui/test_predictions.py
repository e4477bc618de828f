"""The predictions panel says what was found, how sure it is, and what to do if nothing was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter
from PySide6.QtTest import QTest

from geoview.app.bars import Standing, paint_bar, standing
from geoview.app.predictions import PredictionsPanel
from geoview.app.theme import LIGHT
from geoview.records import LayerAssignment, ModelRef, Photo, PhotoResult, Prediction

THIN = "\u202f"
PHOTO = Photo(Path("/photos/a.jpg"), "a.jpg", 1, 1, depth_m=1250.5)
WELL = Prediction(
    classes=("sandstone", "limestone", "shale", "mudstone"),
    probabilities=(0.06, 0.98, 0.55, 0.02),
    thresholds=(0.5, 0.5, 0.5, 0.5),
    dominant="limestone",
    width_px=400,
    height_px=300,
    model=ModelRef("Cuttings", "0123456789abcdef" * 4),
    app_version="0.1.0",
    created_utc="2026-03-12T13:05:00+00:00",
    device="cpu",
    precision="bf16",
    area_pct=(4.0, 74.0, 21.8, 0.2),
    layer=LayerAssignment(("Layer 1", "Layer 2"), (0.07, 0.93)),
)


@pytest.fixture
def panel(qtbot: Any) -> PredictionsPanel:
    panel = PredictionsPanel()
    qtbot.addWidget(panel)
    panel.resize(300, 600)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def names(panel: PredictionsPanel) -> list[str]:
    return [row.line.name for row in panel.findings.classes.rows()]


def test_the_verdict_comes_first_and_bars_by_probability(panel: PredictionsPanel) -> None:
    panel.show_result(PhotoResult(PHOTO, WELL))
    assert panel.name.text() == f"1{THIN}250.5{THIN}m"
    assert panel.findings.verdict.text() == f"Limestone, 74{THIN}% of the area"
    assert names(panel) == ["limestone", "shale", "sandstone", "mudstone"]
    assert panel.findings.doubt.text() == "Uncertain, close to the threshold: shale"


def test_rows_tell_screen_readers_everything(panel: PredictionsPanel) -> None:
    panel.show_result(PhotoResult(PHOTO, WELL))
    spoken = [row.accessibleName() for row in panel.findings.classes.rows()]
    assert spoken[0] == (
        f"Limestone: probability 0.98, above its threshold of 0.50, 74{THIN}% of the area"
    )
    assert "close to its threshold" in spoken[1]
    assert "below its threshold" in spoken[2]


def test_cannot_tell_is_said(panel: PredictionsPanel) -> None:
    unsure = replace(WELL, dominant=None, probabilities=(0.1, 0.2, 0.1, 0.1))
    panel.show_result(PhotoResult(PHOTO, unsure))
    assert panel.findings.verdict.text() == "Cannot tell: no class reaches its threshold"
    assert len(names(panel)) == 4, "the bars stay, so that one sees how far off they are"


def test_a_click_or_a_key_asks_for_the_evidence(panel: PredictionsPanel, qtbot: Any) -> None:
    panel.show_result(PhotoResult(PHOTO, WELL))
    rows = panel.findings.classes.rows()
    qtbot.waitUntil(lambda: rows[2].y() > rows[1].y() > 0)
    with qtbot.waitSignal(panel.class_chosen) as chosen:
        QTest.mouseClick(rows[2], Qt.MouseButton.LeftButton)
    assert chosen.args == ["sandstone"]
    rows[1].setFocus()
    with qtbot.waitSignal(panel.class_chosen) as chosen:
        QTest.keyClick(rows[1], Qt.Key.Key_Space)
    assert chosen.args == ["shale"]
    assert [row.isChecked() for row in rows] == [False, True, False, False]


def test_the_mark_follows_its_class_to_the_next_photo(panel: PredictionsPanel) -> None:
    panel.mark_class("sandstone")
    panel.show_result(PhotoResult(PHOTO, WELL))
    panel.show_result(PhotoResult(PHOTO, replace(WELL, probabilities=(0.99, 0.9, 0.1, 0.2))))
    marked = [row.line.name for row in panel.findings.classes.rows() if row.isChecked()]
    assert marked == ["sandstone"]


def test_layers_keep_the_order_of_the_rocks(panel: PredictionsPanel) -> None:
    panel.show_result(PhotoResult(PHOTO, WELL))
    rows = panel.findings.layers.rows()
    assert [(row.line.name, row.line.strong) for row in rows] == [
        ("Layer 1", False),
        ("Layer 2", True),
    ]


def test_a_mineral_result_without_areas_and_layers(panel: PredictionsPanel) -> None:
    classes = tuple(f"mineral {i}" for i in range(36))
    total = sum(range(1, 37))
    single = replace(
        WELL,
        classes=classes,
        probabilities=tuple((i + 1) / total for i in range(36)),
        thresholds=(0.5,) * 36,
        dominant="mineral 35",
        area_pct=None,
        layer=None,
        multi_label=False,
    )
    panel.show_result(PhotoResult(PHOTO, single))
    assert panel.findings.verdict.text() == "Mineral 35, probability .05"
    assert names(panel)[0] == "mineral 35"
    assert len(names(panel)) == 36
    assert not panel.findings.layer_title.isVisible()
    assert "threshold" not in panel.findings.classes.rows()[0].accessibleName()
    assert "Uncertain" in panel.findings.doubt.text()


def test_very_many_classes_are_cut_with_a_count(panel: PredictionsPanel) -> None:
    classes = tuple(f"c{i}" for i in range(500))
    many = replace(
        WELL, classes=classes, probabilities=(0.01,) * 500, thresholds=(0.5,) * 500,
        dominant=None, area_pct=None, layer=None,
    )  # fmt: skip
    panel.show_result(PhotoResult(PHOTO, many))
    shown = len(names(panel))
    assert shown < 100
    assert panel.findings.more.text() == f"{500 - shown} more, none above .01"


def test_the_model_its_hash_and_the_device_are_named(panel: PredictionsPanel) -> None:
    panel.show_result(PhotoResult(PHOTO, WELL))
    assert panel.findings.model.text() == "Cuttings · 01234567"
    assert "2026" in panel.findings.made.text()
    assert panel.findings.made.text().endswith("CPU · bf16")
    assert WELL.model.sha256 in panel.findings.model.toolTip()


def test_a_failed_photo_says_why_and_offers_another_try(
    panel: PredictionsPanel, qtbot: Any
) -> None:
    panel.show_result(PhotoResult(PHOTO, None, "the file is empty"))
    assert panel.notice.text.text() == "The file is empty"
    with qtbot.waitSignal(panel.retry_wanted) as wanted:
        panel.notice.retry.click()
    assert wanted.args == ["a.jpg"]
    assert not panel.notice.analyse.isVisible()


def test_a_new_photo_offers_the_analysis(panel: PredictionsPanel, qtbot: Any) -> None:
    panel.show_result(PhotoResult(PHOTO, None))
    assert panel.notice.title.text() == "Not analysed yet"
    with qtbot.waitSignal(panel.analyse_wanted):
        panel.notice.analyse.click()
    panel.show_result(None)
    assert not panel.notice.analyse.isVisible()
    assert panel.notice.title.text() == "No photo chosen"


@pytest.mark.parametrize(
    ("probability", "threshold", "expected"),
    [
        (0.9, 0.5, Standing.ABOVE),
        (0.55, 0.5, Standing.UNCERTAIN),
        (0.45, 0.5, Standing.UNCERTAIN),
        (0.3, 0.5, Standing.BELOW),
        (0.19, 0.2, Standing.UNCERTAIN),
        (0.1, 0.2, Standing.BELOW),
        (0.95, 0.9, Standing.ABOVE),
    ],
)
def test_standing(probability: float, threshold: float, expected: Standing) -> None:
    assert standing(probability, threshold) is expected


def painted(value: float, threshold: float | None, state: Standing) -> QImage:
    image = QImage(200, 20, QImage.Format.Format_RGB32)
    image.fill(QColor(LIGHT.window))
    painter = QPainter(image)
    paint_bar(
        painter,
        QRectF(0, 5, 200, 10),
        value=value,
        fill=QBrush(QColor("#ff0000")),
        tokens=LIGHT,
        state=state,
        threshold=threshold,
    )
    painter.end()
    return image


def test_bars_are_as_long_as_the_probability_and_tick_the_threshold(qapp: object) -> None:
    image = painted(0.5, 0.8, Standing.ABOVE)
    assert image.pixelColor(97, 10) == QColor("#ff0000")
    assert image.pixelColor(103, 10) == QColor(LIGHT.sunken)
    assert image.pixelColor(160, 3) == QColor(LIGHT.text), "the tick sticks out of the bar"
    assert painted(0.5, None, Standing.ABOVE).pixelColor(160, 10) == QColor(LIGHT.sunken)


def test_uncertain_bars_are_hatched_and_those_below_muted(qapp: object) -> None:
    def colours(state: Standing) -> set[str]:
        image = painted(0.5, None, state)
        return {image.pixelColor(x, 10).name() for x in range(10, 90)}

    certain, hatched = colours(Standing.ABOVE), colours(Standing.UNCERTAIN)
    muted = colours(Standing.BELOW)
    assert certain == {"#ff0000"}
    assert len(hatched) > 1
    assert "#ff0000" in hatched
    assert len(muted) == 1
    assert muted != certain
