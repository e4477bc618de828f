"""A page to look at: the table of results with the heatmaps, without any outside file."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import geoview
from geoview import files
from geoview.records import CANNOT_TELL, ModelRef, PhotoResult, Prediction
from geoview.taxonomy import lithology

Picture = tuple[str, str, Path]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } .about { opacity: .75; margin: .25rem 0 1.5rem; }
article { border-top: 1px solid var(--line); padding: 1rem 0; }
h2 { font-size: 1rem; margin: 0 0 .5rem; } h2 span { font-weight: normal; opacity: .75; }
.share { display: flex; height: 14px; border-radius: 3px; overflow: hidden; margin: .5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: .1rem .75rem .1rem 0; text-align: right; font-weight: normal; }
td:first-child, th:first-child { text-align: left; } th { opacity: .75; }
tr.below { opacity: .6; }
i { display: inline-block; width: .75em; height: .75em; margin-right: .4em; }
.maps { display: flex; flex-wrap: wrap; gap: 8px; margin-top: .75rem; } figure { margin: 0; }
.maps img { height: 260px; max-width: 100%; border-radius: 3px; background: var(--soft); }
figcaption { font-size: .85rem; opacity: .75; } .failed { color: #c0392b; }
"""


def write_page(
    path: Path,
    results: Sequence[PhotoResult],
    *,
    title: str,
    model: ModelRef,
    pictures: Sequence[Picture] = (),
) -> None:
    """Write an HTML page for one model's results; OSError when that cannot be done.

    ``pictures`` are (file, class, path) of heatmaps, which the page shows by relative path.
    """
    maps: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    for file, name, picture in pictures:
        maps[file].append((name, picture))
    done = sum(result.status == "done" for result in results)
    about = (
        f"{done} of {len(results)} photos · model {model.name} ({model.sha256[:12]}) · "
        f"GeoView {geoview.__version__}"
    )
    articles = "".join(_article(r, maps[r.photo.file], page=path.parent) for r in results)
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{_text(title)}</h1><p class="about">{_text(about)}</p>{articles}</body></html>\n'
    )
    files.write_text(path, html)


def _text(text: str) -> str:
    return escape(text.encode("utf-8", "backslashreplace").decode())


def _article(result: PhotoResult, maps: Sequence[tuple[str, Path]], *, page: Path) -> str:
    photo, made = result.photo, result.prediction
    where = "" if photo.depth_m is None else f"{photo.depth_m:g} m"
    head = f"<h2>{_text(photo.file)} <span>{_text(where)}</span></h2>"
    if made is None:
        words = result.reason or "not analysed"
        return f'<article>{head}<p class="failed">{_text(words)}</p></article>'
    layer = (
        f" · {made.layer.best} ({100 * max(made.layer.probabilities):.0f} %)" if made.layer else ""
    )
    verdict = f"<p><strong>{_text(made.dominant or CANNOT_TELL)}</strong>{_text(layer)}</p>"
    body = f"{verdict}{_share(made)}{_table(made)}{_maps(maps, page=page)}"
    return f"<article>{head}{body}</article>"


def _share(made: Prediction) -> str:
    """One bar of 100 % in the colours of the lithologies."""
    if made.area_pct is None:
        return ""
    parts = "".join(
        f'<span style="width:{area:.2f}%;background:{lithology(name).colour}" '
        f'title="{_text(name)} {area:.0f} %"></span>'
        for name, area in zip(made.classes, made.area_pct, strict=True)
    )
    return f'<div class="share">{parts}</div>'


def _table(made: Prediction) -> str:
    areas = made.area_pct or (None,) * len(made.classes)
    rows = zip(made.classes, made.probabilities, made.thresholds, areas, strict=True)
    body = "".join(
        f"<tr{'' if p >= threshold else ' class=below'}><td>"
        f'<i style="background:{lithology(name).colour}"></i>{_text(name)}</td>'
        f"<td>{p:.2f}</td><td>{threshold:.2f}</td>"
        f"<td>{'' if area is None else f'{area:.0f} %'}</td></tr>"
        for name, p, threshold, area in sorted(rows, key=lambda row: -row[1])
    )
    head = "<tr><th></th><th>probability</th><th>threshold</th><th>area</th></tr>"
    return f"<table>{head}{body}</table>"


def _maps(maps: Sequence[tuple[str, Path]], *, page: Path) -> str:
    figures = "".join(
        f'<figure><img loading="lazy" src="{_address(path, page)}" '
        f'alt="Evidence for {_text(name)}">'
        f"<figcaption>{_text(name)}</figcaption></figure>"
        for name, path in maps
    )
    return f'<div class="maps">{figures}</div>' if figures else ""


def _address(path: Path, page: Path) -> str:
    return quote(Path(os.path.relpath(path, page)).as_posix(), errors="surrogateescape")
