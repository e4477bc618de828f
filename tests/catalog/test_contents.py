"""Photos whose files got new dates are known by what is in them; others are new ones."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from fake_measuring import measurement
from fakes import MODEL, prediction

from geoview.catalog import Catalog, contents, schema
from geoview.catalog.evidence import Evidence
from geoview.catalog.measurements import Measurements
from geoview.photos import fingerprint
from geoview.photos.scan import scan
from geoview.records import EvidenceAudit, Photo, PhotoResult

FILES = ("a.jpg", "b.jpg", "deep/Größe [1].jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode().ljust(30))
    return tmp_path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The photos that were read for a fingerprint."""
    read: list[str] = []
    whole = fingerprint.fingerprint

    def counted(photo: Photo) -> str:
        read.append(photo.file)
        return whole(photo)

    monkeypatch.setattr(fingerprint, "fingerprint", counted)
    return read


def dated(folder: Path, date: int, *files: str) -> list[Photo]:
    """The photos as a scan finds them, with a new date for ``files``, or all."""
    for name in files or FILES:
        os.utime(folder / name, (date, date))
    return list(scan(folder).photos)


def synced(folder: Path, photos: list[Photo]) -> Catalog:
    catalog = Catalog.open(folder)
    catalog.sync(photos)
    return catalog


def test_results_tiles_and_evidence_follow_a_new_date(folder: Path) -> None:
    photos = dated(folder, 1000)
    with synced(folder, photos) as catalog:
        catalog.save([PhotoResult(one, prediction(seed=1)) for one in photos], model=MODEL)
        audit = EvidenceAudit("a.jpg", MODEL, "grad-cam", (), "1", "now")
        Evidence(catalog).save([audit], model=MODEL)
    photos = dated(folder, 2000)
    with synced(folder, photos) as catalog:
        assert catalog.pending(MODEL.sha256) == []
        assert [result.photo for result in catalog.results(MODEL.sha256)] == photos
        assert catalog.tiles("a.jpg", MODEL.sha256) == prediction(seed=1).tiles
        assert Evidence(catalog).of(MODEL) == {"a.jpg": audit}


def test_only_what_is_stored_is_read_once_and_again_only_under_a_new_date(
    folder: Path, reads: list[str]
) -> None:
    photos = dated(folder, 1000)
    with synced(folder, photos) as catalog:
        kept = Measurements(catalog)
        assert reads == []
        for _ in range(2):
            kept.add([(photos[0], measurement("a.jpg"))], made_with="{}")
            kept.correct(photos[0], measurement("a.jpg", user="ana"))
            catalog.sync(photos)
        assert reads == ["a.jpg"]
        catalog.sync(dated(folder, 2000))
        catalog.sync(dated(folder, 2000))
        assert reads == ["a.jpg"] * 2


def test_another_photo_of_the_same_size_is_new_and_the_old_one_known_when_it_returns(
    folder: Path, reads: list[str]
) -> None:
    before = (folder / "a.jpg").read_bytes()
    photos = dated(folder, 1000)
    with synced(folder, photos) as catalog:
        kept = Measurements(catalog)
        kept.correct(photos[0], measurement("a.jpg", length_mm=10, user="ana"))
        (folder / "a.jpg").write_bytes(before[::-1])
        photos = dated(folder, 2000, "a.jpg")
        catalog.sync(photos)
        catalog.sync(photos)
        assert kept.current() == {}
        assert not any(step.unchanged for step in kept.history("a.jpg"))
        kept.add([(photos[0], measurement("a.jpg", length_mm=20))], made_with="{}")
        (folder / "a.jpg").write_bytes(before)
        catalog.sync(dated(folder, 3000, "a.jpg"))
        assert kept.current()["a.jpg"].size_mm.length == 10  # type: ignore[union-attr]
        (folder / "a.jpg").write_bytes(before[::-1])
        catalog.sync(dated(folder, 4000, "a.jpg"))
        assert kept.current()["a.jpg"].size_mm.length == 20  # type: ignore[union-attr]


def test_a_correction_is_not_hidden_by_what_was_made_while_the_photo_could_not_be_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = dated(folder, 1000)
    with synced(folder, photos) as catalog:
        kept = Measurements(catalog)
        kept.correct(photos[0], measurement("a.jpg", length_mm=10, user="ana"))
        photos = dated(folder, 2000)
        rejected = measurement("a.jpg", status="rejected", reasons=("cannot be read",))
        with monkeypatch.context() as locked:
            locked.setattr(fingerprint, "fingerprint", lambda _: "")
            catalog.sync(photos)
            kept.add([(photos[0], rejected)], made_with="{}")
            assert kept.current() == {"a.jpg": rejected}
        # Measuring it again would do as well as opening the folder again.
        assert kept.add([(photos[0], measurement("a.jpg", length_mm=20))], made_with="{}") == []
        assert kept.current()["a.jpg"].size_mm.length == 10  # type: ignore[union-attr]
        assert [step.state for step in kept.history("a.jpg")] == ["live", "dropped"]
        assert kept.undo("ana") == ("a.jpg",)


def test_a_photo_replaced_since_the_scan_is_not_taken_for_what_it_was(folder: Path) -> None:
    photos = dated(folder, 1000)
    with synced(folder, photos) as catalog:
        kept = Measurements(catalog)
        (folder / "a.jpg").write_bytes(b"x" * 30)
        kept.add([(photos[0], measurement("a.jpg"))], made_with="{}")
        catalog.sync(dated(folder, 2000))
        assert kept.current() == {}


def test_what_breaks_off_in_between_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = dated(folder, 1000)
    with synced(folder, photos) as catalog:
        kept = Measurements(catalog)
        kept.correct(photos[0], measurement("a.jpg", user="ana"))
        later = dated(folder, 2000)

        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as broken:
            broken.setattr(contents, "upsert", killed)
            with pytest.raises(KeyboardInterrupt):
                catalog.sync(later)
        assert catalog.photos() == photos
        assert list(kept.current()) == ["a.jpg"]
        catalog.sync(later)
        assert catalog.photos() == later
        assert list(kept.current()) == ["a.jpg"]


def test_two_programs_that_see_other_dates_share_what_is_stored(folder: Path) -> None:
    photos = dated(folder, 1000)
    with synced(folder, photos) as first, Catalog.open(folder) as second:
        one, other = Measurements(first), Measurements(second)
        one.correct(photos[0], measurement("a.jpg", length_mm=10, user="ana"))
        second.sync(dated(folder, 2000))
        dated(folder, 1000)  # as the first program's drive tells it, which has not looked again
        one.correct(photos[0], measurement("a.jpg", length_mm=11, user="ana"))
        for kept in (one, other):
            assert kept.current()["a.jpg"].size_mm.length == 11  # type: ignore[union-attr]
        assert one.undo("ana") == ("a.jpg",)
        assert other.current()["a.jpg"].size_mm.length == 10  # type: ignore[union-attr]


def test_more_photos_than_fit_in_one_statement(tmp_path: Path) -> None:
    for number in range(1100):
        (tmp_path / f"{number}.jpg").write_bytes(b"%04d" % number)
    photos = list(scan(tmp_path).photos)
    with synced(tmp_path, photos) as catalog:
        kept = Measurements(catalog)
        kept.add([(one, measurement(one.file)) for one in photos], made_with="{}")
        for one in photos:
            os.utime(one.path, (2000, 2000))
        catalog.sync(scan(tmp_path).photos)
        assert len(kept.current(outlines=False)) == 1100


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_older_catalogue_is_upgraded_and_known_from_the_next_thing_stored(
    folder: Path, version: str
) -> None:
    photos = dated(folder, 1000)
    with synced(folder, photos) as catalog:
        catalog.save([PhotoResult(photos[0], prediction())], model=MODEL)
    file = sqlite3.connect(folder / ".geoview" / "catalog.db")
    newer = ("contents",) if version == "2" else ("contents", "measurements", "evidence")
    for table in newer:
        file.execute(f"DROP TABLE {table}")
    file.execute("UPDATE geoview SET value=? WHERE key='schema'", (version,))
    file.commit()
    file.close()
    with synced(folder, photos) as catalog:
        assert catalog.notice == ""
        assert [one.file for one in catalog.pending(MODEL.sha256)] == list(FILES[1:])
        Measurements(catalog).correct(photos[0], measurement("a.jpg", user="ana"))
    file = sqlite3.connect(folder / ".geoview" / "catalog.db")
    (now,) = file.execute("SELECT value FROM geoview WHERE key='schema'").fetchone()
    file.close()
    assert now == str(schema.VERSION)
    with synced(folder, dated(folder, 2000)) as catalog:
        assert [one.file for one in catalog.pending(MODEL.sha256)] == list(FILES[1:])
        assert list(Measurements(catalog).current()) == ["a.jpg"]


def test_the_same_date_and_another_size_is_another_photo(folder: Path) -> None:
    photos = dated(folder, 1000)
    with synced(folder, photos) as catalog:
        kept = Measurements(catalog)
        kept.correct(photos[0], measurement("a.jpg", user="ana"))
        catalog.sync([replace(photos[0], size_bytes=31), *photos[1:]])
        assert kept.current() == {}
