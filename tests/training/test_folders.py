"""Class folders as they come: splits above them, photos beside them, odd names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from geoview import cli
from geoview.errors import DataError
from geoview.training import data, report
from geoview.training.recipe import SplitPart
from geoview.training.split import grouped


def photos(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            Image.new("RGB", (8, 8)).save(stream, "PNG")
    return root


def test_training_and_testing_are_a_split(tmp_path: Path) -> None:
    dataset = data.load(
        photos(tmp_path, "Training/a/1.png", "Training/b/1.png", "Testing/a/2.png", "valid/b/3.png")
    )
    assert dataset.classes == ("a", "b")
    assert {item.file: item.split for item in dataset.items} == {
        "Training/a/1.png": "train",
        "Training/b/1.png": "train",
        "Testing/a/2.png": "test",
        "valid/b/3.png": "val",
    }
    assert dataset.warnings == ()


def test_folders_beside_a_split_are_left_out(tmp_path: Path) -> None:
    root = photos(tmp_path, "train/a/1.png", "train/b/1.png", "test/a/2.png", "masks/1.png")
    dataset = data.load(root)
    assert dataset.classes == ("a", "b")
    (warning,) = dataset.warnings
    assert warning.endswith("beside test and train: masks.")


def test_a_class_may_be_called_like_a_split(tmp_path: Path) -> None:
    dataset = data.load(photos(tmp_path, "test/1.png", "gneiss/1.png"))
    assert dataset.classes == ("gneiss", "test")


def test_photos_outside_the_class_folders_are_counted(tmp_path: Path) -> None:
    root = photos(tmp_path, "a/1.png", "b/1.png", "1.png", "2.png")
    dataset = data.load(root)
    assert len(dataset.items) == 2
    (warning,) = dataset.warnings
    assert "2 photos;" in warning


def test_all_kinds_of_photos_are_found(tmp_path: Path) -> None:
    root = photos(tmp_path, "a/1.gif", "a/2.JPE", "a/3.jfif", "b/1.png", "b/notes.txt")
    assert len(data.load(root).items) == 4


def test_one_class_alone_says_which(tmp_path: Path) -> None:
    (photos(tmp_path, "quartz/1.png") / "pyrite").mkdir()
    with pytest.raises(DataError, match="only quartz holds photos, and pyrite is empty"):
        data.load(tmp_path)


@pytest.mark.parametrize("split", ["", "train/"])
def test_links_to_folders_that_are_taken_anyway_are_left_out(tmp_path: Path, split: str) -> None:
    files = [f"{split}{name}" for name in ("a/1.png", "b/1.png")]
    root = photos(tmp_path / "data", *files) / split
    photos(tmp_path / "elsewhere", "1.png")
    for name, target in (
        ("all", root), ("above", tmp_path), ("again", root / "a"), ("c", tmp_path / "elsewhere"),
        ("train", tmp_path / "data"), ("twice", tmp_path / "elsewhere"),
    ):  # fmt: skip
        (root / name).symlink_to(target, target_is_directory=True)
    dataset = data.load(tmp_path / "data")
    assert [item.file for item in dataset.items] == [*files, f"{split}c/1.png"]
    assert dataset.classes == ("a", "b", "c")
    (warning,) = dataset.warnings
    names = (f"{split}{name}" for name in ("above", "again", "all", "train", "twice"))
    assert warning.endswith(f"links to folders that are taken anyway: {', '.join(names)}.")


@pytest.fixture
def close(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Take away the permission to open a folder, from root too."""

    def close(folder: Path) -> None:
        for call in ("scandir", "listdir"):
            real: Callable[[Any], Any] = getattr(os, call)

            def opened(path: Any = ".", *, real: Callable[[Any], Any] = real) -> Any:
                if Path(path) == folder:
                    raise PermissionError(13, "Permission denied", str(path))
                return real(path)

            monkeypatch.setattr(os, call, opened)

    return close


def test_folders_that_may_not_be_opened_are_told(
    tmp_path: Path, close: Callable[[Path], None]
) -> None:
    root = photos(tmp_path, "a/1.png", "b/1.png", "b/wet/2.png", "c/1.png", "d/.old/1.png")
    close(root / "b" / "wet")
    close(root / "c")
    close(root / "d" / ".old")
    dataset = data.load(root)
    assert [item.file for item in dataset.items] == ["a/1.png", "b/1.png"]
    locked, empty = dataset.warnings
    assert empty.endswith("left out in " + root.name + ": d.")
    assert locked.endswith("may not be opened: b/wet, c; ask their owner for read access.")


def test_photos_of_a_folder_that_may_only_be_listed_are_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, stat = photos(tmp_path, "a/1.png", "b/1.png"), os.stat

    def guarded(path: Any, **options: Any) -> os.stat_result:
        if str(path) == str(root / "b" / "1.png"):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", guarded)
    dataset = data.load(root)
    assert [item.file for item in dataset.items] == ["a/1.png", "b/1.png"]
    found = report.report(dataset, parts=None, hashes=None)
    assert "no permission" in found.unreadable["b/1.png"]


@pytest.mark.parametrize(
    ("locked", "words"),
    [("pyrite", "only quartz .* and pyrite may not be opened; "), (".", "No permission to open")],
)
def test_a_class_that_may_not_be_opened_is_not_called_empty(
    tmp_path: Path, close: Callable[[Path], None], locked: str, words: str
) -> None:
    root = photos(tmp_path, "quartz/1.png", "pyrite/1.png")
    close(root / locked)
    with pytest.raises(DataError, match=f"{words}.*ask .*owner for read access"):
        data.load(root)


def test_a_table_in_one_class_folder_does_not_hide_the_others_silently(tmp_path: Path) -> None:
    root = photos(tmp_path, "quartz/1.png", "quartz/2.png", "pyrite/1.png", "mica/1.png", "x.png")
    (root / "quartz/download.csv").write_text("file,class\n1.png,milky\n2.png,smoky\n")
    (warning,) = data.load(root).warnings
    assert "1 in mica, 1 in pyrite, 1 in the folder itself" in warning
    assert "quartz/download.csv" in warning


def test_photos_of_one_depth_are_one_group(tmp_path: Path) -> None:
    names = ("a/W-1_0100.0m (1).png", "b/W-1_0100.0m (2).png", "b/0100.0m.png", "a/0100.0m.png")
    dataset = data.load(photos(tmp_path, *names, "a/W-1_0110.0m.png", "a/IMG_0100.png"))
    found: dict[str, set[str]] = {}
    for item in grouped(dataset.items, SplitPart(), hashes={}):
        found.setdefault(item.group, set()).add(item.file)
    assert sorted(map(sorted, found.values())) == [
        ["a/0100.0m.png", "b/0100.0m.png"],
        ["a/IMG_0100.png"],
        ["a/W-1_0100.0m (1).png", "b/W-1_0100.0m (2).png"],
        ["a/W-1_0110.0m.png"],
    ]


def test_names_that_are_no_utf8_can_be_reported_and_kept(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"fels\xe9")
    try:
        photos(root, "a/1.png", "b/1.png", os.fsdecode(b"a/gr\xfcn.png"))
    except OSError:
        pytest.skip("this file system has only UTF-8 names")
    dataset = data.load(root)
    keys = [data.photo_key(item.path) for item in dataset.items]
    text = json.dumps([keys, dataset.sources, [i.file for i in dataset.items]], ensure_ascii=False)
    assert "gr\\\\xfcn.png" in text.encode("utf-8").decode()
    file = tmp_path / "report.json"
    assert cli.main(["dataset", str(root), "--json", str(file)]) == 0
    assert json.loads(file.read_text(encoding="utf-8"))["photos"] == 3


SORTED = ("S1/a.png", "S1/b.png", "S2/a.png", "S2/b.png", "S3/a.png", "S3/b.png")


@pytest.mark.parametrize("titles", ["file", "Photo name", "Image name", "File path"])
def test_a_sheet_with_a_row_of_totals_is_read_before_folders(tmp_path: Path, titles: str) -> None:
    root = photos(tmp_path, *SORTED)
    rows = "".join(f"{file},{i % 2},{i // 3}\n" for i, file in enumerate(SORTED))
    (root / "labels.csv").write_text(f"{titles},quartz,malachite\n{rows}Total,3,3\n")
    dataset = data.load(root)
    assert dataset.classes == ("quartz", "malachite")
    assert [item.states for item in dataset.items][:2] == [(0, 0), (1, 0)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Foto,quartz,mica\nS1/a.png,1,0\nS2/b.png,0,1\n", "labels.csv has no column “file”"),
        ("Foto,label\nS1/a.png,x\nS2\\b.png,y\n", "labels.csv has no column “file”"),
    ],
)
def test_a_sheet_of_the_photos_is_not_passed_over_for_folders(
    tmp_path: Path, text: str, words: str
) -> None:
    root = photos(tmp_path, *SORTED)
    (root / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=f"{words}.* If the folders are the classes, take"):
        data.load(root)


@pytest.mark.parametrize(
    "text",
    [
        "md,gamma\n1250,80\n",
        "file,depth_m,well\nS1/a.png,1250,W\n",
        "file,dominant,p_quartz,model,app_version\nS1/a.png,quartz,0.9,ores,0.1\n",
        "file,colour\nelsewhere.png,red\n",
        "file,collector,locality\nS1/a.png,Meyer,Harz\nS2/b.png,Meyer,Eifel\n",
        "file,country,museum,remarks\nS1/a.png,Norway,Oslo,\nS2/b.png,Norway,Oslo,\n",
        "file,year,hardness\nS1/a.png,1901,3\nS2/b.png,1901,3\n",
    ],
)
def test_other_tables_beside_class_folders_are_named(tmp_path: Path, text: str) -> None:
    root = photos(tmp_path, *SORTED)
    (root / "log.csv").write_text(text)
    dataset = data.load(root)
    assert dataset.classes == ("S1", "S2", "S3")
    (warning,) = dataset.warnings
    assert warning.startswith("Passed over: The sheet log.csv has no ")


@pytest.mark.parametrize("title", ["Lithology", "mineral", "Rock"])
def test_a_column_of_lithologies_or_minerals_holds_the_labels(tmp_path: Path, title: str) -> None:
    """Unless the folders are the classes; given by name it holds them all the same."""
    text = f"file,{title},shown\na.png,marl,1\nb.png,chert,0\n"
    root = photos(tmp_path / "flat", "a.png", "b.png")
    (root / "log.csv").write_text(text)
    assert data.load(root).classes == ("chert", "marl")
    root = photos(tmp_path / "classes", *SORTED)
    (root / "log.csv").write_text(text.replace("\na", "\nS1/a").replace("\nb", "\nS2/b"))
    dataset = data.load(root)
    assert dataset.classes == ("S1", "S2", "S3")
    (warning,) = dataset.warnings
    assert warning.startswith("log.csv was passed over, because the folders name the classes")
    assert data.load(root / "log.csv").classes == ("chert", "marl")


@pytest.mark.parametrize("titles", ["file,lithology,shown", "file,quartz,mica"])
def test_the_only_sheet_may_lie_in_a_folder_below(tmp_path: Path, titles: str) -> None:
    """Two columns of 0 and 1, or a column of words, that no title calls labels."""
    root = photos(tmp_path, "trays/a.png", "trays/b.png")
    rows = ("marl,1", "chert,0") if "lithology" in titles else ("1,0", "0,1")
    text = f"{titles}\na.png,{rows[0]}\nb.png,{rows[1]}\n"
    (root / "trays" / "log.csv").write_text(text)
    dataset = data.load(root)
    assert len(dataset.classes) == 2
    assert dataset.sources == ("trays/log.csv",)


def test_columns_of_marks_that_win_over_class_folders_are_told(tmp_path: Path) -> None:
    root = photos(tmp_path, *SORTED)
    (root / "list.csv").write_text("file,wet,polished\nS1/a.png,Y,N\nS2/a.png,N,Y\n")
    dataset = data.load(root)
    assert dataset.classes == ("wet", "polished")
    assert "not taken for classes, because list.csv has columns of 0 and 1" in dataset.warnings[0]


@pytest.mark.parametrize("title", ["rock", "quartz"])
def test_a_single_column_of_marks_is_one_class_whatever_its_title(
    tmp_path: Path, title: str
) -> None:
    root = photos(tmp_path, "a.png", "b.png")
    (root / "l.csv").write_text(f"file,{title}\na.png,1\nb.png,0\n")
    assert data.load(root / "l.csv").classes == (title,)


def test_sheets_beside_a_better_one_are_named(tmp_path: Path) -> None:
    root = photos(tmp_path, "a.png", "b.png")
    (root / "class.csv").write_text("file,class\na.png,x\nb.png,y\n")
    (root / "plain.csv").write_text("file,quartz,mica\na.png,1,0\nb.png,0,1\n")
    (root / "sizes.csv").write_text("file,size\na.png,12\nb.png,15\n")
    dataset = data.load(root)
    assert dataset.classes == ("x", "y")
    plain, sizes = dataset.warnings
    assert plain == "plain.csv was not read beside class.csv; give it by name to use it."
    assert sizes.startswith("Passed over: The sheet sizes.csv has no labels")
