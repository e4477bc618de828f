"""The predictions panel: what the model says of one photo, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from geoview.app import words
from geoview.app.bars import Standing, paint_swatch, standing
from geoview.app.evidence_grid import EvidenceGrid
from geoview.app.photo_order import UNSURE
from geoview.app.prediction_rows import BarList, Line
from geoview.app.theme import GAP, SMALL, figures, set_role
from geoview.records import CANNOT_TELL, Heatmap, LayerAssignment, PhotoResult, Prediction

if TYPE_CHECKING:
    from geoview.models.card import ModelCard

_MOST_ROWS = 48


class Swatch(QWidget):
    """The dominant lithology's colour and pattern."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name: str | None = None
        self.setFixedSize(QSize(32, 20))

    def show_name(self, name: str | None) -> None:
        self._name = name
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_swatch(painter, QRectF(self.rect()), self._name, self.palette())
        painter.end()


class Notice(QWidget):
    """Why there are no bars, and the button that does something about it."""

    analyse_wanted = Signal()
    retry_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._file = ""
        self.title = _label("heading")
        self.text = _label("")
        self.hint = _label("muted")
        self.analyse = QPushButton("Analyse photos", self)
        set_role(self.analyse, "primary")
        self.analyse.clicked.connect(self.analyse_wanted)
        self.retry = QPushButton("Try again", self)
        self.retry.clicked.connect(lambda: self.retry_wanted.emit(self._file))
        column = QVBoxLayout(self)
        column.setContentsMargins(GAP, GAP, GAP, GAP)
        column.setSpacing(GAP)
        for label in (self.title, self.text, self.hint):
            column.addWidget(label)
        for button in (self.analyse, self.retry):
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)

    def show_none(self) -> None:
        self._show("No photo chosen", "", "Its lithologies, areas and layer appear here.")

    def show_new(self) -> None:
        self._show(
            "Not analysed yet",
            "",
            "The analysis finds the lithologies, their share of the area and the layer of every "
            "photo. It runs on this machine and can be stopped at any time.",
        )
        self.analyse.show()

    def show_failed(self, result: PhotoResult) -> None:
        self._file = result.photo.file
        self._show(
            "Could not be read",
            words.sentence(result.reason),
            "The file was left as it is, and the other photos are not affected.",
        )
        self.retry.show()

    def _show(self, title: str, text: str, hint: str) -> None:
        for label, said in ((self.title, title), (self.text, text), (self.hint, hint)):
            label.setText(said)
            label.setVisible(bool(said))
        self.analyse.hide()
        self.retry.hide()


class Findings(QWidget):
    """The dominant lithology, a bar per class, the layer, and which model said so when."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.swatch = Swatch(self)
        self.verdict = _label("heading")
        self.doubt = _label("muted")
        self.classes = BarList(clickable=True, parent=self)
        self.more = _label("muted")
        self.hint = _label("muted")
        self.layer_title = _label("heading", "Layer")
        self.layers = BarList(clickable=False, parent=self)
        self.evidence_title = _label("heading", "Evidence")
        self.warning = _label("error")
        self.evidence_hint = _label("muted", "Space shows where the evidence for every class is")
        self.evidence = EvidenceGrid(self)
        self.model = _label("muted")
        self.made = _label("muted")
        for label in (self.model, self.made):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setFont(figures(label.font()))
        self._lay_out()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(GAP, GAP, GAP, 0)
        head.setSpacing(GAP)
        head.addWidget(self.swatch, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.verdict, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, GAP)
        column.setSpacing(SMALL)
        column.addLayout(head)
        for widget in (self.doubt, self.classes, self.more, self.hint):
            column.addWidget(widget)
        column.addSpacing(GAP)
        column.addWidget(self.layer_title)
        column.addWidget(self.layers)
        column.addSpacing(GAP)
        column.addWidget(self.evidence_title)
        column.addWidget(self.warning)
        column.addWidget(self.evidence_hint)
        column.addWidget(self.evidence)
        column.addStretch(1)
        rule = QFrame(self)
        set_role(rule, "line")
        column.addWidget(rule)
        for widget in (self.model, self.made):
            column.addWidget(widget)
        inset = (
            self.doubt, self.more, self.hint, self.layer_title,
            self.evidence_title, self.warning, self.evidence_hint, self.model, self.made,
        )  # fmt: skip
        for label in inset:
            label.setContentsMargins(GAP, 0, GAP, 0)

    def show_prediction(self, prediction: Prediction, *, warning: str = "") -> None:
        self.warning.setText(warning)
        self.warning.setVisible(bool(warning))
        lines = class_lines(prediction)
        self.swatch.show_name(prediction.dominant)
        self.verdict.setText(verdict(prediction))
        doubt = doubts(prediction)
        self.doubt.setText(doubt)
        self.doubt.setVisible(bool(doubt))
        self.classes.show_lines(lines[:_MOST_ROWS])
        self._show_more(lines[_MOST_ROWS:])
        self.hint.setText("Click a class to see the evidence in the photo")
        self._show_layer(prediction.layer)
        self._show_model(prediction)
        self.evidence.hide()
        self.evidence_hint.show()

    def show_evidence(
        self, prediction: Prediction, heatmaps: Sequence[Heatmap], photo: QPixmap, *, colormap: str
    ) -> None:
        """A small map for every class, on one scale."""
        self.evidence.show_maps(
            heatmaps,
            photo,
            size_px=QSize(prediction.width_px, prediction.height_px),
            probabilities=dict(zip(prediction.classes, prediction.probabilities, strict=True)),
            colormap=colormap,
        )
        self.evidence_hint.hide()
        self.evidence.show()

    def _show_more(self, lines: list[Line]) -> None:
        self.more.setVisible(bool(lines))
        if lines:
            top = words.probability(lines[0].probability)
            self.more.setText(f"{words.count(len(lines))} more, none above {top}")

    def _show_layer(self, layer: LayerAssignment | None) -> None:
        self.layer_title.setVisible(layer is not None)
        self.layers.setVisible(layer is not None)
        self.layers.show_lines(layer_lines(layer) if layer else [])

    def _show_model(self, prediction: Prediction) -> None:
        ref = prediction.model
        self.model.setText(f"{ref.name} · {ref.sha256[:8]}")
        self.model.setToolTip(f"{ref.name}\nSHA-256 {ref.sha256}")
        device = f"{device_name(prediction.device)} · {prediction.precision}"
        self.made.setText(f"{local_time(prediction.created_utc)} · {device}")
        self.made.setToolTip(f"GeoView {prediction.app_version}")


class PredictionsPanel(QWidget):
    """``class_chosen(name)`` asks for the evidence of a class; ``analyse_wanted`` and
    ``retry_wanted(file)`` come from the buttons of photos without a prediction."""

    class_chosen = Signal(str)
    analyse_wanted = Signal()
    retry_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumWidth(240)
        self._card: ModelCard | None = None
        self._result: PhotoResult | None = None
        self.name = _label("heading")
        self.name.setContentsMargins(GAP, GAP, GAP, 0)
        self.file = _label("muted")
        self.file.setContentsMargins(GAP, 0, GAP, SMALL)
        self.notice = Notice(self)
        self.findings = Findings(self)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.notice)
        self._stack.addWidget(self._scrolling(self.findings))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.name, self.file):
            column.addWidget(widget)
        column.addWidget(self._stack, 1)
        self.findings.classes.chosen.connect(self.class_chosen)
        self.findings.evidence.chosen.connect(self.class_chosen)
        self.notice.analyse_wanted.connect(self.analyse_wanted)
        self.notice.retry_wanted.connect(self.retry_wanted)
        self.show_result(None)

    def sizeHint(self) -> QSize:
        return QSize(304, 640)

    def _scrolling(self, inner: QWidget) -> QScrollArea:
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        return area

    def show_result(self, result: PhotoResult | None) -> None:
        """Show a photo's prediction, or why it has none."""
        self._result = result
        self._show_photo(result)
        if result is not None and result.prediction is not None:
            self.findings.show_prediction(result.prediction, warning=result.evidence_warning)
            self._stack.setCurrentIndex(1)
            return
        if result is None:
            self.notice.show_none()
        elif result.status == "failed":
            self.notice.show_failed(result)
        else:
            self.notice.show_new()
        self._stack.setCurrentIndex(0)

    def set_card(self, card: ModelCard | None) -> None:
        """The chosen model's card; its limits are shown where its findings are."""
        self._card = card
        limits = card.limitations if card else ""
        self.findings.verdict.setToolTip(f"Limits of the model: {limits}" if limits else "")

    def mark_class(self, name: str) -> None:
        """Tell which class's heatmap is over the photo; empty for none."""
        self.findings.classes.mark(name)
        self.findings.evidence.mark(name)

    def show_evidence(
        self, heatmaps: Sequence[Heatmap], photo: QPixmap | None, *, file: str, colormap: str
    ) -> None:
        """The maps of the photo that is shown; those of another photo are not."""
        result = self._result
        if result is None or result.prediction is None or result.photo.file != file:
            return
        self.findings.show_evidence(
            result.prediction, heatmaps, photo or QPixmap(), colormap=colormap
        )

    def _show_photo(self, result: PhotoResult | None) -> None:
        self.name.setVisible(result is not None)
        self.file.setVisible(result is not None and result.photo.depth_m is not None)
        if result is not None:
            self.name.setText(words.title(result.photo))
            self.file.setText(result.photo.file)
            self.file.setToolTip(str(result.photo.path))


def verdict(prediction: Prediction) -> str:
    """The first line: "Limestone, 74 % of the area"."""
    if prediction.dominant is None:
        return f"{words.sentence(CANNOT_TELL)}: no class reaches its threshold"
    i = prediction.classes.index(prediction.dominant)
    name = words.sentence(prediction.dominant)
    if prediction.area_pct is not None:
        return f"{name}, {words.percent(prediction.area_pct[i])} of the area"
    return f"{name}, probability {words.probability(prediction.probabilities[i])}"


def doubts(prediction: Prediction) -> str:
    """Which classes are too close to their thresholds to be relied on."""
    if not prediction.multi_label:
        unsure = prediction.uncertainty > UNSURE
        return "Uncertain: no class has even half of the probability" if unsure else ""
    each = zip(prediction.classes, prediction.probabilities, prediction.thresholds, strict=True)
    near = [name for name, p, t in each if standing(p, t) is Standing.UNCERTAIN]
    if not near:
        return ""
    names = ", ".join(near[:3]) + (f" and {len(near) - 3} more" if len(near) > 3 else "")
    return f"Uncertain, close to the threshold: {names}"


def class_lines(prediction: Prediction) -> list[Line]:
    """A line per class, the most probable first."""
    areas = prediction.area_pct or (None,) * len(prediction.classes)
    lines = [
        Line(
            name,
            p,
            threshold=t if prediction.multi_label else None,
            area_pct=area,
            strong=name == prediction.dominant,
        )
        for name, p, t, area in zip(
            prediction.classes, prediction.probabilities, prediction.thresholds, areas, strict=True
        )
    ]
    return sorted(lines, key=lambda line: -line.probability)


def layer_lines(layer: LayerAssignment) -> list[Line]:
    """A line per layer in the model's order, which is that of the rocks."""
    return [
        Line(name, p, lithology=False, strong=name == layer.best)
        for name, p in zip(layer.names, layer.probabilities, strict=True)
    ]


def device_name(device: str) -> str:
    """ "cpu" as "CPU", "cuda:0" as "CUDA:0"; anything longer is a name already."""
    return device.upper() if len(device) <= 7 else device


def local_time(created_utc: str) -> str:
    """A UTC time stamp as the clock on the wall showed it."""
    try:
        then = datetime.fromisoformat(created_utc).astimezone()
    except ValueError:
        return created_utc
    return f"{then.day} {then:%b %Y, %H:%M}"


def _label(role: str, text: str = "") -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    if role:
        set_role(label, role)
    return label
