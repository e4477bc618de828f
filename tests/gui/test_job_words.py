"""The words of the jobs bar."""

from __future__ import annotations

import pytest

from geoview.app import job_words
from geoview.records import Progress, Skipped


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (40, "40 s"),
        (59.6, "60 s"),
        (180, "3 min"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations_are_rounded_as_people_say_them(seconds: float, text: str) -> None:
    assert plain(job_words.duration(seconds)) == text


def test_a_running_job_tells_how_far_how_fast_and_how_long() -> None:
    text = plain(job_words.running(Progress(412, 3984, 18.2)))
    assert text == "Analysing 412 of 3 984 · 18 photos/s · 3 min left"


def test_a_slow_rate_is_told_per_minute() -> None:
    assert job_words.rate(0.4) == "24 photos/min"


def test_before_the_rate_is_known_nothing_is_guessed() -> None:
    assert plain(job_words.running(Progress(0, 25))) == "Analysing 0 of 25"


def test_a_paused_job_says_so() -> None:
    assert plain(job_words.running(Progress(3, 25, 2.0), paused=True)) == "Paused at 3 of 25"


@pytest.mark.parametrize(
    ("tally", "text"),
    [
        ({"done": 412, "failed": 3, "new": 3569}, "412 of 3 984 analysed, 3 could not be read"),
        ({"done": 8, "failed": 0, "new": 0}, "8 of 8 analysed"),
    ],
)
def test_a_finished_job_leaves_one_line(tally: dict[str, int], text: str) -> None:
    assert plain(job_words.summary(tally)) == text


def test_files_left_out_are_counted() -> None:
    assert job_words.left_out(Skipped()) == ""
    assert job_words.left_out(Skipped({"text": 1})) == "1 other file left out"
    assert job_words.left_out(Skipped({"text": 1, "video": 2})) == "3 other files left out"
