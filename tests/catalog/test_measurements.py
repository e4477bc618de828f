"""Measurements in the catalogue: every number comes back, undo and redo outlive the program."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from fake_measuring import measurement
from fakes import MODEL, photo, prediction

from geoview.catalog import Catalog, schema
from geoview.catalog.measurements import Measurements
from geoview.measured import Measurement, Scale
from geoview.records import Photo, PhotoResult


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    return [photo(name, folder=tmp_path) for name in ("a.jpg", "b.jpg", "deep/Größe [1].jpg")]


def opened(folder: Path, photos: list[Photo]) -> tuple[Catalog, Measurements]:
    catalog = Catalog.open(folder)
    catalog.sync(photos)
    return catalog, Measurements(catalog)


def by_hand(file: str, length_mm: float, user: str = "ana") -> Measurement:
    return measurement(file, length_mm=length_mm, user=user)


def lengths(kept: Measurements) -> dict[str, float]:
    return {f: m.size_mm.length for f, m in kept.current().items() if m.size_mm is not None}


def test_every_number_comes_back_exactly(tmp_path: Path, photos: list[Photo]) -> None:
    odd = b"\xff.jpg".decode("utf-8", "surrogateescape")
    tray = Scale(1 / 3, 1e-17, "inherited", 25.4, (), odd, 1.25)
    wanted = [
        measurement("a.jpg", number="GM-1", reasons=("too oblique", "blurred"), status="review"),
        replace(measurement("b.jpg", scale=tray), plate_box_px=None, model="f00d"),
        Measurement("deep/Größe [1].jpg", "rejected", ("no cube",), 0, 0, "paper", "1", "now"),
    ]
    catalog, kept = opened(tmp_path, photos)
    assert kept.add(zip(photos, wanted, strict=True), made_with="{}") == wanted
    catalog.close()
    catalog, kept = opened(tmp_path, photos)
    with catalog:
        assert kept.current() == {m.file: m for m in wanted}
        assert kept.one("b.jpg") == wanted[1]
        assert kept.one("nowhere.jpg") is None
        light = kept.current(outlines=False)["a.jpg"]
        assert light == replace(wanted[0], outline_px=())


def test_it_counts_only_while_the_photo_is_unchanged(tmp_path: Path, photos: list[Photo]) -> None:
    catalog, kept = opened(tmp_path, photos)
    with catalog:
        kept.add([(photos[0], measurement("a.jpg"))], made_with="{}")
        kept.correct(photos[0], by_hand("a.jpg", 20))
        catalog.sync([replace(photos[0], mtime_ns=99), *photos[1:]])
        assert kept.current() == {}
        assert kept.made_with() == {}
        assert kept.undo("ana") == ()
        assert [step.unchanged for step in kept.history("a.jpg")] == [False, False]
        assert not any(step.holds for step in kept.history("a.jpg"))
        catalog.sync(photos)
        assert lengths(kept) == {"a.jpg": 20}
        catalog.sync(photos[1:])
        assert kept.current() == {}


def test_undo_and_redo_across_restarts(tmp_path: Path, photos: list[Photo]) -> None:
    a, b, _ = photos
    catalog, kept = opened(tmp_path, photos)
    kept.add([(a, measurement("a.jpg", length_mm=10))], made_with="{}")
    for one, length in ((a, 11), (b, 21), (a, 12)):
        kept.correct(one, by_hand(one.file, length))
    assert lengths(kept) == {"a.jpg": 12, "b.jpg": 21}
    undone = []
    for _ in range(4):
        assert kept.can_undo("ana") == (len(undone) < 3)
        undone.append(kept.undo("ana"))
        catalog.close()
        catalog, kept = opened(tmp_path, photos)
    assert undone == [("a.jpg",), ("b.jpg",), ("a.jpg",), ()]
    assert lengths(kept) == {"a.jpg": 10}
    redone = [kept.redo("ana") for _ in range(4)]
    assert redone == [("a.jpg",), ("b.jpg",), ("a.jpg",), ()]
    assert not kept.can_redo("ana")
    assert lengths(kept) == {"a.jpg": 12, "b.jpg": 21}
    catalog.close()


def test_a_new_correction_cuts_off_what_was_undone(tmp_path: Path, photos: list[Photo]) -> None:
    a, b, _ = photos
    catalog, kept = opened(tmp_path, photos)
    with catalog:
        kept.correct(a, by_hand("a.jpg", 11))
        kept.correct(b, by_hand("b.jpg", 21))
        kept.undo("ana")
        kept.undo("ana")
        kept.correct(a, by_hand("a.jpg", 12))
        assert not kept.can_redo("ana")
        assert kept.redo("ana") == ()
        assert lengths(kept) == {"a.jpg": 12}
        states = [(s.measurement.size_mm.length, s.state) for s in kept.history("a.jpg")]  # type: ignore[union-attr]
        assert states == [(11, "dropped"), (12, "live")]
        assert kept.undo("ana") == ("a.jpg",)
        assert kept.current() == {}


def test_people_undo_their_own_corrections(tmp_path: Path, photos: list[Photo]) -> None:
    a, b, _ = photos
    catalog, kept = opened(tmp_path, photos)
    with catalog:
        kept.correct(b, by_hand("b.jpg", 20, "ana"))
        kept.correct(a, by_hand("a.jpg", 10, "ana"))
        kept.correct(a, by_hand("a.jpg", 11, "ben"))
        # Ana's length of a.jpg no longer holds, so that taking it back would change nothing.
        assert kept.undo("ana") == ("b.jpg",)
        assert lengths(kept) == {"a.jpg": 11}
        assert not kept.can_undo("ana")
        assert kept.undo("ben") == ("a.jpg",)
        assert lengths(kept) == {"a.jpg": 10}
        kept.correct(b, by_hand("b.jpg", 22, "ana"))
        assert kept.can_redo("ben")


def test_an_automatic_measurement_never_hides_a_correction_unasked(
    tmp_path: Path, photos: list[Photo]
) -> None:
    a, b, _ = photos
    catalog, kept = opened(tmp_path, photos)
    both = [(a, measurement("a.jpg", length_mm=30)), (b, measurement("b.jpg", length_mm=31))]
    with catalog:
        kept.correct(a, by_hand("a.jpg", 10))
        assert [m.file for m in kept.add(both, made_with="{}")] == ["b.jpg"]
        assert lengths(kept) == {"a.jpg": 10, "b.jpg": 31}
        together = [(a, by_hand("a.jpg", 20)), (b, by_hand("b.jpg", 22))]
        kept.add(together, made_with="both", over_corrections=True)
        assert lengths(kept) == {"a.jpg": 20, "b.jpg": 22}
        assert set(kept.undo("ana")) == {"a.jpg", "b.jpg"}
        assert lengths(kept) == {"a.jpg": 10, "b.jpg": 31}
        # What was undone is not done again over a later measurement.
        kept.add([(b, measurement("b.jpg", length_mm=33))], made_with="{}")
        assert lengths(kept) == {"a.jpg": 10, "b.jpg": 33}
        assert kept.undo("ana") == ("a.jpg",)


def test_the_history_says_who_when_and_by_what(tmp_path: Path, photos: list[Photo]) -> None:
    catalog, kept = opened(tmp_path, photos)
    with catalog:
        kept.add([(photos[0], measurement("a.jpg", method="paper"))], made_with='{"cube": 1}')
        kept.correct(photos[0], replace(by_hand("a.jpg", 10), created_utc="2026-05-01"))
        first, second = kept.history("a.jpg")
        assert (first.measurement.user, first.measurement.method) == ("", "paper")
        assert (first.made_with, first.measurement.app_version) == ('{"cube": 1}', "0.0.9")
        assert (second.measurement.user, second.measurement.created_utc) == ("ana", "2026-05-01")
        assert (first.holds, second.holds) == (False, True)
        assert kept.history("nowhere.jpg") == []
        with pytest.raises(ValueError, match="who made it"):
            kept.correct(photos[0], measurement("a.jpg"))


def test_settings_of_what_holds(tmp_path: Path, photos: list[Photo]) -> None:
    a, b, c = photos
    catalog, kept = opened(tmp_path, photos)
    with catalog:
        kept.add([(p, measurement(p.file)) for p in (a, b)], made_with="one")
        kept.add([(a, measurement("a.jpg"))], made_with="two")
        kept.correct(c, by_hand(c.file, 5))
        assert kept.made_with() == {"a.jpg": "two", "b.jpg": "one", c.file: ""}


def test_two_folders_in_one_database_do_not_mix(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
    with (
        Catalog.open(tmp_path / "x", url=url) as first,
        Catalog.open(tmp_path / "y", url=url) as second,
    ):
        x, y = Measurements(first), Measurements(second)
        for catalog, kept, length in ((first, x, 10), (second, y, 20)):
            catalog.sync([photo("a.jpg", folder=catalog.folder)])
            kept.correct(photo("a.jpg", folder=catalog.folder), by_hand("a.jpg", length))
        assert x.undo("ana") == ("a.jpg",)
        assert lengths(y) == {"a.jpg": 20}
        y.correct(photo("a.jpg", folder=second.folder), by_hand("a.jpg", 21))
        assert x.can_redo("ana")


def test_a_catalogue_of_version_1_keeps_its_results_and_takes_measurements(
    tmp_path: Path, photos: list[Photo]
) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.save([PhotoResult(photos[0], prediction())], model=MODEL)
    file = sqlite3.connect(tmp_path / ".geoview" / "catalog.db")
    for table in ("measurements", "evidence"):
        file.execute(f"DROP TABLE {table}")
    file.execute("UPDATE geoview SET value='1' WHERE key='schema'")
    file.commit()
    file.close()
    catalog, kept = opened(tmp_path, photos)
    with catalog:
        assert catalog.notice == ""
        assert [r.status for r in catalog.results(MODEL.sha256)] == ["done", "new", "new"]
        kept.add([(photos[0], measurement("a.jpg"))], made_with="{}")
    file = sqlite3.connect(tmp_path / ".geoview" / "catalog.db")
    (version,) = file.execute("SELECT value FROM geoview WHERE key='schema'").fetchone()
    file.close()
    assert version == str(schema.VERSION)
    catalog, kept = opened(tmp_path, photos)
    with catalog:
        assert kept.current()["a.jpg"] == measurement("a.jpg")


def test_many_threads_correct_and_undo_at_once(tmp_path: Path, photos: list[Photo]) -> None:
    catalog, kept = opened(tmp_path, photos)

    def work(user: str) -> None:
        for length in range(10):
            kept.correct(photos[length % 3], by_hand(photos[length % 3].file, length + 1, user))
            kept.undo(user)
            kept.redo(user)

    with catalog:
        threads = [threading.Thread(target=work, args=(name,)) for name in "xyz"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        steps = [step for one in photos for step in kept.history(one.file)]
        assert len(steps) == 30
        assert {s.measurement.user for s in steps} == {"x", "y", "z"}
