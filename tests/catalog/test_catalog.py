"""The catalogue keeps every number, knows what has changed, and survives what befalls files."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import MODEL, OTHER_MODEL, photo, prediction
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from geoview import paths
from geoview.catalog import Catalog, connect, schema
from geoview.errors import DataError
from geoview.records import Photo, PhotoResult


def done(one: Photo, *, seed: float = 0.1, tiles: int = 2) -> PhotoResult:
    return PhotoResult(one, prediction(seed=seed, tiles=tiles))


@pytest.fixture
def three(tmp_path: Path) -> list[Photo]:
    return [photo(name, folder=tmp_path) for name in ("a.jpg", "b.jpg", "deep/Größe [1].jpg")]


def test_results_come_back_exactly_after_reopening(tmp_path: Path, three: list[Photo]) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.sync(three)
        changes = catalog.save([done(p, seed=i / 3) for i, p in enumerate(three)], model=MODEL)
        assert changes.results == tuple(p.file for p in three)
    with Catalog.open(tmp_path) as catalog:
        assert catalog.photos() == three
        for index, result in enumerate(catalog.results(MODEL.sha256)):
            whole = prediction(seed=index / 3)
            assert result == PhotoResult(three[index], replace(whole, tiles=()))
            assert catalog.tiles(result.photo.file, MODEL.sha256) == whole.tiles
        assert catalog.models() == [MODEL]


def test_a_photo_without_tiles_layers_and_areas_comes_back(tmp_path: Path) -> None:
    one = photo("a.jpg", folder=tmp_path)
    bare = replace(prediction(tiles=0), layer=None, area_pct=None, dominant=None, multi_label=False)
    with Catalog.open(tmp_path) as catalog:
        catalog.sync([one])
        catalog.save([PhotoResult(one, bare)], model=MODEL)
        assert catalog.results(MODEL.sha256) == [PhotoResult(one, bare)]
        assert catalog.tiles("a.jpg", MODEL.sha256) == ()


def test_new_changed_and_failed_photos(tmp_path: Path, three: list[Photo]) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.sync(three)
        assert catalog.pending(MODEL.sha256) == three
        catalog.save([done(three[0]), PhotoResult(three[1], None, "empty file")], model=MODEL)
        assert catalog.pending(MODEL.sha256) == three[2:]
        assert catalog.pending(OTHER_MODEL.sha256) == three
        assert catalog.failed(MODEL.sha256) == {"b.jpg": "empty file"}
        assert [r.status for r in catalog.results(MODEL.sha256)] == ["done", "failed", "new"]

        touched = [replace(three[0], mtime_ns=21), replace(three[1], size_bytes=11), three[2]]
        assert catalog.sync(touched).photos
        assert catalog.pending(MODEL.sha256) == touched
        assert [r.status for r in catalog.results(MODEL.sha256)] == ["new"] * 3
        assert catalog.tiles("a.jpg", MODEL.sha256) == ()


def test_a_vanished_photo_is_hidden_and_its_result_returns_with_it(
    tmp_path: Path, three: list[Photo]
) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.sync(three)
        catalog.save([done(p) for p in three], model=MODEL)
        catalog.sync(three[1:])
        assert [r.photo.file for r in catalog.results()] == [p.file for p in three[1:]]
        catalog.sync(three)
        assert [r.status for r in catalog.results()] == ["done"] * 3
        assert not catalog.sync(three).photos


def test_depth_from_a_sheet_reaches_old_results(tmp_path: Path) -> None:
    one = photo("a.jpg", folder=tmp_path)
    with Catalog.open(tmp_path) as catalog:
        catalog.sync([one])
        catalog.save([done(one)], model=MODEL)
        catalog.sync([replace(one, depth_m=99.5)])
        (result,) = catalog.results(MODEL.sha256)
        assert (result.photo.depth_m, result.status) == (99.5, "done")


def test_each_model_keeps_its_own_results(tmp_path: Path, three: list[Photo]) -> None:
    later = replace(prediction(seed=9, model=OTHER_MODEL), created_utc="2026-05-01T00:00:00+00:00")
    with Catalog.open(tmp_path) as catalog:
        catalog.sync(three)
        catalog.save([done(p) for p in three], model=MODEL)
        catalog.save([PhotoResult(three[0], later)], model=OTHER_MODEL)
        latest = [r.prediction.model for r in catalog.results() if r.prediction]
        assert latest == [OTHER_MODEL, MODEL, MODEL]
        assert [r.status for r in catalog.results(OTHER_MODEL.sha256)] == ["done", "new", "new"]
        assert catalog.models() == [OTHER_MODEL, MODEL]


def test_saving_again_replaces_result_and_tiles(tmp_path: Path) -> None:
    one = photo("a.jpg", folder=tmp_path)
    with Catalog.open(tmp_path) as catalog:
        catalog.save([done(one, tiles=4)], model=MODEL)
        catalog.save([done(one, seed=5, tiles=0)], model=MODEL)
        (result,) = catalog.results(MODEL.sha256)
        assert result.prediction == prediction(seed=5, tiles=0)
        assert catalog.tiles("a.jpg", MODEL.sha256) == ()
        catalog.save([PhotoResult(one, None, "vanished")], model=MODEL)
        assert catalog.results(MODEL.sha256) == [PhotoResult(one, None, "vanished")]


def test_a_name_that_is_no_utf8_is_kept(tmp_path: Path) -> None:
    odd = b"Gr\xf6\xdfe \xff.jpg".decode("utf-8", "surrogateescape")
    one = photo(odd, folder=tmp_path)
    with Catalog.open(tmp_path) as catalog:
        catalog.sync([one])
        catalog.save([done(one)], model=MODEL)
        assert catalog.photos() == [one]
        assert catalog.tiles(odd, MODEL.sha256)


def test_the_folder_can_be_moved_with_its_catalogue(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with Catalog.open(tmp_path / "old") as catalog:
        catalog.save([done(photo("a.jpg", folder=tmp_path / "old"))], model=MODEL)
    (tmp_path / "old").rename(tmp_path / "new")
    with Catalog.open(tmp_path / "new") as catalog:
        (result,) = catalog.results()
        assert (result.status, result.photo.path) == ("done", tmp_path / "new" / "a.jpg")


def _unwritable(folder: Path) -> None:
    """A file where the catalogue's folder would be: also the superuser cannot write there."""
    (folder / ".geoview").write_text("in the way")


def test_a_read_only_folder_keeps_its_results_with_the_user(tmp_path: Path) -> None:
    _unwritable(tmp_path)
    with Catalog.open(tmp_path) as catalog:
        assert str(tmp_path) in catalog.notice
        assert Path(catalog.place).is_relative_to(paths.data_dir() / "catalogs")
        catalog.save([done(photo("a.jpg", folder=tmp_path))], model=MODEL)
    with Catalog.open(tmp_path) as catalog:
        assert [r.status for r in catalog.results()] == ["done"]


def test_a_folder_that_became_read_only_starts_from_its_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.save([done(photo("a.jpg", folder=tmp_path))], model=MODEL)
    beside, writable = tmp_path / ".geoview", connect._writable
    monkeypatch.setattr(connect, "_writable", lambda f: f != beside and writable(f))
    before = (beside / "catalog.db").read_bytes()
    with Catalog.open(tmp_path) as catalog:
        assert [r.status for r in catalog.results()] == ["done"]
        catalog.save([done(photo("b.jpg", folder=tmp_path))], model=MODEL)
    assert (beside / "catalog.db").read_bytes() == before


def test_no_place_to_write_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_writable", lambda folder: False)
    with pytest.raises(DataError, match="No catalogue can be written"):
        Catalog.open(tmp_path)


def _make(folder: Path, count: int = 400) -> Path:
    with Catalog.open(folder) as catalog:
        catalog.save([done(photo(f"{i}.jpg", folder=folder)) for i in range(count)], model=MODEL)
    return folder / ".geoview" / "catalog.db"


def _garbage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 500)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _overwritten_in_the_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8192 : len(data) // 2] = b"\x55" * (len(data) // 2 - 8192)
    path.write_bytes(data)


def _of_another_program(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE music (title TEXT)")
    connection.close()


@pytest.mark.parametrize("harm", [_garbage, _cut, _overwritten_in_the_middle, _of_another_program])
def test_a_damaged_catalogue_is_set_aside_whole(tmp_path: Path, harm) -> None:  # type: ignore[no-untyped-def]
    path = _make(tmp_path)
    harm(path)
    bytes_before = path.read_bytes()
    with Catalog.open(tmp_path) as catalog:
        (aside,) = path.parent.glob("catalog.broken-*.db")
        assert aside.read_bytes() == bytes_before
        assert aside.name in catalog.notice
        assert catalog.results() == []
        catalog.save([done(photo("a.jpg", folder=tmp_path))], model=MODEL)
    with Catalog.open(tmp_path) as catalog:
        assert catalog.notice == ""
        assert len(catalog.results()) == 1


def test_two_damaged_catalogues_keep_both(tmp_path: Path) -> None:
    path = _make(tmp_path, count=1)
    for _ in range(2):
        _garbage(path)
        Catalog.open(tmp_path).close()
    assert len(list(path.parent.glob("catalog.broken-*.db"))) == 2


def test_a_newer_catalogue_is_refused_untouched(tmp_path: Path) -> None:
    path = _make(tmp_path, count=1)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE geoview SET value = '999' WHERE key = 'schema'")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"newer GeoView.*update GeoView"):
        Catalog.open(tmp_path)
    assert path.read_bytes() == before


def test_a_full_disk_is_one_clear_error_and_keeps_what_was_saved(tmp_path: Path) -> None:
    with Catalog.open(tmp_path) as catalog:
        catalog.save([done(photo("a.jpg", folder=tmp_path))], model=MODEL)
        pages = "SELECT page_count FROM pragma_page_count"
        with catalog._engine.connect() as connection:
            count = connection.exec_driver_sql(pages).scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count={count}")
        many = [done(photo(f"{i}.jpg", folder=tmp_path), tiles=30) for i in range(50)]
        with pytest.raises(DataError, match=r"full.*free some space"):
            catalog.save(many, model=MODEL)
        assert [r.photo.file for r in catalog.results()] == ["a.jpg"]


def test_many_threads_at_once(tmp_path: Path) -> None:
    errors: list[BaseException] = []
    with Catalog.open(tmp_path) as catalog:

        def work(number: int) -> None:
            try:
                for i in range(10):
                    one = photo(f"{number}-{i}.jpg", folder=tmp_path)
                    catalog.save([done(one)], model=MODEL)
                    catalog.results()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(catalog.results()) == 60


_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from fakes import MODEL, photo, prediction
from geoview.catalog import Catalog
from geoview.records import PhotoResult
folder, name = Path(sys.argv[1]), sys.argv[2]
with Catalog.open(folder) as catalog:
    for i in range(60):
        one = photo(f"{name}-{i}.jpg", folder=folder)
        catalog.save([PhotoResult(one, prediction(seed=i))], model=MODEL)
"""


def test_two_processes_start_and_write_one_catalogue(tmp_path: Path) -> None:
    tests = str(Path(__file__).resolve().parent.parent)
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), name, tests])
        for name in ("one", "two")
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    with Catalog.open(tmp_path) as catalog:
        assert catalog.notice == ""
        assert len(catalog.results(MODEL.sha256)) == 120


def test_a_database_by_address_keeps_folders_apart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    folders = [tmp_path / "well a", tmp_path / "well b"]
    for number, folder in enumerate(folders):
        folder.mkdir()
        with Catalog.open(folder, url=url) as catalog:
            one = photo("a.jpg", folder=folder)
            catalog.sync([one])
            catalog.save([done(one, seed=number)], model=MODEL)
    for number, folder in enumerate(folders):
        with Catalog.open(folder, url=url) as catalog:
            (result,) = catalog.results(MODEL.sha256)
            assert result.prediction == prediction(seed=number, tiles=0)
        assert not (folder / ".geoview").exists()


@pytest.mark.parametrize(
    "url", ["not an address", "oracle://x/y", "nonsense://x", "sqlite:////nowhere/at/all.db"]
)
def test_an_unusable_address_is_one_clear_error(tmp_path: Path, url: str) -> None:
    with pytest.raises(DataError) as caught:
        Catalog.open(tmp_path, url=url)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif("GEOVIEW_TEST_DATABASE" not in os.environ, reason="no database server given")
def test_several_desks_on_a_database_server(tmp_path: Path) -> None:
    """Set GEOVIEW_TEST_DATABASE to the address of an empty PostgreSQL database."""
    url = os.environ["GEOVIEW_TEST_DATABASE"]
    errors: list[BaseException] = []
    photos = [photo(f"{i}.jpg", folder=tmp_path) for i in range(30)]

    def desk(number: int) -> None:
        try:
            with Catalog.open(tmp_path, url=url) as catalog:
                for i in range(30):
                    pair = (photos[i * (2 * number + 1) % 30], photos[(i + number) % 30])
                    catalog.save([done(one, seed=1) for one in pair], model=MODEL)
        except BaseException as error:
            errors.append(error)

    desks = [threading.Thread(target=desk, args=(number,)) for number in range(4)]
    for thread in desks:
        thread.start()
    for thread in desks:
        thread.join()
    assert errors == []
    with Catalog.open(tmp_path, url=url) as catalog:
        catalog.sync(photos)
        assert catalog.pending(MODEL.sha256) == []
        assert {r.prediction for r in catalog.results()} == {prediction(seed=1, tiles=0)}
        assert catalog.tiles("7.jpg", MODEL.sha256) == prediction(seed=1).tiles
        catalog.sync([replace(photos[0], mtime_ns=99), *photos[1:29]])
        assert [r.status for r in catalog.results()].count("done") == 28


def test_the_schema_is_portable_to_postgresql() -> None:
    dialect = postgresql.dialect()
    made = [str(CreateTable(t).compile(dialect=dialect)) for t in schema.metadata.sorted_tables]
    text = "".join(made)
    for part in ("SERIAL", "BIGINT", "DOUBLE PRECISION", "BOOLEAN", "ON DELETE CASCADE"):
        assert part in text


def test_nothing_else_appears_beside_the_photos(tmp_path: Path) -> None:
    _make(tmp_path, count=3)
    assert [p.name for p in tmp_path.iterdir()] == [".geoview"]
    shutil.rmtree(tmp_path / ".geoview")
    with Catalog.open(tmp_path) as catalog:
        assert catalog.results() == []
