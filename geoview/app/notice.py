"""What the window tells the user, shown as a banner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should read: what happened, to what, and what to do about it.

    ``action`` is (label, call) of the button that does it.
    """

    level: str
    text: str
    action: tuple[str, Callable[[], object]] | None = None
