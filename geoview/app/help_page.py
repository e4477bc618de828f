"""Help: short texts in Markdown, and the keyboard map."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QTextBlockFormat, QTextCursor, QTextTable
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QTextBrowser, QWidget

from geoview import paths
from geoview.app.parts import PAGE_WIDTH_PX, describe
from geoview.app.theme import GAP, set_role

KEYBOARD = "keyboard"
_TOPICS = {
    "start": "First steps",
    KEYBOARD: "Keyboard",
    "reading": "Reading the results",
    "evidence": "Evidence",
    "masks": "Masks and areas",
    "size": "Measuring specimens",
    "register": "Boxes and register",
    "names": "Depths from file names",
    "models": "Models",
    "training": "Training",
    "zero-shot": "Names without training",
    "evaluating": "How good is a model",
    "reproduction": "Reproduction",
    "files": "Where things are kept",
}


class HelpPage(QWidget):
    """Topics on the left, the text on the right; everything comes from files on this machine."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.topics = QListWidget()
        self.topics.setFixedWidth(220)
        set_role(self.topics, "topics")
        self.topics.addItems(list(_TOPICS.values()))
        describe(self.topics, "Help topics", "")
        self.text = QTextBrowser()
        self.text.setOpenLinks(False)
        self.text.anchorClicked.connect(self._follow)
        self.text.document().setDocumentMargin(4 * GAP)
        self.text.setStyleSheet("QTextBrowser { border: none; background: transparent; }")
        describe(self.text, "Help text", "")
        self.text.setMaximumWidth(PAGE_WIDTH_PX)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.topics)
        row.addWidget(self.text, 1)
        row.addStretch(0)
        self.topics.currentRowChanged.connect(self._show)
        self.topics.setCurrentRow(0)

    def show_topic(self, name: str) -> None:
        self.topics.setCurrentRow(list(_TOPICS).index(name))

    def _show(self, row: int) -> None:
        name = list(_TOPICS)[row]
        file = paths.resources() / "help" / f"{name}.md"
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            text = f"The help text {file} cannot be read ({error.strerror}); install GeoView again."
        self.text.setMarkdown(text)
        _space_out(self.text)

    def _follow(self, link: QUrl) -> None:
        if link.fileName().removesuffix(".md") in _TOPICS:
            self.show_topic(link.fileName().removesuffix(".md"))
        else:
            QDesktopServices.openUrl(link)


def _space_out(text: QTextBrowser) -> None:
    """Room between paragraphs and rows; Qt's Markdown sets them solid."""
    block = text.document().begin()
    while block.isValid():
        cursor = QTextCursor(block)
        layout = block.blockFormat()
        layout.setLineHeight(140, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        if cursor.currentTable() is None:
            layout.setBottomMargin(GAP)
        cursor.setBlockFormat(layout)
        block = block.next()
    for frame in text.document().rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            style = frame.format()
            style.setBorder(0)
            style.setCellPadding(4)
            style.setCellSpacing(0)
            frame.setFormat(style)
    text.moveCursor(QTextCursor.MoveOperation.Start)
