"""The page: every photo and heatmap on it, nothing of a name taken as HTML, no outside file."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from fakes import MODEL, photo, prediction

from geoview.export import report
from geoview.records import PhotoResult


class Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.images: list[str] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attrs)["src"] or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_photos_numbers_and_heatmaps_are_on_the_page(tmp_path: Path) -> None:
    picture = tmp_path / "heatmaps" / "Größe #1?.jpg.shale.png"
    unsure = replace(prediction(), dominant=None, layer=None, area_pct=None)
    results = [
        PhotoResult(photo("Größe #1?.jpg"), prediction()),
        PhotoResult(photo("b.jpg"), unsure),
        PhotoResult(photo("bad.jpg"), None, "the file is empty"),
    ]
    report.write_page(
        tmp_path / "index.html",
        results,
        title="Well A",
        model=MODEL,
        pictures=[("Größe #1?.jpg", "shale", picture)],
    )
    page = Page(tmp_path / "index.html")
    for words in ("Well A", "2 of 3 photos", "20.25 m", "sandstone", "67 %", "Layer2 (67 %)"):
        assert words in page.text
    assert "cannot tell" in page.text
    assert "the file is empty" in page.text
    assert [tmp_path / unquote(source) for source in page.images] == [picture]
    assert not {"script", "link", "iframe"} & set(page.tags)


def test_names_are_text_not_html(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>\udcff.jpg"
    results = [PhotoResult(photo(name), None, "<b>broken</b>")]
    pictures = [(name, "<i>shale</i>", tmp_path / f"{name}.png")]
    report.write_page(tmp_path / "p.html", results, title="<u>", model=MODEL, pictures=pictures)
    page = Page(tmp_path / "p.html")
    assert not {"script", "b", "u", "i"} & set(page.tags)
    assert "<script>alert(1)</script>" in page.text
