"""What a moved shape makes of a measurement: computed in the background, the newest only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Signal

from geoview.app.background import Background
from geoview.errors import GeoViewError
from geoview.measured import Measurement

log = logging.getLogger(__name__)

Changes = dict[str, Any]
Correct = Callable[..., Measurement]


class Drafter(QObject):
    """``drafted(Measurement)`` also for what has been overtaken, so that numbers move with the
    hand; ``refused(str)`` when the newest wish cannot be measured."""

    drafted = Signal(object)
    refused = Signal(str)

    def __init__(self, background: Background, correct: Correct, parent: QObject) -> None:
        super().__init__(parent)
        self._background = background
        self._correct = correct
        self._wanted: tuple[Measurement, Changes] | None = None
        self._running: tuple[Measurement, Changes] | None = None
        self.answered = False

    @property
    def busy(self) -> bool:
        return self._wanted is not None and not self.answered

    @property
    def wanted(self) -> tuple[Measurement, Changes] | None:
        """The measurement and what is to be changed of it, as asked last."""
        return self._wanted

    def ask(self, measurement: Measurement, changes: Changes) -> None:
        self._wanted, self.answered = (measurement, changes), False
        if self._running is None:
            self._start()

    def forget(self) -> None:
        """Nobody waits for an answer any more."""
        self._wanted, self.answered = None, False

    def _start(self) -> None:
        self._running = self._wanted
        if self._running is None:
            return
        measurement, changes = self._running
        self._background.run(
            partial(self._correct, measurement, **changes),
            done=self._done,
            failed=self._failed,
            owner=self,
            priority=4,
        )

    def _done(self, draft: Measurement) -> None:
        asked, self._running = self._running, None
        if self._wanted is None or asked is None:
            return
        self.answered = self._wanted is asked
        if self._wanted[0] is asked[0]:
            self.drafted.emit(draft)
        self._go_on(asked)

    def _failed(self, error: Exception) -> None:
        asked, self._running = self._running, None
        if not isinstance(error, GeoViewError):
            log.error("A correction could not be computed", exc_info=error)
        if self._wanted is None or asked is None:
            return
        if self._wanted is asked:
            self.answered = True
            self.refused.emit(str(error))
        self._go_on(asked)

    def _go_on(self, asked: tuple[Measurement, Changes]) -> None:
        if self._wanted is not None and self._wanted is not asked and self._running is None:
            self._start()
