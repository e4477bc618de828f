"""What long actions call when nobody listens."""

from __future__ import annotations


def never() -> bool:
    """Nobody cancels."""
    return False


def ignore(_message: str) -> None:
    """Take no notice of a message."""
