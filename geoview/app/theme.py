"""Colours, spacing and figures of the window; light and dark, one accent.

``colours(palette)`` gives the tokens that custom painting should use; nothing outside this file
and ``stylesheet.py`` spells a colour.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from geoview.app.patterns import lithology_brush, lithology_colour, lithology_ink
from geoview.app.stylesheet import stylesheet

__all__ = [
    "DARK",
    "GAP",
    "LIGHT",
    "SMALL",
    "Tokens",
    "apply",
    "colours",
    "figures",
    "is_dark",
    "lithology_brush",
    "lithology_colour",
    "lithology_ink",
    "resolve",
    "set_role",
]

Theme = Literal["system", "light", "dark"]

SMALL = 4
GAP = 8


@dataclass(frozen=True, slots=True)
class Tokens:
    """Named colours as ``#rrggbb``; ``QColor(tokens.accent)`` is ready to paint with.

    ``window`` is the chrome, ``surface`` what content lies on, ``sunken`` an empty track;
    ``viewer`` surrounds photos and is neutral grey in both themes, with ``viewer_text`` on it.
    ``warn``/``error``/``ok`` are text colours, readable on their ``*_soft`` backgrounds.
    """

    dark: bool
    window: str
    surface: str
    sunken: str
    hover: str
    border: str
    text: str
    muted: str
    accent: str
    accent_text: str
    accent_soft: str
    viewer: str
    viewer_text: str
    viewer_muted: str
    warn: str
    warn_soft: str
    error: str
    error_soft: str
    ok: str
    ok_soft: str


LIGHT = Tokens(
    dark=False,
    window="#f3f4f5",
    surface="#ffffff",
    sunken="#e6e9eb",
    hover="#e9ecee",
    border="#d3d8dc",
    text="#1a1e22",
    muted="#56606a",
    accent="#0f6b66",
    accent_text="#ffffff",
    accent_soft="#d8ebe9",
    viewer="#c6c6c6",
    viewer_text="#1c1c1c",
    viewer_muted="#454545",
    warn="#7a4a00",
    warn_soft="#fcefd6",
    error="#a8231b",
    error_soft="#fbe6e3",
    ok="#1d6b38",
    ok_soft="#e0f1e5",
)

DARK = Tokens(
    dark=True,
    window="#1c1f22",
    surface="#24282c",
    sunken="#15181a",
    hover="#2e3338",
    border="#3b4248",
    text="#e6e9eb",
    muted="#a5aeb6",
    accent="#58c4b7",
    accent_text="#05211e",
    accent_soft="#1f4441",
    viewer="#303030",
    viewer_text="#ececec",
    viewer_muted="#b8b8b8",
    warn="#f2bd63",
    warn_soft="#3b3019",
    error="#ff9f93",
    error_soft="#432422",
    ok="#83d69a",
    ok_soft="#1e3a28",
)


def colours(palette: QPalette) -> Tokens:
    """The tokens that belong to a palette: ``colours(self.palette())``."""
    return DARK if is_dark(palette) else LIGHT


def is_dark(palette: QPalette) -> bool:
    return palette.color(QPalette.ColorRole.Window).lightness() < 128


def resolve(theme: Theme) -> Tokens:
    """The tokens of a theme setting; "system" asks the desktop."""
    if theme == "system":
        scheme = QApplication.styleHints().colorScheme()
        return DARK if scheme == Qt.ColorScheme.Dark else LIGHT
    return DARK if theme == "dark" else LIGHT


def apply(app: QApplication, theme: Theme) -> Tokens:
    """Dress the whole application; safe to call again at any time."""
    schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
    hints = app.styleHints()
    if hasattr(hints, "setColorScheme"):  # also turns the native title bar
        hints.setColorScheme(schemes.get(theme, Qt.ColorScheme.Unknown))
    tokens = resolve(theme)
    if not app.property("geoview_style"):
        app.setStyle("Fusion")
        app.setProperty("geoview_style", True)
    app.setPalette(_palette(tokens))
    sheet = stylesheet(asdict(tokens), dark=tokens.dark)
    if app.styleSheet() != sheet:
        app.setStyleSheet(sheet)
    return tokens


def figures(font: QFont) -> QFont:
    """The font with figures of one width, so that columns of numbers line up."""
    tabular = QFont(font)
    tabular.setFeature(QFont.Tag("tnum"), 1)
    return tabular


def set_role(widget: QWidget, role: str) -> None:
    """Give a widget a look of the style sheet: "primary", "quiet", "muted", "title", "heading",
    "card", "bar", "link", "danger"; takes effect also after the widget was shown."""
    widget.setProperty("role", role)
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)


def _palette(tokens: Tokens) -> QPalette:
    role = QPalette.ColorRole
    values = {
        role.Window: tokens.window,
        role.WindowText: tokens.text,
        role.Base: tokens.surface,
        role.AlternateBase: tokens.window,
        role.Text: tokens.text,
        role.PlaceholderText: tokens.muted,
        role.Button: tokens.surface,
        role.ButtonText: tokens.text,
        role.BrightText: tokens.error,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.accent_text,
        role.Accent: tokens.accent,
        role.Link: tokens.accent,
        role.LinkVisited: tokens.accent,
        role.ToolTipBase: tokens.surface,
        role.ToolTipText: tokens.text,
        role.Light: tokens.hover,
        role.Midlight: tokens.hover,
        role.Mid: tokens.border,
        role.Dark: tokens.border,
        role.Shadow: tokens.sunken,
    }
    palette = QPalette()
    for key, value in values.items():
        palette.setColor(key, QColor(value))
    for key in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, key, QColor(tokens.muted))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(tokens.border))
    return palette
