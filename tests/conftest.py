"""Every test runs with a home of its own and without a network."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from fake_measuring import FakeMeasure

# Before anything is imported: the libraries look only then, and fixtures of modules come first.
os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def _isolated_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOVIEW_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail any attempt to leave the machine (X11 and other local sockets stay open)."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            refuse(address)
        connect(self, address)  # type: ignore[arg-type]

    def refuse(*args: object, **kwargs: object) -> NoReturn:
        raise AssertionError(f"GeoView tried to reach the network: {args}")

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def one_core() -> Iterator[None]:
    """Small networks need no second core, and a batch then reaches them in one piece."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The sample cuttings well that ships with the program."""
    return Path(__file__).resolve().parent.parent / "resources" / "samples" / "cuttings"


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> FakeMeasure:
    """The size tool's place taken by a fake, which remembers what it was asked."""
    from fake_measuring import FakeMeasure

    from geoview.measure import crew, tool

    fake = FakeMeasure()
    monkeypatch.setattr(tool, "measure", fake)
    monkeypatch.setattr(crew, "MANY", sys.maxsize)  # other processes know nothing of it
    return fake
