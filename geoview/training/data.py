"""Labelled photos from a folder or a sheet: classes, states, areas, layers, groups."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geoview.errors import DataError

Task = Literal["multi-label", "single-label"]
Row = dict[str, str]

IMAGE_SUFFIXES = {
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif",
}  # fmt: skip
SEPARATORS = ";|+/"


@dataclass(frozen=True, slots=True)
class Item:
    """One labelled photo, or one labelled tile of a photo.

    ``tile`` is (row, col, rows, cols). ``labels`` are 0/1, ``states`` 0/1/2 (P0), ``area`` the
    shares of the classes of all pixels (they may add up to less than 1), all parallel to the
    classes. ``group`` never goes on both sides of a split.
    """

    path: Path
    file: str
    labels: tuple[float, ...]
    states: tuple[int, ...]
    group: str
    tile: tuple[int, int, int, int] | None = None
    area: tuple[float, ...] | None = None
    layer: int | None = None
    well: str = ""
    depth_m: float | None = None
    split: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    items: tuple[Item, ...]
    classes: tuple[str, ...]
    layers: tuple[str, ...]
    task: Task
    sources: tuple[str, ...]


def load(data: Path | Sequence[Path]) -> Dataset:
    """Labelled data from folders or CSV files; several are joined (same classes in all).

    A folder is searched for sheets with a ``file`` column (tile sheets win over photo sheets);
    a folder without any is read as one folder per class. Raises DataError.
    """
    sources = [data] if isinstance(data, Path) else list(data)
    parts = [part for source in sources for part in _load_one(source)]
    return _join(parts)


def photo_key(path: Path) -> str:
    """Name and content of a photo in one short word, to recognise it whatever its folder."""
    digest = hashlib.blake2b(path.read_bytes(), digest_size=6).hexdigest()
    return f"{path.name}#{digest}"


def _load_one(source: Path) -> list[Dataset]:
    if source.is_file():
        return [_from_sheet(source)]
    if not source.is_dir():
        raise DataError(f"There is no folder or sheet {source}; check the path.")
    sheets = _sheets(source)
    if sheets:
        return [_from_sheet(sheet) for sheet in sheets]
    return [_from_class_folders(source)]


def _sheets(folder: Path) -> list[Path]:
    """The best sheet of every folder below: with tiles, else with photos."""
    best: dict[Path, Path] = {}
    for path in sorted(folder.rglob("*.csv")):
        header = _header(path)
        if "file" not in header or not _label_columns(header):
            continue
        known = best.get(path.parent)
        if known is None or ("tile_row" in header and "tile_row" not in _header(known)):
            best[path.parent] = path
    return list(best.values())


def _header(path: Path) -> list[str]:
    with path.open("rb") as stream:
        first = stream.readline(65536).decode("utf-8-sig", errors="replace")
    return [name.strip().lower() for name in next(csv.reader([first.replace(";", ",")]), [])]


def _label_columns(header: Sequence[str]) -> bool:
    return any(
        h.startswith(("present_", "state_")) or h in ("labels", "label", "class") for h in header
    )


def read_rows(path: Path) -> list[Row]:
    """Rows of a CSV sheet with lower-case column names; UTF-8, UTF-16 or Windows encoding."""
    raw = path.read_bytes()
    encodings = ["utf-16"] if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        first = text.split("\n", 1)[0]
        separator = max(",;\t", key=first.count)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
        return [
            {
                k.strip().lower(): (v or "").strip()
                for k, v in row.items()
                if isinstance(k, str) and not isinstance(v, list)
            }
            for row in reader
        ]
    raise DataError(f"The sheet {path.name} is in an unknown encoding; save it as UTF-8.")


def _from_sheet(path: Path) -> Dataset:
    rows = read_rows(path)
    if not rows:
        raise DataError(f"The sheet {path} has no rows.")
    if "file" not in rows[0]:
        raise DataError(
            f"The sheet {path.name} has no column “file”; add one with the photos' names."
        )
    classes, task = _classes(rows, path)
    layers = tuple(sorted({row["layer"] for row in rows if row.get("layer")}))
    grid = _grids(rows)
    items = tuple(_item(row, path.parent, classes, layers, grid) for row in rows)
    missing = sorted({i.file for i in items if not i.path.is_file()})
    if missing:
        raise DataError(
            f"{len(missing)} photos named in {path.name} are not there, the first is {missing[0]}; "
            "put them beside the sheet or correct the names."
        )
    return Dataset(items, classes, layers, task, (path.parent.name + "/" + path.name,))


def _classes(rows: Sequence[Row], path: Path) -> tuple[tuple[str, ...], Task]:
    header = list(rows[0])
    for prefix in ("present_", "state_"):
        found = tuple(h.removeprefix(prefix) for h in header if h.startswith(prefix))
        if found:
            return found, "multi-label"
    if "labels" in header:
        names = {name for row in rows for name in _split_labels(row["labels"])}
        return tuple(sorted(names)), "multi-label"
    for column in ("label", "class"):
        if column in header:
            return tuple(sorted({row[column] for row in rows if row[column]})), "single-label"
    raise DataError(
        f"The sheet {path.name} has no labels; add columns present_<class> or state_<class>, "
        "or one column “labels” or “label”."
    )


def _split_labels(text: str) -> list[str]:
    for separator in SEPARATORS:
        text = text.replace(separator, ",")
    return [name.strip() for name in text.split(",") if name.strip()]


def _grids(rows: Sequence[Row]) -> dict[str, tuple[int, int]]:
    """Rows and columns of tiles of every photo."""
    grid: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row.get("tile_row", "") == "":
            continue
        r, c = grid.get(row["file"], (0, 0))
        grid[row["file"]] = (max(r, int(row["tile_row"]) + 1), max(c, int(row["tile_col"]) + 1))
    return grid


def _item(
    row: Row, root: Path, classes: tuple[str, ...], layers: tuple[str, ...],
    grid: dict[str, tuple[int, int]],
) -> Item:  # fmt: skip
    states = _states(row, classes)
    file = row["file"]
    tile = None
    if file in grid:
        tile = (int(row["tile_row"]), int(row["tile_col"]), *grid[file])
    well = row.get("well", "")
    group = row.get("group") or row.get("specimen") or f"{root.name}/{file}"
    return Item(
        path=root / file,
        file=file,
        labels=tuple(float(s > 0) for s in states),
        states=states,
        group=group,
        tile=tile,
        area=_areas(row, classes),
        layer=layers.index(row["layer"]) if row.get("layer") else None,
        well=well,
        depth_m=_number(row, "depth_m") if row.get("depth_m") else None,
        split=row.get("split", "").lower(),
    )


def _states(row: Row, classes: tuple[str, ...]) -> tuple[int, ...]:
    """States 0/1/2; where only presence is known the first named label counts as dominant."""
    if f"state_{classes[0]}" in row:
        return tuple(round(_number(row, f"state_{c}")) for c in classes)
    if f"present_{classes[0]}" in row:
        return tuple(round(_number(row, f"present_{c}")) for c in classes)
    named = _split_labels(row["labels"]) if "labels" in row else [row.get("label") or row["class"]]
    return tuple((2 if name == named[0] else 1) if name in named else 0 for name in classes)


def _areas(row: Row, classes: tuple[str, ...]) -> tuple[float, ...] | None:
    if any(row.get(f"area_{c}", "") == "" for c in classes):
        return None
    return tuple(_number(row, f"area_{c}") for c in classes)


def _number(row: Row, column: str) -> float:
    try:
        value = float(row[column].replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{row['file']}: “{row[column]}” in column {column} is not a number.")
    return value


def _from_class_folders(root: Path) -> Dataset:
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    photos = {f.name: sorted(_images(f)) for f in folders}
    classes = tuple(name for name, found in photos.items() if found)
    if len(classes) < 2:
        raise DataError(
            f"{root} holds neither a sheet of labels nor a folder of photos for each class."
        )
    items = tuple(
        Item(
            path=path,
            file=path.relative_to(root).as_posix(),
            labels=tuple(float(name == c) for c in classes),
            states=tuple(2 if name == c else 0 for c in classes),
            group=path.relative_to(root).as_posix(),
        )
        for name in classes
        for path in photos[name]
    )
    return Dataset(items, classes, (), "single-label", (root.name,))


def _images(folder: Path) -> Iterable[Path]:
    return (p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())


def _join(parts: Sequence[Dataset]) -> Dataset:
    first = parts[0]
    for part in parts[1:]:
        if part.classes != first.classes or part.task != first.task:
            raise DataError(
                f"{part.sources[0]} has other classes ({', '.join(part.classes)}) than "
                f"{first.sources[0]} ({', '.join(first.classes)}); use sheets with the same ones."
            )
    layers = tuple(sorted({name for part in parts for name in part.layers}))
    items = tuple(_with_layer(item, part.layers, layers) for part in parts for item in part.items)
    return Dataset(
        items, first.classes, layers, first.task, tuple(s for p in parts for s in p.sources)
    )


def _with_layer(item: Item, own: tuple[str, ...], joint: tuple[str, ...]) -> Item:
    from dataclasses import replace

    if item.layer is None or own == joint:
        return item
    return replace(item, layer=joint.index(own[item.layer]))
