"""A model card, drawn: what the model is, what it was measured on, and where its limits lie."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from geoview import paths
from geoview.app.parts import describe, label, line
from geoview.app.theme import GAP, SMALL, colours, figures, lithology_brush
from geoview.app.words import count, probability, sentence

if TYPE_CHECKING:
    from geoview.models.card import ModelCard
    from geoview.models.store import ModelEntry

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_FIGURES = {
    "macro_f1": "Macro F1",
    "map": "Mean average precision",
    "top1": "Top-1 accuracy",
    "top5": "Top-5 accuracy",
    "cf1": "F1, mean over classes",
    "of1": "F1 over all labels",
    "ece": "Calibration error",
    "dominant_accuracy": "Dominant lithology right",
    "layer_accuracy": "Layer right",
    "area_mae_points_mean": "Mean error of area, points",
}
_POINTS = {"area_mae_points_mean"}
_MOST_SETS = 3
_NAMES_PX = 168


class Swatch(QWidget):
    """A lithology's colour and ornament in a small box."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.setFixedSize(QSize(28, 16))
        describe(self, f"Pattern of {name}")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(colours(self.palette()).border)
        painter.setBrush(lithology_brush(self._name, palette=self.palette()))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))


class ModelCardView(QWidget):
    """Shows one entry of the model store, usable or refused."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GAP)
        self._inner: QWidget | None = None

    def show_entry(self, entry: ModelEntry | None) -> None:
        if self._inner is not None:
            self._inner.setParent(None)
            self._inner.deleteLater()
        self._inner = QWidget()
        column = QVBoxLayout(self._inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        if entry is None:
            column.addWidget(label("No model is chosen.", role="muted"))
        elif entry.card is None:
            column.addWidget(label(entry.error, role="error", wrap=True, select=True))
        else:
            self._fill(column, entry, entry.card)
        column.addStretch(1)
        self._column.addWidget(self._inner)

    def _fill(self, column: QVBoxLayout, entry: ModelEntry, card: ModelCard) -> None:
        if card.description:
            column.addWidget(label(card.description, wrap=True, select=True))
        if card.limitations:
            _section(column, "Limits")
            column.addWidget(label(card.limitations, wrap=True, select=True))
        _section(column, "Lithologies" if card.layers else "Classes")
        column.addLayout(_class_table(card, card.metrics[0] if card.metrics else {}))
        if card.layers:
            _section(column, "Layers")
            column.addWidget(label(" · ".join(sentence(name) for name in card.layers), wrap=True))
        if card.metrics:
            _section(column, "Measured, with 95 % intervals")
            column.addLayout(_measured_table(card.metrics[:_MOST_SETS]))
        _section(column, "Made of")
        column.addLayout(_rows(_facts(entry, card)))


def _section(column: QVBoxLayout, title: str) -> None:
    column.addSpacing(SMALL)
    column.addWidget(line())
    column.addWidget(label(title, role="heading"))


def _class_table(card: ModelCard, measured: dict[str, Any]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(2 * GAP)
    grid.setVerticalSpacing(SMALL)
    grid.setColumnStretch(4, 1)
    precisions = _per_class(measured.get("ap"), card.classes)
    heads = ("Threshold", "Average precision" if precisions else "")
    for position, text in enumerate(heads, start=2):
        head = label(text, role="muted")
        head.setAlignment(_RIGHT)
        grid.addWidget(head, 0, position)
    for row, (name, threshold) in enumerate(zip(card.classes, card.thresholds, strict=True), 1):
        grid.addWidget(Swatch(name), row, 0)
        grid.addWidget(label(sentence(name)), row, 1)
        grid.addWidget(_number(probability(threshold)), row, 2)
        if name in precisions:
            grid.addWidget(_number(probability(precisions[name])), row, 3)
    return grid


def _per_class(values: Any, classes: list[str]) -> dict[str, float]:
    """Average precision by class, given as a mapping or in the order of the classes."""
    pairs = values.items() if isinstance(values, dict) else zip(classes, values or [], strict=False)
    found = {name: _value(value) for name, value in pairs}
    return {name: value for name, value in found.items() if value is not None}


def _measured_table(sets: list[dict[str, Any]]) -> QGridLayout:
    """A row per figure, a column per set of photos; intervals in brackets."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(3 * GAP)
    grid.setVerticalSpacing(SMALL)
    grid.setColumnMinimumWidth(0, _NAMES_PX)
    grid.setColumnStretch(len(sets) + 1, 1)
    for position, measured in enumerate(sets, start=1):
        head = label(_set_name(measured), role="muted", wrap=True)
        head.setMinimumWidth(_NAMES_PX)
        grid.addWidget(head, 0, position, Qt.AlignmentFlag.AlignBottom)
    known = [key for key in _FIGURES if any(_value(m.get(key)) is not None for m in sets)]
    for row, key in enumerate(known, start=1):
        grid.addWidget(label(_FIGURES[key], role="muted"), row, 0)
        for position, measured in enumerate(sets, start=1):
            figure = label(_figure(measured, key), select=True)
            figure.setFont(figures(figure.font()))
            grid.addWidget(figure, row, position)
    return grid


def _set_name(measured: dict[str, Any]) -> str:
    """ "well_a, test, 108 tiles"."""
    parts = [str(measured.get("data", ""))]
    if measured.get("split") not in (None, "", "all"):
        parts.append(str(measured["split"]))
    if isinstance(measured.get("n"), int):
        what = f"{measured['level']}s" if measured.get("level") in ("tile", "photo") else "items"
        parts.append(f"{count(measured['n'])} {what}")
    return ", ".join(part for part in parts if part)


def _figure(measured: dict[str, Any], key: str) -> str:
    """ ".98 (.96–1.00)": the figure with its 95 % interval where it has one."""
    value = _value(measured.get(key))
    if value is None:
        return ""
    interval = measured.get("ci95")
    limits = interval.get(key) if isinstance(interval, dict) else None
    pair = limits if isinstance(limits, list | tuple) and len(limits) == 2 else (None, None)
    low, high = (_value(limit) for limit in pair)
    text = _shown(value, key)
    if low is None or high is None:
        return text
    return f"{text}  ({_shown(low, key)}–{_shown(high, key)})"


def _shown(value: float, key: str) -> str:
    return f"{value:.1f}" if key in _POINTS else probability(value)


def _value(value: Any) -> float | None:
    usable = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if usable else None


def _facts(entry: ModelEntry, card: ModelCard) -> list[tuple[str, str]]:
    tiling = card.preprocess.tiling
    seen = f"{card.preprocess.input_px} × {card.preprocess.input_px} px"
    if tiling is not None:
        seen += f", in tiles of {tiling.tile_px} px"
    rows = [
        ("Name", card.name),
        ("Architecture", f"{card.architecture} on {card.backbone}"),
        ("Sees", seen),
        ("Trained on", "; ".join(card.trained_on)),
        ("Licence", card.licence),
        ("Made", card.created_utc[:10]),
        ("File", _place(entry)),
        ("SHA-256", entry.ref.sha256 if entry.ref else ""),
    ]
    return [(title, text) for title, text in rows if text]


def _place(entry: ModelEntry) -> str:
    shipped = entry.path.is_relative_to(paths.resources())
    return f"{entry.path.name}, comes with GeoView" if shipped else str(entry.path)


def _rows(rows: list[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(2 * GAP)
    grid.setVerticalSpacing(SMALL)
    grid.setColumnMinimumWidth(0, _NAMES_PX)
    grid.setColumnStretch(1, 1)
    for row, (title, text) in enumerate(rows):
        grid.addWidget(label(title, role="muted"), row, 0, Qt.AlignmentFlag.AlignTop)
        value = label(_breakable(text), wrap=True, select=True)
        value.setFont(figures(value.font()))
        grid.addWidget(value, row, 1)
    return grid


def _breakable(text: str) -> str:
    """Long paths and hashes may break after separators, so that no page grows sideways."""
    for mark in ("/", "\\"):
        text = text.replace(mark, mark + "\u200b")
    if len(text) == 64 and " " not in text:
        text = "\u200b".join(text[i : i + 16] for i in range(0, 64, 16))
    return text


def _number(text: str) -> QLabel:
    made = label(text)
    made.setFont(figures(made.font()))
    made.setAlignment(_RIGHT)
    return made
