"""Processes that measure: what comes back, what breaks, and that nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fake_measuring import measurement

from geoview.errors import Cancelled, PhotoError
from geoview.measure import crew, tool
from geoview.measure.crew import Crew, ProcessEnded
from geoview.measure.options import MeasureOptions
from geoview.measured import Measurement
from geoview.records import Photo

OPTIONS = MeasureOptions(cube_mm=25)


def measure(photo: Photo, *, options: MeasureOptions) -> Measurement:
    """What the file's name asks for."""
    if photo.file.startswith("bad"):
        raise PhotoError("the file is cut off: copy it again")
    if photo.file.startswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    if photo.file.startswith("odd"):
        raise ZeroDivisionError(photo.file)
    if photo.file.startswith("slow"):
        time.sleep(60)
    return measurement(photo.file, number=f"{options.cube_mm:g} {os.getpid()}")


def photo(file: str) -> Photo:
    return Photo(Path(file), file, 1, 1)


@pytest.fixture(scope="module")
def two() -> Iterator[Crew]:
    made = Crew(measure, workers=2)
    yield made
    made.close()


def test_measurements_and_errors_come_back_from_other_processes(two: Crew) -> None:
    found = two(photo("a.jpg"), options=OPTIONS)
    cube, process = found.catalogue_no.split()
    assert (found.file, cube) == ("a.jpg", "25")
    assert int(process) != os.getpid()
    with pytest.raises(PhotoError, match="cut off"):
        two(photo("bad.jpg"), options=OPTIONS)
    with pytest.raises(ZeroDivisionError, match="odd") as raised:
        two(photo("odd.jpg"), options=OPTIONS)
    assert "in measure" in raised.value.__notes__[0]  # where it was raised, for the log


def test_a_photo_that_ends_its_process_costs_that_photo_alone(two: Crew) -> None:
    files = ["a.jpg", "deadly.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(two, photo(file), options=OPTIONS) for file in files]
    failed = [file for file, one in zip(files, running, strict=True) if one.exception()]
    assert failed == ["deadly.jpg"]
    assert isinstance(running[1].exception(), ProcessEnded)
    assert two(photo("later.jpg"), options=OPTIONS).file == "later.jpg"


class Unstartable:
    """A function with which no process gets as far as its first photo."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (3,)

    def __call__(self, photo: Photo, *, options: MeasureOptions) -> Measurement:
        return measure(photo, options=options)


def test_where_no_process_starts_the_program_itself_measures() -> None:
    made = Crew(Unstartable(), workers=2)
    found = [made(photo(file), options=OPTIONS) for file in ("a.jpg", "b.jpg", "c.jpg")]
    made.close()
    assert [one.file for one in found] == ["a.jpg", "b.jpg", "c.jpg"]
    assert {one.catalogue_no for one in found} == {f"25 {os.getpid()}"}


def test_closing_does_not_wait_for_what_is_in_hand() -> None:
    made = Crew(measure, workers=1)
    made(photo("a.jpg"), options=OPTIONS)
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(made, photo("slow.jpg"), options=OPTIONS) for _ in range(2)]
        time.sleep(0.3)
        began = time.monotonic()
        made.close()
        stopped = [one.exception() for one in running]
    assert time.monotonic() - began < 20
    assert all(isinstance(error, Cancelled) for error in stopped)


@pytest.mark.parametrize(
    ("function", "count", "options", "several"),
    [
        (tool.measure, crew.MANY, OPTIONS, True),
        (tool.measure, crew.MANY - 1, OPTIONS, False),
        (measure, crew.MANY, OPTIONS, False),
        (tool.measure, crew.MANY, MeasureOptions(owlvit=Path("weights")), False),
    ],
)
def test_only_long_runs_of_the_size_tool_start_processes(
    function: crew.MeasureOne, count: int, options: MeasureOptions, several: bool
) -> None:
    with crew.for_photos(function, options, count=count, workers=2) as chosen:
        assert isinstance(chosen, Crew) is several
        assert several or chosen is function


@pytest.mark.skipif(sys.platform == "win32", reason="looks for processes as Linux and macOS do")
def test_a_program_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import time\n"
        "from test_crew import OPTIONS, measure, photo\n"
        "from geoview.measure.crew import Crew\n"
        "if __name__ == '__main__':\n"
        "    print(Crew(measure, workers=1)(photo('a.jpg'), options=OPTIONS).catalogue_no,"
        " flush=True)\n"
        "    time.sleep(60)\n"
    )
    places = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    program = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": places},
    )
    assert program.stdout is not None
    process = int(program.stdout.readline().split()[1])
    program.kill()
    program.wait()
    for _ in range(100):
        if not alive(process):
            return
        time.sleep(0.1)
    pytest.fail(f"process {process} goes on")


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().split()[2] != "Z"
