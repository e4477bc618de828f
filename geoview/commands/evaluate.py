"""``geoview evaluate``: how good a model is on labelled photos."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geoview import files
from geoview import settings as user_settings
from geoview.commands import common, console
from geoview.errors import DataError

_TITLES = {
    "map": "mean average precision",
    "top1": "top-1 accuracy",
    "cp": "precision, mean over classes (CP)",
    "cr": "recall, mean over classes (CR)",
    "cf1": "F1 of these (CF1)",
    "op": "precision, all labels (OP)",
    "or": "recall, all labels (OR)",
    "of1": "F1 of these (OF1)",
    "layer_accuracy": "layer accuracy, per photo",
    "dominant_accuracy": "dominant lithology, per photo",
    "area_mae_points_mean": "area error, points (mean)",
}
_CLASS_COLUMNS = (
    "class", "positives", "AP", "95 % interval", "threshold", "area error", "area bias",
)  # fmt: skip
_CLASS_NUMBERS = ("positives", "AP", "threshold", "area error", "area bias")


def evaluate(
    model: str,
    *,
    data: list[Path],
    split: str | None,
    json_file: Path | None,
    device: str | None,
) -> int:
    """Measure ``model`` on labelled photos, print the figures and write them as JSON."""
    from geoview.models import store

    common.check_target(json_file)
    for source in data:
        if not source.exists():
            raise DataError(f"There is no folder or sheet {source}; check the path.")
    path = store.resolve(model)
    with console.err().status("Loading…"):
        from geoview.training.evaluate import evaluate as measure
    with console.Bar("Measuring") as bar:
        figures = measure(
            path,
            data=data,
            split=split,
            device=device or user_settings.load().device,
            progress=bar.update,
        )
    if json_file is not None:
        _write_json(json_file, figures)
    print_figures(figures)
    failed = figures.get("photos_failed", {})
    for file, reason in failed.items():
        console.say(f"{file}: {reason}", style="red")
    if json_file is not None:
        console.say(f"Wrote {json_file}")
    return console.SOME_FAILED if failed else console.DONE


def print_figures(figures: dict[str, Any]) -> None:
    """The figures with their 95 % intervals, then those per class."""
    per_level = f"{figures['n']} {figures.get('level', 'photo')}s"
    photos = figures.get("n_photos", figures["n"])
    console.line(
        console.out(),
        f"{figures['model']} on {per_level} of {photos} photos ({figures.get('split', '')})",
    )
    console.table(("figure", "value", "95 % interval"), _summary(figures), right=("value",))
    console.line(console.out(), "")
    console.table(_CLASS_COLUMNS, _classes(figures), right=_CLASS_NUMBERS)


def _summary(figures: dict[str, Any]) -> Iterator[list[str]]:
    ci = figures.get("ci95", {})
    for key, title in _TITLES.items():
        if key in figures:
            digits = 1 if "points" in key else 3
            yield [title, _text(figures[key], digits), _interval(ci.get(key), digits)]


def _classes(figures: dict[str, Any]) -> Iterator[list[str]]:
    intervals = figures.get("ci95", {}).get("ap", {})
    for name, value in figures["ap"].items():
        threshold, error, bias = (
            figures.get(key, {}).get(name)
            for key in ("thresholds", "area_mae_points", "area_bias_points")
        )
        yield [
            name,
            str(figures.get("positives", {}).get(name, "")),
            _text(value, 3),
            _interval(intervals.get(name), 3),
            _text(threshold, 2),
            _text(error, 1),
            "–" if bias is None else f"{bias:+.1f}",
        ]


def _text(value: float | None, digits: int) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _interval(pair: list[float] | None, digits: int) -> str:
    if not pair or any(math.isnan(value) for value in pair):
        return ""
    return f"{pair[0]:.{digits}f} – {pair[1]:.{digits}f}"


def _write_json(path: Path, figures: dict[str, Any]) -> None:
    text = json.dumps(_without_nan(figures), indent=1, ensure_ascii=False, allow_nan=False)
    try:
        files.write_text(path, text + "\n")
    except OSError as error:
        raise DataError(
            f"Could not write {path} ({error.strerror or error}); choose another place."
        ) from error


def _without_nan(value: Any) -> Any:
    """JSON has no "not a number": a figure that does not exist is null."""
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
