"""``geoview clean`` lists decisions, remembers reviews and writes the copy."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoview import cli
from geoview.commands import clean as command
from geoview.photos import clean_list, phash, plates, scan
from geoview.training import data
from geoview.training.clean_sheets import carry


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plates, "find_spec", lambda name: None)
    for name, seed, size in (
        ("a/1.png", 0, (200, 150)), ("b/2.png", 0, (100, 75)), ("a/3.png", 1, (300, 40)),
    ):  # fmt: skip
        rng = np.random.default_rng(seed)
        small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        small.resize(size, Image.Resampling.BICUBIC).save(path)
    return tmp_path / "photos"


def run(*arguments: object) -> int:
    return cli.main(["clean", *map(str, arguments)])


def test_decisions_are_printed_and_kept_beside_the_photos(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder) == 0
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert [line[:3] for line in lines[1:]] == [
        ["aspect", "a/3.png", "remove"], ["duplicates", "b/2.png", "remove"],
    ]  # fmt: skip
    assert "a/1.png" in out.splitlines()[2]
    assert "1 of 3 photos stay" in err
    assert "rapidocr" in err
    assert "--owlvit" in err
    assert (folder / command.DEFAULT_OUT).is_file()


def test_a_review_is_remembered_and_applied(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, target = tmp_path / "list.json", tmp_path / "copy"
    assert run(folder, "--out", out, "--undo", "aspect", "--undo", "b/2.png:duplicates") == 0
    assert {d.accepted for d in clean_list.load(out).decisions} == {False}
    assert "(remove)" in capsys.readouterr().out
    assert run(folder, "--out", out, "--accept", "b/2.png", "--apply", target) == 0
    copied = sorted(p.relative_to(target).as_posix() for p in target.rglob("*.png"))
    assert copied == ["a/1.png", "a/3.png"]


def test_steps_and_limits_are_the_users(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "list.json"
    skipped = [word for step in ("text", "crop", "duplicates") for word in ("--skip", step)]
    assert run(folder, "--out", out, "--max-aspect", 10, *skipped) == 0
    assert clean_list.load(out).decisions == ()
    assert "rapidocr" not in capsys.readouterr().err


def test_a_review_is_applied_with_the_limits_it_was_made_with(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*arguments: object) -> str:
        assert run(folder, *arguments) == 0
        return " ".join(capsys.readouterr().err.split())

    out, target = folder / command.DEFAULT_OUT, tmp_path / "copy"
    limits = ("--max-aspect", "inf", "--skip", "duplicates", "--skip", "crop")
    assert "As the list" not in said(*limits)
    assert clean_list.load(out).decisions == ()
    expected = "As the list was made with --skip duplicates --skip crop --max-aspect inf, so is"
    assert expected in said("--apply", target)
    assert len(list(target.rglob("*.png"))) == 3
    assert "made with --max-aspect inf, so is" in said("--skip", "none")
    assert [d.step for d in clean_list.load(out).decisions] == ["duplicates"]
    assert "As the list" not in said("--max-aspect", 3)
    old = json.loads(out.read_text("utf-8"))
    del old["options"]  # as older versions wrote it
    out.write_text(json.dumps(old), "utf-8")
    assert "As the list" not in said()
    assert [d.step for d in clean_list.load(out).decisions] == ["aspect", "duplicates"]


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("Ha\u0308\u00df.png", "H\u00e4\u00df.png"),  # as Macs store it, and as it is typed
        ("H\u00e4\u00df.png", "ha\u0308SS.PNG"),
        pytest.param(
            "two\nlines.png",
            r"two\nlines.png",  # as the table shows it
            marks=pytest.mark.skipif(sys.platform == "win32", reason="no such names there"),
        ),
    ],
)
@pytest.mark.parametrize("step", ["", ":aspect"])
def test_a_photo_is_meant_by_the_name_that_the_table_shows(
    folder: Path, stored: str, typed: str, step: str
) -> None:
    (folder / "a" / "3.png").rename(folder / "a" / stored)
    assert run(folder, "--undo", f"a/{typed}{step}") == 0
    found = clean_list.load(folder / command.DEFAULT_OUT)
    assert [one.file for one in found.reviews] == [f"a/{stored}"]


def test_a_name_that_two_photos_may_bear_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("x 1.png", "x  1.png"):
        (folder / name).write_bytes((folder / "a" / "3.png").read_bytes())
    assert run(folder, "--undo", "X 1.png") == 2
    assert "X 1.png may mean more than one photo (x  1.png, x 1.png)" in capsys.readouterr().err
    assert run(folder, "--undo", "x 1.png") == 0
    found = clean_list.load(folder / command.DEFAULT_OUT)
    assert [one.file for one in found.reviews] == ["x 1.png"]


def test_a_damaged_list_at_its_own_place_may_be_removed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / command.DEFAULT_OUT
    out.parent.mkdir()
    out.write_text("{", encoding="utf-8")
    assert run(folder) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "cleaning.json is no list of cleaning decisions: remove it and clean the folder" in err


def test_a_folder_that_may_not_be_opened_is_told_and_its_photos_stay_known(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, scandir = folder / command.DEFAULT_OUT, os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    assert run(folder, "--undo", "b/2.png") == 0
    first = clean_list.load(out)
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(scan.os, "scandir", guarded)
        assert run(folder) == 1
    err = capsys.readouterr().err
    assert err.count("Left out: folders that may not be opened (1)") == 1
    assert "1 of 2 photos stay" in err
    assert [photo.file for photo in clean_list.load(out).away] == ["b/2.png"]
    monkeypatch.setattr(phash.decode, "decode", None)  # nothing is looked at again
    assert run(folder) == 0
    assert clean_list.load(out) == first


def test_an_unreadable_photo_gives_code_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    assert run(folder) == 1
    assert "unreadable" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--skip", "soap"], "There is no step soap"),
        (["--undo", "none.jpg"], "no decision on none.jpg"),
        (["--max-bits", "64"], "0 to 32"),
        (["--owlvit", "nowhere"], "no OWL-ViT"),
        (["--apply", "."], "in each other"),
        (["--out", "labels.csv"], "labels.csv is no list of cleaning decisions: give another"),
    ],
)
def test_wrong_wishes_give_code_2_and_one_sentence(
    folder: Path,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    (folder / "labels.csv").write_text("file,label\n1.png,x\n", encoding="utf-8")
    assert run(folder, *arguments) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_folder_without_photos_gives_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty") == 2
    assert "no photos" in capsys.readouterr().err


def test_a_cleaned_copy_bears_its_sheet(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    big = Image.fromarray(pixels).resize((1500, 900), Image.Resampling.BICUBIC)
    big.save(folder / "a" / "big.webp", lossless=True)
    text = "File;labels;area_x\n1.png;x;0,5\n3.png;x;0,1\n.\\big.webp;x, y;0,25\n1.png;x;y;1\n"
    (folder / "a" / "labels.csv").write_text(text, encoding="utf-8")
    target = tmp_path / "copy"
    assert run(folder, "--apply", target) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "2 rows written; left out: 1 of photos" in said
    assert "Left out of labels.csv: 1 row with more cells than titles" in said
    dataset = data.load(target)
    assert [(i.file, i.area and i.area[0]) for i in dataset.items] == [
        ("1.png", None), ("big.webp.png", None),
    ]  # fmt: skip
    assert dataset.classes == ("x", "y")
    assert (folder / "a" / "labels.csv").read_text(encoding="utf-8") == text


def test_the_sheet_of_a_copy_follows_a_review_until_it_is_edited(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where a cell holds a line break of Windows."""
    (folder / "s.csv").write_bytes(b'file,label,note\na/1.png,x,"p\r\nq"\nb/2.png,y,\n')
    sheet = tmp_path / "copy" / "s.csv"
    assert run(folder, "--apply", tmp_path / "copy") == 0
    assert b"b/2.png" not in sheet.read_bytes()
    assert run(folder, "--apply", tmp_path / "copy", "--undo", "duplicates") == 0
    assert sheet.read_bytes().endswith(b"b/2.png,y,\n")
    edited = sheet.read_bytes().replace(b"y", b"z")
    sheet.write_bytes(edited)
    assert run(folder, "--apply", tmp_path / "copy") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "s.csv: the sheet in the copy was edited and stays as it is" in said
    assert sheet.read_bytes() == edited


def test_two_sheets_never_share_a_copy(folder: Path, tmp_path: Path) -> None:
    for name, label in (("s.tsv", "x"), ("s.tsv.csv", "y")):
        (folder / name).write_text(f"file,label\na/1.png,{label}\n", encoding="utf-8")
    for _ in range(2):
        told = carry(folder, tmp_path / "copy", names={"a/1.png": "a/1.png"}, cropped=set())
        assert set(told) == {"s.tsv.csv", "s.tsv.csv.csv"}
    assert (tmp_path / "copy" / "s.tsv.csv").read_text(encoding="utf-8").endswith("y\n")


def test_the_sheet_of_a_cropped_photo_loses_its_areas_and_tiles(folder: Path) -> None:
    rows = ["file,tile_row,tile_col,area_x", "1.png,,,0.5", "1.png,0,1,0.5", "2.png,0,1,0.5"]
    (folder / "s.csv").write_text("\n".join(rows), encoding="utf-8")
    names = {"1.png": "1.png", "2.png": "2.png"}
    for name in names:
        (folder / name).touch()
    told = carry(folder, folder / "copy", names=names, cropped={"1.png"})
    assert "1 of tiles and 1 areas" in told["s.csv"]
    written = (folder / "copy" / "s.csv").read_text(encoding="utf-8").split()
    assert written == ["file,tile_row,tile_col,area_x", "1.png,,,", "2.png,0,1,0.5"]


def test_a_sheet_is_carried_however_it_names_its_photos(folder: Path, tmp_path: Path) -> None:
    """Without suffix, in other capitals, without leading zeros: as sheets are read elsewhere."""
    (folder / "a" / "1.png").rename(folder / "a" / "WELL_3.png")
    (folder / "b" / "2.png").rename(folder / "b" / "0002.png")
    (folder / "labels.csv").write_text("file,label\nA\\none,z\na/well_3,x\nb\\2,y\n", "utf-8")
    names = {"a/WELL_3.png": "a/WELL_3.png", "b/0002.png": "b/0002.png"}
    told = carry(folder, tmp_path / "copy", names=names, cropped=set())
    assert told["labels.csv"].startswith("2 rows written; left out: 1 of photos")
    written = (tmp_path / "copy" / "labels.csv").read_text(encoding="utf-8").split()
    assert written == ["file,label", "a/WELL_3.png,x", "b/0002.png,y"]


def test_a_sheet_is_carried_where_capitals_make_no_other_name(folder: Path) -> None:
    """As on Windows: the name in the sheet opens the photo, whose own name is another."""
    (folder / "a" / "1.PNG").hardlink_to(folder / "a" / "1.png")
    (folder / "a" / "s.csv").write_text("file,label\n1.PNG,x\n", encoding="utf-8")
    carry(folder, folder / "copy", names={"a/1.png": "a/1.png"}, cropped=set())
    assert (folder / "copy" / "a" / "s.csv").read_text(encoding="utf-8") == "file,label\n1.png,x\n"


def test_a_sheet_without_rows_for_the_copy_and_names_of_two_photos_are_told(folder: Path) -> None:
    for name in ("1.jpg", "3.png"):
        (folder / name).write_bytes(b"")
    (folder / "a" / "1.png").rename(folder / "1.png")
    (folder / "s.csv").write_text("file,label\n1,x\n3.png,y\n\0/3,y\n", encoding="utf-8")
    told = carry(folder, folder / "copy", names={"1.png": "1.png", "1.jpg": "1.jpg"}, cropped=set())
    assert told["s.csv"].startswith("not written, because no row is left; left out: 3 of photos")
    assert "1 may mean more than one photo (1.jpg, 1.png): write whole names" in told["s.csv"]
    assert not (folder / "copy" / "s.csv").exists()
