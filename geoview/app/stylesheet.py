"""The style sheet over Fusion: flat, dense, aligned to a 4 px grid."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template

from geoview import paths

_SHEET = Template("""
QWidget { selection-background-color: $accent; selection-color: $accent_text; }
QMainWindow, QDialog { background: $window; }
QToolTip { background: $surface; color: $text; border: 1px solid $border; padding: 4px 8px; }

QFrame#toolbar { background: $window; border: none; border-bottom: 1px solid $border; }
QToolButton { color: $text; background: transparent; border: 1px solid transparent;
              border-radius: 4px; padding: 4px 8px; }
QToolButton:hover { background: $hover; }
QToolButton:pressed, QToolButton:checked { background: $accent_soft; }
QToolButton:focus { border-color: $accent; }
QToolButton:disabled { color: $muted; }
QToolButton::menu-indicator { image: none; }
QToolButton::menu-button { border: none; background: transparent; width: 14px; }
QToolButton[role="primary"] { background: $accent; color: $accent_text; }
QToolButton[role="primary"]:hover, QToolButton[role="primary"]:focus { border-color: $text; }
QToolButton[role="primary"]:disabled { background: $sunken; color: $muted; }
QToolButton[role="segment"] { border-radius: 0; padding: 4px; color: $muted;
                              border-bottom: 2px solid $border; }
QToolButton[role="segment"]:checked { color: $text; background: transparent;
                                      border-bottom-color: $accent; }
QToolButton[role="segment"]:hover { background: $hover; }
QToolButton[role="segment"]:focus { border: 1px solid $accent; border-bottom-width: 2px; }

QFrame#rail { background: $window; border: none; border-right: 1px solid $border; }
QFrame#rail QToolButton { border-radius: 6px; padding: 8px 4px 4px 4px; font-size: 8pt;
                          color: $muted; }
QFrame#rail QToolButton:checked { color: $text; background: $accent_soft; }
QFrame#rail QToolButton:focus { border-color: $accent; }

QPushButton { background: $surface; color: $text; border: 1px solid $border; border-radius: 4px;
              padding: 4px 12px; min-height: 20px; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $accent_soft; }
QPushButton:focus { border-color: $accent; }
QPushButton:disabled { color: $muted; background: $window; }
QPushButton[role="primary"] { background: $accent; color: $accent_text; border-color: $accent; }
QPushButton[role="primary"]:hover, QPushButton[role="primary"]:focus { border-color: $text; }
QPushButton[role="primary"]:disabled { background: $sunken; color: $muted;
                                       border-color: $border; }
QPushButton[role="link"] { background: transparent; border: 1px solid transparent;
                           color: $accent; padding: 0 4px; min-height: 20px; }
QPushButton[role="link"]:hover { text-decoration: underline; }
QPushButton[role="link"]:focus { border-color: $accent; }
QPushButton[role="quiet"] { background: transparent; border-color: transparent; }
QPushButton[role="quiet"]:hover { background: $hover; }
QPushButton[role="quiet"]:focus { border-color: $accent; }
QPushButton[role="row"] { text-align: left; background: transparent; border-color: transparent; }
QPushButton[role="row"]:hover { background: $hover; }
QPushButton[role="row"]:focus { border-color: $accent; }
QPushButton[role="choice"] { text-align: left; padding: 16px; border-radius: 8px;
              min-height: 80px; }
QPushButton[role="choice"]:focus { border: 2px solid $accent; padding: 15px; }

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox {
    background: $surface; color: $text; border: 1px solid $border; border-radius: 4px;
    padding: 2px 8px; min-height: 22px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus,
QComboBox:focus { border-color: $accent; }
QLineEdit:disabled, QSpinBox:disabled, QComboBox:disabled { color: $muted; background: $window; }
QComboBox { padding-right: 20px; }
QComboBox::drop-down { border: none; width: 20px; }
QComboBox::down-arrow { image: url("$icons/ui-chevron-$mode.svg"); width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: $surface; border: 1px solid $border; outline: none;
    selection-background-color: $accent_soft; selection-color: $text; padding: 4px; }
QSpinBox QLineEdit, QDoubleSpinBox QLineEdit { border: none; background: transparent;
    padding: 0 0 0 6px; min-height: 0; }
QAbstractScrollArea::corner { background: transparent; }
QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button,
QDoubleSpinBox::down-button { border: none; width: 18px; background: transparent; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url("$icons/ui-chevron-up-$mode.svg");
    width: 10px; height: 10px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url("$icons/ui-chevron-$mode.svg");
    width: 10px; height: 10px; }

QAbstractItemView { background: $surface; color: $text; border: none; outline: none;
    selection-background-color: $accent_soft; selection-color: $text; }
QHeaderView::section { background: $window; color: $muted; border: none;
    border-bottom: 1px solid $border; padding: 4px 8px; }
QListWidget[role="topics"] { background: $window; border-right: 1px solid $border; padding: 8px; }
QListWidget[role="rows"] { background: transparent; }
QListWidget[role="rows"]::item { border-radius: 4px; padding: 0 8px; }
QListWidget[role="rows"]::item:selected { background: $accent_soft; color: $text; }
QListWidget[role="topics"]::item { min-height: 32px; padding: 0 8px; border-radius: 4px; }
QListWidget[role="topics"]::item:selected { background: $accent_soft; color: $text; }
QHeaderView::section:hover { background: $hover; }
QHeaderView::up-arrow { image: url("$icons/ui-chevron-up-$mode.svg"); width: 10px; height: 10px; }
QHeaderView::down-arrow { image: url("$icons/ui-chevron-$mode.svg"); width: 10px; height: 10px; }
QTabWidget::pane { border: none; background: $surface; }
QTabWidget > QWidget > QWidget#page { background: $surface; }
QTabBar { background: $window; }
QTabBar::tab { background: transparent; color: $muted; border: 1px solid transparent;
    border-bottom: 2px solid $border; padding: 6px 12px; }
QTabBar::tab:hover { background: $hover; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:focus { border-color: $accent; }
QTableWidget { border: 1px solid $border; border-radius: 4px; gridline-color: $border; }
QTableWidget:focus { border-color: $accent; }
QTableWidget QLineEdit { padding: 0 4px; min-height: 0; border-radius: 0; }
QMenu { background: $surface; color: $text; border: 1px solid $border; padding: 4px; }
QMenu::item { padding: 4px 24px 4px 12px; border-radius: 4px; }
QMenu::item:selected { background: $accent_soft; color: $text; }
QMenu::item:disabled { color: $muted; }
QMenu::separator { height: 1px; background: $border; margin: 4px 8px; }

QScrollArea, QScrollArea > QWidget > QWidget#page { background: $window; border: none; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: $scroll; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QSplitter::handle { background: $border; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:vertical { height: 1px; }
QMainWindow::separator { background: $border; width: 1px; height: 1px; }
QMainWindow::separator:hover { background: $accent; width: 3px; height: 3px; }
QDockWidget { color: $muted; font-weight: 600; }
QDockWidget::title { background: $window; padding: 6px 8px; border-bottom: 1px solid $border; }

QProgressBar { background: $sunken; border: none; border-radius: 3px; max-height: 6px;
    min-height: 6px; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }
QSlider::groove:horizontal { background: $track; height: 4px; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; height: 4px; border-radius: 2px; }
QSlider::handle:horizontal { background: $surface; border: 2px solid $accent; width: 10px;
    height: 10px; margin: -5px 0; border-radius: 7px; }
QSlider::handle:horizontal:focus { background: $accent; }

QCheckBox { spacing: 8px; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid $muted; border-radius: 3px;
    background: $surface; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent;
    image: url("$icons/ui-check-$mode.svg"); }
QCheckBox::indicator:focus { border: 2px solid $accent; }

QLabel[role="title"] { font-size: 18pt; font-weight: 600; }
QLabel[role="heading"] { font-weight: 600; }
QLabel[role="muted"], QLabel[role="hint"] { color: $muted; }
QLabel[role="error"] { color: $error; }
QLabel[role="warn"] { color: $warn; }
QLabel[role="ok"] { color: $ok; }
QFrame[role="card"] { background: $surface; border: 1px solid $border; border-radius: 8px; }
QFrame[role="popup"] { background: $surface; border: 1px solid $border; }
QFrame[role="bar"] { background: $window; border: none; border-top: 1px solid $border; }
QFrame[role="panel"] { background: $surface; border: none; }
QFrame[role="line"] { background: $border; border: none; max-height: 1px; min-height: 1px; }
QFrame[banner="warn"] { background: $warn_soft; border-bottom: 1px solid $border; }
QFrame[banner="error"] { background: $error_soft; border-bottom: 1px solid $border; }
QFrame[banner="info"] { background: $accent_soft; border-bottom: 1px solid $border; }
QFrame[banner="warn"] QLabel { color: $warn; }
QFrame[banner="error"] QLabel { color: $error; }
QFrame[banner="info"] QLabel { color: $text; }
""")


def stylesheet(colours: Mapping[str, str], *, dark: bool) -> str:
    """The style sheet filled in with a theme's colours by name (``theme.Tokens``)."""
    values = {
        **colours,
        "mode": "dark" if dark else "light",
        "icons": (paths.resources() / "icons").as_posix(),
        "scroll": "#565e66" if dark else "#b4bbc2",
        "track": colours["border"],
    }
    return _SHEET.substitute(values)
