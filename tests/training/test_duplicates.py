"""Photos that look alike, among labelled photos and beside those a card names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from geoview.training import data, duplicates, worker
from geoview.training.recipe import Recipe


def photo(path: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (6, 7, 3), dtype=np.uint8))
    small.resize((90, 80), Image.Resampling.BICUBIC).save(path)
    return path


def test_near_to_counts_bits() -> None:
    hashes = {Path("a"): 0b0111, Path("b"): 0b1111, Path("c"): 0xFF << 56}
    assert duplicates.near_to(hashes, [0], max_bits=3) == {Path("a")}
    assert duplicates.near_to(hashes, [0, 0xFE << 56], max_bits=3) == {Path("a"), Path("c")}
    assert duplicates.near_to(hashes, [], max_bits=64) == set()


def test_a_photo_is_hashed_again_only_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, gone = photo(tmp_path / "a.png", 1), tmp_path / "gone.png"
    first = duplicates.hashes_of([one, one, gone])
    assert first == {one: int(str(imagehash.phash(Image.open(one))), 16)}
    photo(one, 2)
    second = duplicates.hashes_of([one])
    assert second == {one: int(str(imagehash.phash(Image.open(one))), 16)}
    assert second != first
    monkeypatch.setattr("geoview.photos.phash.decode", None)
    assert duplicates.hashes_of([one]) == second


def test_copies_are_the_same_file_under_other_names(tmp_path: Path) -> None:
    first, other = photo(tmp_path / "a.png", 1), photo(tmp_path / "b.png", 2)
    copy, gone = tmp_path / "c.png", tmp_path / "gone.png"
    copy.write_bytes(first.read_bytes())
    as_large = tmp_path / "d.png"
    as_large.write_bytes(first.read_bytes()[::-1])
    assert duplicates.copies([first, other, copy, gone, as_large, first]) == [[first, copy]]


def test_the_card_keeps_what_the_photos_look_like_where_the_recipe_asks(
    tmp_path: Path, tiny_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seed in (("x", 1), ("y", 2)):
        (tmp_path / name).mkdir()
        photo(tmp_path / name / "1.png", seed)
    items = list(data.load(tmp_path).items)
    plan = tiny_recipe()
    assert worker.looks(plan, items) == []
    split = plan.split.model_copy(update={"near_duplicates": 4})
    plan = plan.model_copy(update={"split": split})
    expected = sorted(str(imagehash.phash(Image.open(item.path))) for item in items)
    assert worker.looks(plan, items) == expected
    monkeypatch.setattr(worker, "MOST_HASHES", 1)
    assert worker.looks(plan, items) == []
