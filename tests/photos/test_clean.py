"""Cleaning decides, remembers and applies; originals stay as they are."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from geoview import files
from geoview.errors import Cancelled, DataError
from geoview.photos import clean_list, decode, plates
from geoview.photos.clean import Finder, clean
from geoview.photos.clean_apply import MANIFEST, apply, copies
from geoview.photos.clean_list import CleanList, Decision, Options, kept
from geoview.photos.clean_picture import cleaned, union
from geoview.records import BoxXYXY

Put = Callable[[str, bytes], Path]
Pixels = NDArray[np.uint8]


def picture(width: int, height: int, *, seed: int) -> Pixels:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def jpeg(pixels: Pixels, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=92, **options)
    return stream.getvalue()


@pytest.fixture
def folder(put: Put, tmp_path: Path) -> Path:
    """One photo for every step, and two that are as they should be."""
    put("rocks/basalt/large.jpg", jpeg(picture(400, 300, seed=1)))
    put("rocks/andesite/small.jpg", jpeg(picture(400, 300, seed=1)[::2, ::2].copy()))
    put("rocks/basalt/wide.jpg", jpeg(picture(400, 90, seed=2)))
    put("rocks/basalt/broken.jpg", jpeg(picture(90, 90, seed=3))[:700])
    put("rocks/basalt/huge.jpg", jpeg(picture(2048, 1200, seed=4)))
    put("rocks/andesite/fine.jpg", jpeg(picture(200, 160, seed=5)))
    return tmp_path / "rocks"


class Spy:
    """A detector that finds the same shares of every picture, and remembers what it saw."""

    def __init__(self, *shares: BoxXYXY) -> None:
        self.shares, self.seen = shares, list[Pixels]()

    def __call__(self, pixels: Pixels) -> Sequence[BoxXYXY]:
        self.seen.append(pixels)
        height, width = pixels.shape[:2]
        return [(a * width, b * height, c * width, d * height) for a, b, c, d in self.shares]


TEXT = ((0.0, 0.8, 0.2, 0.9), (0.1, 0.85, 0.4, 1.0))
OBJECT = ((0.5, 0.0, 0.9, 0.5),)


def by_file(cleaned: CleanList, step: str) -> dict[str, Decision]:
    return {d.file: d for d in cleaned.decisions if d.step == step}


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.jpg")}


def test_every_step_decides_in_its_turn_and_says_why(folder: Path) -> None:
    before = content(folder)
    text, objects = Spy(*TEXT), Spy(*OBJECT)
    result = clean(folder, find_text=Finder("t", text), find_objects=Finder("o", objects))
    assert [d.step for d in result.decisions] == sorted(
        (d.step for d in result.decisions), key=clean_list.STEPS.index
    )
    assert "cut off" in by_file(result, "unreadable")["basalt/broken.jpg"].reason
    assert "4.4 times" in by_file(result, "aspect")["basalt/wide.jpg"].reason
    (twin,) = by_file(result, "duplicates").values()
    assert (twin.file, twin.of) == ("andesite/small.jpg", "basalt/large.jpg")
    assert "basalt/large.jpg" in twin.reason
    assert "labels disagree: andesite and basalt" in twin.reason
    (large,) = by_file(result, "resize").values()
    assert (large.file, large.longest_px) == ("basalt/huge.jpg", 1024)
    left = ["andesite/fine.jpg", "basalt/huge.jpg", "basalt/large.jpg"]
    assert list(kept(result)) == left
    assert sorted(by_file(result, "text")) == sorted(by_file(result, "crop")) == left
    assert len(text.seen) == len(objects.seen) == 3  # removed photos are not looked at
    assert content(folder) == before


def test_boxes_are_in_original_pixels_and_text_hides_from_the_object_detector(
    folder: Path,
) -> None:
    text, objects = Spy(*TEXT), Spy(*OBJECT)
    result = clean(folder, find_text=Finder("t", text), find_objects=Finder("o", objects))
    assert max(pixels.shape[1] for pixels in text.seen) == 1024
    box = by_file(result, "text")["basalt/huge.jpg"].box_xyxy
    margin = 20.48
    np.testing.assert_allclose(box, (0, 0.8 * 1200 - margin, 0.4 * 2048 + margin, 1200), atol=0.01)
    crop = by_file(result, "crop")["basalt/huge.jpg"].box_xyxy
    np.testing.assert_allclose(crop, (1024, 0, 0.9 * 2048, 600), atol=0.01)
    plate = objects.seen[0][-5:, 5:60].reshape(-1, 3)
    assert len(np.unique(plate, axis=0)) == 1


def test_text_all_over_is_only_proposed_and_an_object_that_fills_the_photo_needs_no_crop(
    folder: Path,
) -> None:
    everywhere = Finder("e", Spy((0.0, 0.0, 1.0, 0.99)))
    result = clean(folder, find_text=everywhere, find_objects=everywhere)
    assert {d.accepted for d in by_file(result, "text").values()} == {False}
    assert by_file(result, "crop") == {}


def test_duplicates_in_folders_of_the_same_name_agree(folder: Path, put: Put) -> None:
    put("rocks/more/Basalt/1.jpg", jpeg(picture(300, 225, seed=1)))
    twins = by_file(clean(folder), "duplicates")
    assert "disagree" not in twins["more/Basalt/1.jpg"].reason
    assert "disagree" in twins["andesite/small.jpg"].reason


@pytest.mark.parametrize("step", clean_list.STEPS)
def test_a_step_left_out_decides_nothing(folder: Path, step: clean_list.Step) -> None:
    options = Options(steps=frozenset(clean_list.STEPS) - {step})
    result = clean(
        folder, options=options, find_text=Finder("t", Spy(*TEXT)),
        find_objects=Finder("o", Spy(*OBJECT)),
    )  # fmt: skip
    assert by_file(result, step) == {}
    assert {d.step for d in result.decisions} == set(clean_list.STEPS) - {step}


def test_limits_are_the_options(folder: Path) -> None:
    result = clean(folder, options=Options(max_aspect=5, longest_px=380))
    assert by_file(result, "aspect") == {}
    assert "basalt/large.jpg" in by_file(result, "resize")


@pytest.mark.parametrize(
    "wrong", [{"max_aspect": 0.5}, {"max_aspect": float("nan")}, {"max_bits": -1},
              {"max_bits": 40}, {"longest_px": 0}],
)  # fmt: skip
def test_senseless_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(DataError):
        Options(**wrong)  # type: ignore[arg-type]


def test_an_undone_removal_lets_the_photo_through_to_later_steps(folder: Path) -> None:
    first = clean(folder)
    undone = first.reviewed(False, files=["andesite/small.jpg"])
    assert "andesite/small.jpg" in kept(undone)
    again = clean(folder, before=undone, find_text=Finder("t", Spy(*TEXT)))
    assert not by_file(again, "duplicates")["andesite/small.jpg"].accepted
    assert "andesite/small.jpg" in by_file(again, "text")
    back = again.reviewed(True, steps=["duplicates"])
    assert "andesite/small.jpg" not in kept(back)
    with pytest.raises(DataError, match="no decision"):
        first.reviewed(False, files=["nowhere.jpg"])


def test_a_review_outlives_runs_that_have_nothing_to_decide(folder: Path, tmp_path: Path) -> None:
    small = "andesite/small.jpg"
    undone = clean(folder).reviewed(False, files=[small])
    without = Options(steps=frozenset(clean_list.STEPS) - {"duplicates"})
    path = tmp_path / "list.json"
    clean_list.save(path, clean(folder, options=without, before=undone))
    assert small in kept(clean(folder, before=clean_list.load(path)))


def test_a_review_is_remembered_while_an_earlier_step_removes_the_photo(
    folder: Path, put: Put
) -> None:
    put("rocks/basalt/wide twin.jpg", jpeg(picture(400, 90, seed=2)[::2, ::2].copy()))
    twin = "basalt/wide twin.jpg"
    found = clean(folder).reviewed(False, steps=["aspect"])
    found = clean(folder, before=found).reviewed(False, files=[twin], steps=["duplicates"])
    for accepted in (True, False):
        found = clean(folder, before=found).reviewed(accepted, files=[twin], steps=["aspect"])
        found = clean(folder, before=found)
        assert (twin in kept(found)) != accepted


def test_reviews_in_a_list_of_the_first_version_still_count(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    everywhere = Finder("e", Spy((0.0, 0.0, 1.0, 0.99)))
    found = clean(folder, find_text=everywhere).reviewed(False, steps=["aspect"])
    found = found.reviewed(True, files=["basalt/huge.jpg"], steps=["text"])
    clean_list.save(path, found)
    old = json.loads(path.read_text()) | {"version": 1}
    del old["reviews"]
    path.write_text(json.dumps(old))
    again = clean(folder, before=clean_list.load(path), find_text=everywhere)
    assert again.decisions == clean(folder, before=found, find_text=everywhere).decisions
    assert not by_file(again, "aspect")["basalt/wide.jpg"].accepted
    assert by_file(again, "text")["basalt/huge.jpg"].accepted


def test_the_list_is_read_back_as_it_was_written(folder: Path, tmp_path: Path) -> None:
    result = clean(folder, find_text=Finder("t", Spy(*TEXT))).reviewed(False, steps=["aspect"])
    path = tmp_path / "list.json"
    clean_list.save(path, result)
    assert clean_list.load(path) == result


def test_a_second_run_looks_at_new_photos_only(
    folder: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(*TEXT)
    first = clean(folder, find_text=Finder("t", spy))
    put("rocks/basalt/new.jpg", jpeg(picture(150, 120, seed=9)))
    read: list[str] = []
    real = decode.decode
    monkeypatch.setattr(decode, "decode", lambda p, **o: read.append(p.name) or real(p, **o))
    spy.seen.clear()
    second = clean(folder, before=first, find_text=Finder("t", spy))
    assert set(read) == {"new.jpg"}
    assert len(spy.seen) == 1
    monkeypatch.undo()
    assert second == clean(folder, find_text=Finder("t", Spy(*TEXT)))
    spy.seen.clear()
    clean(folder, before=second, find_text=Finder("another", spy))
    assert len(spy.seen) == 4


def test_a_run_stopped_in_the_middle_goes_on_from_there(folder: Path) -> None:
    spy, saved = Spy(*TEXT), list[CleanList]()
    with pytest.raises(Cancelled):
        clean(
            folder, find_text=Finder("t", spy), keep=saved.append,
            cancelled=lambda: len(spy.seen) == 2,
        )  # fmt: skip
    result = clean(folder, before=saved[-1], find_text=Finder("t", spy))
    assert len(spy.seen) == 3
    assert result == clean(folder, find_text=Finder("t", Spy(*TEXT)))


def test_an_emptied_folder_leaves_its_list(folder: Path) -> None:
    first, saved = clean(folder), list[CleanList]()
    away = folder.rename(folder.with_name("away"))
    folder.mkdir()
    with pytest.raises(DataError, match=r"none of the 6 photos .* kept as it is: connect the disk"):
        clean(folder, before=first, keep=saved.append)
    assert saved == []
    folder.rmdir()
    away.rename(folder)
    assert clean(folder, before=first) == first


def test_a_crash_while_saving_leaves_the_old_list(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, old = tmp_path / "list.json", clean(folder)
    clean_list.save(path, old)
    monkeypatch.setattr(files.os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        clean_list.save(path, old.reviewed(False, steps=["aspect"]))
    monkeypatch.undo()
    assert clean_list.load(path) == old
    assert not list(tmp_path.glob("*.tmp"))


DECISION = {"file": "a.jpg", "step": "text", "action": "mask", "reason": "r", "accepted": True}


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{", '{"version": 1}', '{"version": 3, "photos": [], "decisions": []}',
        json.dumps({"version": 1, "photos": [], "decisions": [DECISION | {"step": "rm -rf"}]}),
        json.dumps({"version": 1, "photos": [], "decisions": [DECISION | {"box_xyxy": [1, 2]}]}),
        json.dumps({"version": 1, "photos": [], "decisions": [DECISION | {"extra": 1}]}),
        '{"version": 1, "photos": [], "decisions": [{"file": "a", "step": "text", "action": '
        '"mask", "reason": "", "box_xyxy": [NaN, 0, 1, 1]}]}',
        '{"version": 2, "photos": [], "decisions": [], "options": {"max_aspect": 0}}',
    ],
)  # fmt: skip
def test_a_damaged_list_is_refused_with_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"list\.json is no list"):
        clean_list.load(path)


def test_applying_writes_a_cleaned_copy_and_goes_on_where_it_stopped(
    folder: Path, tmp_path: Path
) -> None:
    originals, target = content(folder), tmp_path / "copy"
    result = clean(
        folder, find_text=Finder("t", Spy(*TEXT)), find_objects=Finder("o", Spy(*OBJECT))
    ).reviewed(False, files=["andesite/fine.jpg"])
    asked: list[int] = []
    with pytest.raises(Cancelled):
        apply(result, source=folder, target=target,
              cancelled=lambda: asked.append(1) or len(asked) > 2)  # fmt: skip
    done = {path: path.stat().st_mtime_ns for path in target.rglob("*.jpg")}
    assert len(done) == 2
    assert apply(result, source=folder, target=target) == {}
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert content(folder) == originals
    copies = content(target)
    assert sorted(copies) == ["andesite/fine.jpg", "basalt/huge.jpg", "basalt/large.jpg"]
    assert copies["andesite/fine.jpg"] == originals["andesite/fine.jpg"]
    # 1024 × 600 masked below, then cropped to its right half above
    huge = decode.decode(target / "basalt/huge.jpg")
    assert (huge.width_px, huge.height_px) == (410, 300)
    full = decode.decode(folder / "basalt/huge.jpg").pixels
    expected = Image.fromarray(full).resize((1024, 600), Image.Resampling.BOX)
    difference = np.asarray(expected)[:300, 512:922].astype(int) - huge.pixels
    assert np.abs(difference).mean() < 3


def test_two_photos_never_share_a_copy(put: Put, tmp_path: Path) -> None:
    """A changed TIFF becomes a PNG beside one that bears that very name."""
    stream = io.BytesIO()
    Image.fromarray(picture(1500, 700, seed=1)).save(stream, "TIFF")
    put("rocks/a.tif", stream.getvalue())
    for name, seed in (("rocks/a.tif.png", 2), ("rocks/a.tif_2.png", 3)):
        stream = io.BytesIO()
        Image.fromarray(picture(200, 160, seed=seed)).save(stream, "PNG")
        put(name, stream.getvalue())
    source, target = tmp_path / "rocks", tmp_path / "copy"
    result = clean(source)
    assert apply(result, source=source, target=target) == {}
    made = copies(result, source=source)
    assert made == {n: n for n in ("a.tif.png", "a.tif_2.png")} | {"a.tif": "a.tif_3.png"}
    assert decode.decode(target / "a.tif_3.png").width_px == 1024
    for name in ("a.tif.png", "a.tif_2.png"):
        assert (target / name).read_bytes() == (source / name).read_bytes()


def test_after_a_review_only_what_differs_is_made_again(folder: Path, tmp_path: Path) -> None:
    target, first = tmp_path / "copy", clean(folder)
    apply(first, source=folder, target=target)
    times = {path.name: path.stat().st_mtime_ns for path in target.rglob("*.jpg")}
    second = first.reviewed(False, steps=["duplicates", "resize"])
    apply(second, source=folder, target=target)
    assert decode.decode(target / "basalt/huge.jpg").width_px == 2048
    assert (target / "andesite/small.jpg").is_file()
    assert (target / "basalt/large.jpg").stat().st_mtime_ns == times["large.jpg"]
    apply(first, source=folder, target=target)
    assert not (target / "andesite/small.jpg").exists()


def test_no_copy_goes_into_the_originals_or_over_someones_files(
    folder: Path, tmp_path: Path, put: Put
) -> None:
    result = clean(folder)
    for target in (folder, folder / "inside", folder.parent):
        with pytest.raises(DataError, match="in each other"):
            apply(result, source=folder, target=target)
    other = put("other/letter.txt", b"dear").parent
    with pytest.raises(DataError, match="other files"):
        apply(result, source=folder, target=other)
    with pytest.raises(DataError, match="is a file"):
        apply(result, source=folder, target=other / "letter.txt")
    assert (other / "letter.txt").read_bytes() == b"dear"


def test_a_hostile_list_or_manifest_reaches_nothing_outside(
    folder: Path, tmp_path: Path, put: Put
) -> None:
    victim, target = put("victim.jpg", b"mine"), tmp_path / "copy"
    target.mkdir()
    (target / MANIFEST).write_text(json.dumps({"../victim.jpg": "x", str(victim): "y"}))
    evil = Decision("../victim.jpg", "crop", "crop", "", box_xyxy=(0, 0, 1, 1))
    result = clean(folder)
    apply(CleanList(result.photos, (*result.decisions, evil)), source=folder, target=target)
    assert victim.read_bytes() == b"mine"
    assert not (tmp_path / "victim.jpg.png").exists()


def test_masking_and_cropping_touch_just_the_box() -> None:
    pixels = picture(60, 40, seed=0)
    mask = Decision("a", "text", "mask", "", box_xyxy=(10.2, 5.0, 20.0, 8.5))
    crop = Decision("a", "crop", "crop", "", box_xyxy=(5.0, 5.0, 50.0, 30.0))
    result = cleaned(pixels, [mask])
    changed = (result != pixels).any(axis=2)
    assert not changed[:, :10].any()
    assert not changed[:, 20:].any()
    assert len(np.unique(result[5:9, 10:20].reshape(-1, 3), axis=0)) == 1
    np.testing.assert_array_equal(cleaned(pixels, [mask, crop]), result[5:30, 5:50])
    empty = Decision("a", "crop", "crop", "", box_xyxy=(90.0, 5.0, 95.0, 30.0))
    np.testing.assert_array_equal(cleaned(pixels, [empty]), pixels)
    assert union([(1, 5, 2, 6), (0, 7, 9, 8)]) == (0, 5, 9, 8)


def test_the_text_detector_finds_a_plate() -> None:
    if plates.why_not():
        pytest.skip(plates.why_not())
    import cv2

    pixels = picture(500, 400, seed=7)
    pixels = (pixels // 8 + 100).astype(np.uint8)
    pixels[300:360, 60:420] = 245
    cv2.putText(pixels, "QUARTZ 12345", (75, 345), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (10,) * 3, 3)
    find = plates.text_finder()
    x0, y0, x1, y1 = union(find(pixels))
    assert 60 < x0 < 95
    assert 290 < y0 < 325
    assert 330 < x1 < 430
    assert 335 < y1 < 370
    veins = np.full((160, 320, 3), 200, np.uint8)
    for x in range(10, 300, 23):
        cv2.line(veins, (x, 20), (x + 40, 150), (60, 60, 70), 3)
    assert find(veins) == []


def test_without_rapidocr_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plates, "find_spec", lambda name: None)
    assert "geoview[text]" in plates.why_not()
    with pytest.raises(DataError, match="rapidocr"):
        plates.text_finder()
