"""A model card, drawn: what the model is, what it was measured on, and where its limits lie."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from geoview.app.parts import describe, label, line
from geoview.app.theme import GAP, SMALL, colours, figures, lithology_brush
from geoview.app.words import count, probability, sentence

if TYPE_CHECKING:
    from geoview.models.card import ModelCard
    from geoview.models.store import ModelEntry

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_FIGURES = {
    "map": "Mean average precision",
    "top1": "Top-1 accuracy",
    "layer_accuracy": "Layer accuracy",
    "area_mae": "Mean error of area, points",
    "cf1": "F1, mean over classes",
    "of1": "F1 over all labels",
}


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
        measured = card.metrics[-1] if card.metrics else {}
        _section(column, "Lithologies" if card.layers else "Classes")
        column.addLayout(_class_table(card, measured))
        if card.layers:
            _section(column, "Layers")
            column.addWidget(label(" · ".join(sentence(name) for name in card.layers), wrap=True))
        if measured:
            _section(column, "Measured")
            column.addLayout(_rows(_measured(measured)))
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


def _measured(measured: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures that have a name here, with their interval where there is one."""
    rows = []
    for key, title in _FIGURES.items():
        value = _value(measured.get(key))
        if value is None:
            continue
        text = f"{value:.1f}" if key == "area_mae" else probability(value)
        low, high = _interval(measured, key)
        if low is not None and high is not None:
            shown = (f"{v:.1f}" if key == "area_mae" else probability(v) for v in (low, high))
            text += "   95 %: {}…{}".format(*shown)
        rows.append((title, text))
    where = [str(measured[k]) for k in ("data", "split") if measured.get(k)]
    if where:
        rows.append(("On", ", ".join(where)))
    if isinstance(measured.get("n"), int):
        rows.append(("Items", count(measured["n"])))
    return rows


def _value(value: Any) -> float | None:
    if isinstance(value, dict):
        value = value.get("value")
    usable = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if usable else None


def _interval(measured: dict[str, Any], key: str) -> tuple[float | None, float | None]:
    own = measured.get(key)
    pair = own.get("interval") if isinstance(own, dict) else None
    for name in (f"{key}_ci", f"{key}_ci95", f"{key}_interval"):
        pair = pair or measured.get(name)
    for name in ("intervals", "ci", "ci95", "interval"):
        table = measured.get(name)
        pair = pair or (table.get(key) if isinstance(table, dict) else None)
    if isinstance(pair, list | tuple) and len(pair) == 2:
        return _value(pair[0]), _value(pair[1])
    return None, None


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
        ("File", str(entry.path)),
        ("SHA-256", entry.ref.sha256 if entry.ref else ""),
    ]
    return [(title, text) for title, text in rows if text]


def _rows(rows: list[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(2 * GAP)
    grid.setVerticalSpacing(SMALL)
    grid.setColumnMinimumWidth(0, 168)
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
