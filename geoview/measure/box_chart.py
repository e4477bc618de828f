"""The chart of boxes needed and to buy, as SVG that any browser and office program shows."""

from __future__ import annotations

from html import escape

from geoview.measure.boxes import NONE_FITS, BoxPlan

_ROW, _BAR, _LEFT, _WIDE, _RIGHT, _TOP = 26, 16, 190, 420, 190, 56
_NEEDED, _BUY, _NONE = "#9ec5e8", "#1d6fb8", "#b45309"


def chart_svg(plan: BoxPlan, *, title: str = "Storage boxes") -> str:
    """Horizontal bars for every size that is needed: pale needed, dark to buy, with numbers."""
    lines = [(n.name, n.needed, n.to_buy) for n in plan.needs if n.needed]
    most = max([needed for _, needed, _ in lines] + [plan.none_fits, 1])
    bars = [_bars(at, line, most) for at, line in enumerate(lines)]
    if plan.none_fits:
        bars.append(_none(len(lines), plan.none_fits, most))
    height = _TOP + _ROW * max(1, len(bars)) + 14
    width = _LEFT + _WIDE + _RIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="13">'
        f"<title>{escape(title)}</title><desc>{escape(plan.words)}</desc>"
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
        f'<text x="12" y="22" font-size="16" fill="#111111">{escape(title)}</text>'
        f'<text x="12" y="42" fill="#555555">{escape(plan.words)}</text>'
        f"{''.join(bars)}</svg>\n"
    )


def _bars(at: int, line: tuple[str, int, int], most: int) -> str:
    name, needed, to_buy = line
    words = f"{needed} needed, {to_buy} to buy"
    return (
        _label(at, name)
        + _bar(at, _WIDE * needed / most, _NEEDED)
        + _bar(at, _WIDE * to_buy / most, _BUY)
        + _value(at, _WIDE * needed / most, words)
    )


def _none(at: int, count: int, most: int) -> str:
    length = _WIDE * count / most
    return _label(at, NONE_FITS) + _bar(at, length, _NONE) + _value(at, length, str(count))


def _bar(at: int, length: float, colour: str) -> str:
    top = _TOP + at * _ROW + (_ROW - _BAR) / 2
    return f'<rect x="{_LEFT}" y="{top:g}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>'


def _label(at: int, name: str) -> str:
    middle = _TOP + at * _ROW + _ROW / 2 + 5
    return f'<text x="{_LEFT - 8}" y="{middle:g}" text-anchor="end">{escape(name)}</text>'


def _value(at: int, length: float, words: str) -> str:
    middle = _TOP + at * _ROW + _ROW / 2 + 5
    x = _LEFT + length + 6
    return f'<text x="{x:.1f}" y="{middle:g}" fill="#555555">{escape(words)}</text>'
