"""What commands print: tables on stdout, everything else on stderr, plain when not a terminal."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from geoview.records import Progress

DONE, SOME_FAILED, NOTHING_DONE, STOPPED = 0, 1, 2, 130
PLAIN_EVERY_S = 10.0


def out() -> Console:
    return Console(highlight=False)


def err() -> Console:
    return Console(stderr=True, highlight=False)


def shown(text: str) -> str:
    """Text of a foreign origin without characters that would command the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def say(message: str, *, style: str = "") -> None:
    """One line for the user, on stderr."""
    err().print(Text(shown(message), style=style), soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str]) -> None:
    """A table on stdout; the columns named in ``right`` hold numbers."""
    cells = [[shown(cell) for cell in row] for row in rows]
    console = out()
    if not console.is_terminal:
        _plain_table(console, columns, cells, right=right)
        return
    drawn = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in columns:
        drawn.add_column(Text(name), justify="right" if name in right else "left")
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)


def _plain_table(
    console: Console, columns: Sequence[str], rows: list[list[str]], *, right: Sequence[str]
) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (list(columns), *rows):
        parts = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, widths, columns, strict=True)
        ]
        line(console, "  ".join(parts).rstrip())


def line(console: Console, text: str) -> None:
    """A line as it stands: no wrapping, no mark-up."""
    console.print(Text(text), soft_wrap=True)


def number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def probability(value: float) -> str:
    """Probability as in the window: .98."""
    return f"{value:.2f}".removeprefix("0")


def duration(seconds: float) -> str:
    """Time left in the words of the jobs bar."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def progress_words(progress: Progress, *, unit: str) -> str:
    """``18 photos/s · 3 min left · 2 failed``."""
    words = []
    if progress.rate_per_s > 0:
        rate = progress.rate_per_s
        words.append(f"{rate:.0f} {unit}/s" if rate >= 10 else f"{rate:.1f} {unit}/s")
    left = progress.seconds_left
    if left is not None and progress.done < progress.total:
        words.append(f"{duration(left)} left")
    if progress.failed:
        words.append(f"{progress.failed} failed")
    return " · ".join(words)


class Bar:
    """A progress bar on a terminal; elsewhere a line now and then."""

    def __init__(self, title: str, *, unit: str = "photos") -> None:
        self._title, self._unit = title, unit
        self._console = err()
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f} / {task.total:.0f}"),
            TextColumn("{task.fields[words]}"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._last = time.monotonic()

    def __enter__(self) -> Bar:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def update(self, progress: Progress) -> None:
        words = progress_words(progress, unit=self._unit)
        if self._console.is_terminal:
            if self._task is None:
                self._task = self._bars.add_task(self._title, total=progress.total, words="")
            self._bars.update(
                self._task, completed=progress.done, total=progress.total, words=words
            )
        elif time.monotonic() - self._last >= PLAIN_EVERY_S:
            self._last = time.monotonic()
            text = f"{self._title} {progress.done} / {progress.total}"
            line(self._console, f"{text} · {words}" if words else text)

    def say(self, message: str) -> None:
        """A notice above the bar."""
        self._bars.console.print(Text(shown(message), style="yellow"), soft_wrap=True)


class Stop:
    """Whether the user asked to stop; called by whoever works."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        return self.asked


@contextmanager
def on_interrupt() -> Iterator[Stop]:
    """Ctrl+C asks for a clean stop; pressed again it stops at once."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Straight to the file: the bar may be in the middle of printing.
        os.write(2, b"\nStopping after the work in hand; press Ctrl+C again to stop at once.\n")

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
