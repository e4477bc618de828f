"""The command line. Light: torch, Qt and the rest are imported when a command needs them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Optional

import typer

import geoview
from geoview import logs
from geoview.commands import console
from geoview.commands.common import Precision
from geoview.errors import Cancelled, GeoViewError

log = logging.getLogger(__name__)

app = typer.Typer(
    name="geoview",
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)

Device = Annotated[
    Optional[str],  # noqa: UP007
    typer.Option(help="auto, cpu, cuda, cuda:1, mps or xpu.", show_default="of the settings"),
]
