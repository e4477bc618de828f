"""``geoview evaluate``: how good a model is on labelled photos."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoview import files
from geoview import settings as user_settings
from geoview.commands import common, console
from geoview.errors import DataError
from geoview.training.data import counted

_TITLES = {
    "macro_f1": "macro F1",
    "map": "mean average precision",
    "top1": "top-1 accuracy",
    "top3": "top-3 accuracy",
    "top5": "top-5 accuracy",
    "top10": "top-10 accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "cp": "precision, mean over classes (CP)",
    "cr": "recall, mean over classes (CR)",
    "cf1": "F1 of these (CF1)",
    "op": "precision, all labels (OP)",
    "or": "recall, all labels (OR)",
    "of1": "F1 of these (OF1)",
    "ece": "calibration error (ECE)",
    "layer_accuracy": "layer accuracy, per photo",
    "dominant_accuracy": "dominant lithology, per photo",
    "area_mae_points_mean": "area error, points (mean)",
}
# Column: the figure per class and its digits.
_CLASS_FIGURES = {
    "precision": ("precision", 3),
    "recall": ("recall", 3),
    "F1": ("f1", 3),
    "threshold": ("thresholds", 2),
    "area error": ("area_mae_points", 1),
    "area bias": ("area_bias_points", 1),
}
_MOST_CONFUSIONS = 5


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the options of the command say."""

    split: str | None = None
    json: Path | None = None
    curves: Path | None = None
    shared: bool = False
    restrict: bool = False
    device: str | None = None


def evaluate(model: str, *, data: list[Path], wishes: Wishes) -> int:
    """Measure ``model`` on labelled photos, print the figures and write them where wished."""
    from geoview.models import store

    common.check_target(wishes.json)
    common.check_target(wishes.curves)
    for source in data:
        if not source.exists():
            raise DataError(f"There is no folder or sheet {source}; check the path.")
    path = store.resolve(model)
    with console.err().status("Loading…"):
        from geoview.training import curves
        from geoview.training.evaluate import evaluate as measure
    if wishes.curves is not None:
        curves.check_suffix(wishes.curves.suffix)
    with console.Bar("Measuring") as bar:
        figures = measure(
            path,
            data=data,
            split=wishes.split,
            device=wishes.device or user_settings.load().device,
            progress=bar.update,
            shared=wishes.shared,
            restrict=wishes.restrict,
            curves=wishes.curves is not None,
        )
    drawn = figures.pop("curves", {})
    if wishes.json is not None:
        _write_json(wishes.json, figures)
    if wishes.curves is not None:
        _write(wishes.curves, curves.written(drawn, suffix=wishes.curves.suffix))
    print_figures(figures)
    for warning in figures.get("data_warnings", ()):
        console.say(warning, style="yellow")
    failed = figures.get("photos_failed", {})
    for file, reason in failed.items():
        console.say(f"{file}: {reason}", style="red")
    for target in (wishes.json, wishes.curves):
        if target is not None:
            console.say(f"Wrote {target}")
    return console.SOME_FAILED if failed else console.DONE


def print_figures(figures: dict[str, Any]) -> None:
    """The figures with their 95 % intervals, what was left out and how classes were matched, then
    those per class."""
    out = console.out()
    per_level = f"{figures['n']} {figures.get('level', 'photo')}s"
    photos = figures.get("n_photos", figures["n"])
    console.line(
        out, f"{figures['model']} on {per_level} of {photos} photos ({figures.get('split', '')})"
    )
    for note in _notes(figures):
        console.line(out, console.shown(note))
    console.table(("figure", "value", "95 % interval"), _summary(figures), right=("value",))
    console.line(out, "")
    known = [column for column, (key, _) in _CLASS_FIGURES.items() if key in figures]
    columns = ("class", "positives", "AP", "95 % interval", *known)
    numbers = ("positives", "AP", *known)
    console.table(columns, _classes(figures, known), right=numbers)
    confused = _confused(figures)
    if confused:
        console.line(out, "")
        console.line(out, console.shown(f"Most often confused: {', '.join(confused)}."))


def _notes(figures: dict[str, Any]) -> Iterator[str]:
    """What a reader must know of the photos and classes before believing a figure."""
    seen, near = (figures.get(f"photos_left_out_as_{how}", 0) for how in ("seen", "near"))
    found = [counted(seen, "photo")] if seen else []
    found += [f"{counted(near, 'near-duplicate')} of such photos"] if near else []
    if found:
        yield f"Left out, as the model has seen them in training: {' and '.join(found)}."
    partly = figures.get("photos_left_out_as_partly_labelled", 0)
    if partly:
        what = counted(partly, "photo")
        yield f"Left out, {what} with labels of only some tiles, which are not the model's tiles."
    mapping = figures.get("class_mapping", {})
    pairs = [f"{ours} = {' + '.join(m)}" for ours, m in mapping.items() if m != [ours]]
    if pairs:
        yield f"Classes of the data = of the model: {', '.join(pairs)}."
    left_out = figures.get("left_out_classes", {})
    if left_out:
        named = ", ".join(f"{name} ({n})" for name, n in left_out.items())
        yield f"Left out, {sum(left_out.values())} photos of unknown classes: {named}."
    ambiguous = figures.get("left_out_without_one_label", 0)
    if ambiguous:
        what = counted(ambiguous, figures.get("level", "photo"))
        yield f"Left out, {what} with none or several of classes that exclude each other."
    outside = len(figures.get("model_classes_not_in_data", ()))
    if outside:
        rule = "such an answer is wrong" if figures.get("answers") == "open" else "none is answered"
        yield f"Classes of the model that are not in the data: {outside}; {rule}."


def _summary(figures: dict[str, Any]) -> Iterator[list[str]]:
    ci = figures.get("ci95", {})
    for key, title in _TITLES.items():
        if key in figures:
            digits = 1 if "points" in key else 3
            yield [title, _text(figures[key], digits), _interval(ci.get(key), digits)]


def _classes(figures: dict[str, Any], known: list[str]) -> Iterator[list[str]]:
    intervals = figures.get("ci95", {}).get("ap", {})
    for name, value in figures["ap"].items():
        yield [
            name,
            str(figures.get("positives", {}).get(name, "")),
            _text(value, 3),
            _interval(intervals.get(name), 3),
            *(_class_figure(figures, name, column) for column in known),
        ]


def _class_figure(figures: dict[str, Any], name: str, column: str) -> str:
    key, digits = _CLASS_FIGURES[column]
    return _text(figures[key].get(name), digits, sign="+" if "bias" in key else "")


def _confused(figures: dict[str, Any]) -> list[str]:
    """The commonest wrong answers between exclusive classes: "biotite for muscovite 7×"."""
    table = figures.get("confusion", {})
    if "outside" not in table:
        return []
    names = table["classes"]
    wrong = [
        (count, f"{names[said]} for {names[real]} {count}×")
        for real, row in enumerate(table["counts"])
        for said, count in enumerate(row)
        if said != real and count
    ]
    wrong.sort(key=lambda pair: -pair[0])
    return [words for _, words in wrong[:_MOST_CONFUSIONS]]


def _text(value: float | None, digits: int, *, sign: str = "") -> str:
    return "–" if value is None or math.isnan(value) else f"{value:{sign}.{digits}f}"


def _interval(pair: list[float] | None, digits: int) -> str:
    if not pair or any(math.isnan(value) for value in pair):
        return ""
    return f"{pair[0]:.{digits}f} – {pair[1]:.{digits}f}"


def _write_json(path: Path, figures: dict[str, Any]) -> None:
    text = json.dumps(_without_nan(figures), indent=1, ensure_ascii=False, allow_nan=False)
    _write(path, text + "\n")


def _write(path: Path, text: str) -> None:
    try:
        files.write_text(path, text)
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
