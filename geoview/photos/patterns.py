"""Turning the user's name patterns into regular expressions of bounded cost.

The language is described in ``geoview.photos.names``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from geoview.errors import DataError

_NUMBER = r"(?<![0-9])(?<![0-9][.,])[0-9]{1,5}(?:[.,][0-9]{1,3}){0,2}(?![.,]?[0-9])"
# What a depth along the hole is measured from, and any depth.
ALONG_HOLE = "(?:MD|RKB|BRT|KB|RT|DF|GL|BGL|BSF|AHBDF|AH)"
DATUM = f"(?:{ALONG_HOLE}|TVDSS|TVD|MSL)"
_UNIT = rf"(?:m(?:[eè]t(?:er|re)s?)?|ft|feet|foot|['′])(?:[ _]?{DATUM})?(?![^\W_])"
_TO = rf"(?:[ _]?(?P<unit_before>{_UNIT}))?[ _]{{0,2}}(?:[-–—]|to)[ _]{{0,2}}(?P<until>{_NUMBER})"
_DEPTH = rf"(?P<depth>{_NUMBER})"

_GROUPS = frozenset(("well", "depth", "depth_m", "depth_ft", "unit", "sample"))
_FIELDS = "{well}, {depth}, {unit}, {sample}"
_PART = re.compile(r"\{([^{}]*)\}|\*+|\s+|[^{}*\s]+|[{}]")
_LONGEST = 400
_MOST_STARS = 2
_MOST_REPEATS = 10
_MOST_WIDE_REPEATS = 3
_WIDE = ("\\w", "\\W", "\\S", "\\D")


@dataclass(frozen=True, slots=True)
class NamePattern:
    """A pattern ready for use.

    ``without_interval`` reads the same names but takes no ``12-1250m`` for an interval; ``unit``
    is the one written behind ``{depth}``; ``whole_path``: for the path, not only the name;
    ``needs``: characters that every fitting name holds, in lower case, to reject others quickly.
    """

    text: str
    expression: re.Pattern[str]
    without_interval: re.Pattern[str] | None
    unit: str | None
    whole_path: bool
    needs: str = ""

    def find(self, text: str) -> re.Match[str] | None:
        if self.text.startswith("re:"):
            return self.expression.search(text)
        return self.expression.fullmatch(text)


def compile_pattern(pattern: str) -> NamePattern:
    """Raises DataError, naming the pattern and saying what is wrong with it."""
    if len(pattern) > _LONGEST:
        raise _wrong(pattern[:40] + "…", f"it is longer than {_LONGEST} characters")
    if pattern.startswith("re:"):
        return _compile_expression(pattern)
    return _compile_template(pattern)


def _wrong(pattern: str, why: str) -> DataError:
    return DataError(f"The name pattern “{pattern}” cannot be used: {why}. Change it in Settings.")


def _compile_template(pattern: str) -> NamePattern:
    parts = _PART.findall(pattern)
    tokens = [match.group(0) for match in _PART.finditer(pattern)]
    if {"{", "}", "{}"} & set(tokens):
        raise _wrong(pattern, "a curly bracket has no partner or nothing inside")
    if not any(parts):
        raise _wrong(pattern, "it needs {well}, {depth} or {sample}")
    for field in parts:
        if field and f"{{{field}}}" not in _FIELDS:
            raise _wrong(
                pattern, f"{{{field}}} is none of {{well}}, {{depth}}, {{unit}}, {{sample}}"
            )
        if field and parts.count(field) > 1:
            raise _wrong(pattern, f"{{{field}}} occurs twice")
    if "{unit}" in tokens and "{depth}" not in tokens:
        raise _wrong(pattern, "{unit} needs {depth} before it")
    if sum(token.startswith("*") for token in tokens) > _MOST_STARS:
        raise _wrong(pattern, f"it has more than {_MOST_STARS} stars")
    return NamePattern(
        text=pattern,
        expression=re.compile(_expression(tokens, interval=True), re.IGNORECASE),
        without_interval=re.compile(_expression(tokens, interval=False), re.IGNORECASE),
        unit=_written_unit(tokens),
        whole_path="/" in pattern,
        needs=max(filter(_is_literal, tokens), key=len, default="").lower(),
    )


def _is_literal(token: str) -> bool:
    return token[0] not in "{*" and not token.isspace()


def _expression(tokens: list[str], *, interval: bool) -> str:
    depth = _DEPTH + (f"(?:{_TO})?" if interval else "")
    if "{unit}" not in tokens:
        depth += rf"(?:[ _]{{0,2}}(?P<unit>{_UNIT}))?"
    fields = {
        "{well}": r"(?P<well>[^/]{1,60}?)",
        "{depth}": depth,
        "{unit}": rf"[ _]{{0,2}}(?P<unit>{_UNIT})",
        "{sample}": r"(?P<sample>[^\W_][\w. -]{0,39}?)",
    }
    return "".join(fields.get(token) or _literal(token) for token in tokens)


def _literal(token: str) -> str:
    if token.startswith("*"):
        return ".{0,100}?"
    return r"[ _\-–]{1,9}" if token.isspace() else re.escape(token)


def _written_unit(tokens: list[str]) -> str | None:
    """The unit written right behind ``{depth}``, as in ``{depth}ft`` and ``{depth} m``."""
    if "{depth}" not in tokens:
        return None
    rest = "".join(tokens[tokens.index("{depth}") + 1 :]).lstrip(" _")
    match = re.match(_UNIT, rest, re.IGNORECASE)
    return match.group(0) if match else None


def _compile_expression(pattern: str) -> NamePattern:
    text = pattern.removeprefix("re:")
    try:
        expression = re.compile(text, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise _wrong(pattern, f"the regular expression is wrong ({error})") from error
    unknown = sorted(set(expression.groupindex) - _GROUPS)
    if unknown:
        raise _wrong(pattern, f"its group “{unknown[0]}” is none of {', '.join(sorted(_GROUPS))}")
    if not set(expression.groupindex) - {"unit"}:
        raise _wrong(pattern, "it needs a named group such as (?P<depth>…)")
    _require_bounded(pattern, text)
    return NamePattern(pattern, expression, None, None, "/" in text)


_ATOM = re.compile(
    r"""(?P<open>\((?:\?(?:P<\w+>|<[=!]|[:=!>]|\#[^)]*|[aiLmsux-]+:?|P=\w+))?)
    |(?P<close>\)) | (?P<bar>\|)
    |(?P<repeat>[*+?]|\{\d*,?\d*\})[?+]?
    |(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\]) | (?P<other>\\.|.)""",
    re.VERBOSE | re.DOTALL,
)


def _require_bounded(pattern: str, text: str) -> None:
    """Refuse expressions whose cost grows without limit.

    A repeat inside a repeat, or a choice inside one, can take time exponential in the length of
    a name; several wide repeats such as ``.*`` take a high power of it.
    """
    variable = [False]  # for every open group: does it hold a repeat or a choice?
    closed, atom, repeats, wide = False, "", 0, 0
    for match in _ATOM.finditer(text):
        kind = match.lastgroup
        if kind == "open":
            variable.append(False)
        elif kind == "close" and len(variable) > 1:
            closed = variable.pop()
            variable[-1] |= closed
        elif kind == "bar":
            variable[-1] = True
        elif kind == "repeat":
            many = match["repeat"] != "?" and _most(match["repeat"]) > 1
            if many and closed and atom == ")":
                raise _wrong(pattern, "a repeat inside a repeat could take for ever")
            variable[-1] = True
            repeats += many
            wide += many and (atom in _WIDE or atom == "." or atom.startswith("[^"))
        atom = match.group(0)
    if repeats > _MOST_REPEATS or wide > _MOST_WIDE_REPEATS:
        raise _wrong(pattern, "it has too many repeats and would be slow")


def _most(repeat: str) -> float:
    """The highest count of a repeat such as ``*`` or ``{2,5}``."""
    if repeat in "*+":
        return float("inf")
    last = repeat.strip("{}").rpartition(",")[2]
    return int(last) if last else float("inf")
