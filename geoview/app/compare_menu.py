"""What may stand beside the photo: the bare photo, another method, another model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from geoview.app import words
from geoview.app.viewer_bar import METHODS


@dataclass(frozen=True, slots=True)
class Beside:
    """``name`` is a method or a model's title; ``model`` is that model's file."""

    kind: Literal["bare", "method", "model"]
    name: str = ""
    model: Path | None = None


BARE = Beside("bare")


class CompareButton(QToolButton):
    """The button of ``bare_action`` with a menu of everything to compare with.

    ``chosen(Beside)`` is a choice from the menu.
    """

    chosen = Signal(object)

    def __init__(self, bare_action: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDefaultAction(bare_action)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.setAccessibleName("Compare")
        self.setAccessibleDescription("Put the bare photo, another method or another model beside")
        menu = QMenu(self)
        menu.addAction(bare_action)
        self._methods = menu.addMenu("Another method")
        self._models = menu.addMenu("Another model")
        self.setMenu(menu)
        self.set_methods(())
        self.set_models(())

    def set_methods(self, methods: Sequence[str]) -> None:
        names = [name for name in methods if name != "auto"]
        self._fill(
            self._methods,
            [(method_title(name), Beside("method", name)) for name in names],
        )

    def set_models(self, models: Sequence[tuple[str, Path]]) -> None:
        """``models`` are titles and files of those that are not in use."""
        self._fill(self._models, [(title, Beside("model", title, path)) for title, path in models])

    def _fill(self, menu: QMenu, items: Sequence[tuple[str, Beside]]) -> None:
        menu.clear()
        menu.setEnabled(bool(items))
        for title, beside in items:
            menu.addAction(title, partial(self.chosen.emit, beside))


def method_title(name: str) -> str:
    return METHODS.get(name, words.sentence(name))
