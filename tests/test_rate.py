"""How fast an action goes on: recent, steady, and deaf to a laptop that sleeps."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from geoview.rate import Rate


class Turns:
    """A rate whose clock goes on by the seconds of every turn."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rate = Rate(clock=lambda: self.now)

    def take(self, turns_s: Iterable[float], count: int = 1) -> list[float]:
        found = []
        for seconds in turns_s:
            self.now += seconds
            found.append(self.rate.after(count))
        return found


def test_the_rate_follows_the_last_seconds() -> None:
    turns = Turns()
    assert turns.take([2], count=4) == [pytest.approx(2)]
    assert turns.take([1] * 60, count=10)[-1] == pytest.approx(10, rel=0.1)


def test_slow_turns_are_judged_together_so_that_the_rate_is_steady() -> None:
    turns = Turns()
    found = turns.take([30, 34, 26, 31, 29] * 12)
    assert all(rate == pytest.approx(1 / 30, rel=0.1) for rate in found)
    slower = turns.take([60] * 20)
    assert slower[-1] == pytest.approx(1 / 60)


@pytest.mark.parametrize("turn_s", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("before", [1, 2, 30, 400])
def test_an_hour_asleep_does_not_count(turn_s: float, before: int) -> None:
    turns = Turns()
    turns.take([turn_s] * before)
    found = turns.take([turn_s + 3600, *[turn_s] * 300])
    assert all(rate == pytest.approx(1 / turn_s) for rate in found)


def test_two_sleeps_do_not_count_nor_one_in_the_first_turn() -> None:
    turns = Turns()
    assert turns.take([3600, 5])[-1] == pytest.approx(1 / 5)
    found = turns.take([*[5] * 15, 3600, 5, 5])
    assert found[-1] == pytest.approx(1 / 5)


def test_work_that_has_become_slow_for_good_is_believed() -> None:
    turns = Turns()
    turns.take([1] * 100)
    assert turns.take([500] * 3)[-1] < 0.02
    assert turns.take([500] * 20)[-1] == pytest.approx(0.002)


def test_bursts_are_no_pauses() -> None:
    """A batch of the network comes at once after a long wait."""
    turns = Turns()
    found = turns.take([70, *[0] * 7] * 10)
    assert found[-1] == pytest.approx(8 / 70, rel=0.3)


def test_what_was_no_work_is_left_out_when_told() -> None:
    turns = Turns()
    turns.take([2] * 5)
    turns.now += 50
    turns.rate.begin()
    assert turns.take([2]) == [pytest.approx(0.5)]
