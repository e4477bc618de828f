"""Colours that can be read, in both themes."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter
from PySide6.QtWidgets import QApplication

from geoview import paths
from geoview.app import icons, theme
from geoview.taxonomy import LITHOLOGIES

TEXT_ON = [
    ("text", "window"), ("text", "surface"), ("text", "sunken"), ("text", "hover"),
    ("text", "accent_soft"), ("muted", "window"), ("muted", "surface"), ("muted", "sunken"),
    ("accent", "window"), ("accent", "surface"), ("accent_text", "accent"),
    ("viewer_text", "viewer"), ("viewer_muted", "viewer"), ("warn", "warn_soft"),
    ("error", "error_soft"), ("ok", "ok_soft"), ("error", "window"), ("warn", "surface"),
    ("error", "surface"), ("ok", "surface"),
]  # fmt: skip


def contrast(a: QColor, b: QColor) -> float:
    """Contrast ratio of WCAG 2."""

    def luminance(colour: QColor) -> float:
        channels = (colour.redF(), colour.greenF(), colour.blueF())
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("tokens", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back"), TEXT_ON)
def test_text_has_enough_contrast(tokens: theme.Tokens, front: str, back: str) -> None:
    ratio = contrast(QColor(getattr(tokens, front)), QColor(getattr(tokens, back)))
    assert ratio >= 4.5, f"{front} on {back}: {ratio:.2f}"


@pytest.mark.parametrize("name", ["light", "dark"])
def test_ink_on_lithologies_has_enough_contrast(qapp: QApplication, name: Any) -> None:
    theme.apply(qapp, name)
    for rock in LITHOLOGIES:
        ratio = contrast(theme.lithology_ink(rock.name), theme.lithology_colour(rock.name))
        assert ratio >= 4.5, f"{rock.name}: {ratio:.2f}"


def test_the_viewer_is_neutral_grey() -> None:
    for tokens in (theme.LIGHT, theme.DARK):
        assert QColor(tokens.viewer).saturation() == 0


def test_the_theme_can_be_changed_and_follows_the_palette(qapp: QApplication) -> None:
    for name, dark in (("dark", True), ("light", False), ("dark", True)):
        tokens = theme.apply(qapp, name)  # type: ignore[arg-type]
        assert tokens.dark is dark
        assert theme.colours(qapp.palette()) == tokens
    theme.apply(qapp, "light")


def test_every_lithology_looks_different_without_its_colour(qapp: QApplication) -> None:
    """Colour never carries meaning alone: the ornaments differ too."""
    seen: dict[bytes, str] = {}
    for rock in LITHOLOGIES:
        image = QImage(32, 32, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        painter.fillRect(image.rect(), theme.lithology_brush(rock.name))
        painter.end()
        base = image.pixelColor(15, 5)
        marks = bytes(
            contrast(image.pixelColor(x, y), base) > 1.2 for x in range(32) for y in range(32)
        )
        if rock.pattern != "solid":
            assert any(marks), f"{rock.name} has no ornament"
        if rock.pattern not in ("plus", "crosses"):
            assert marks not in seen, f"{rock.name} looks like {seen.get(marks)}"
        seen[marks] = rock.name


def test_figures_are_of_one_width(qapp: QApplication) -> None:
    metrics = QFontMetrics(theme.figures(QFont(qapp.font())))
    assert len({metrics.horizontalAdvance(digit) for digit in "0123456789"}) == 1


def test_icons_are_drawn_in_the_colours_of_the_theme(qapp: QApplication) -> None:
    shown = {}
    for name in ("light", "dark"):
        tokens = theme.apply(qapp, name)  # type: ignore[arg-type]
        image = icons.icon("open").pixmap(48, 48).toImage()
        inked = [
            image.pixelColor(x, y).name()
            for x in range(image.width())
            for y in range(image.height())
            if image.pixelColor(x, y).alpha() == 255
        ]
        assert inked
        assert set(inked) == {tokens.text}
        shown[name] = inked
    theme.apply(qapp, "light")
    assert shown["light"] != shown["dark"]


def test_every_icon_is_one_line_drawing_of_the_set(qapp: QApplication) -> None:
    files = [f for f in (paths.resources() / "icons").glob("*.svg") if f.stem[:3] != "ui-"]
    assert len(files) > 20
    for file in files:
        text = file.read_text()
        assert 'viewBox="0 0 24 24"' in text, file.name
        assert 'stroke-width="1.75"' in text, file.name
        assert not icons.icon(file.stem).pixmap(24, 24).isNull()
