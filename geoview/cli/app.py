"""The command line's application and the options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import geoview
from geoview.commands import console
from geoview.commands.common import Precision

app = typer.Typer(
    name="geoview",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
    epilog="Exit codes: 0 all done, 1 some photos failed and are listed, 2 wrong usage or "
    "nothing done, 130 stopped with Ctrl+C.",
)

Device = Annotated[
    str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps or xpu; else as in the settings.")
]
Numbers = Annotated[Precision | None, typer.Option(help="Number format; else as in the settings.")]
Data = Annotated[
    list[Path],
    typer.Option(help="Folder, CSV or Excel sheet of labelled photos; may be given several times."),
]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of photos.")]


def _version(wanted: bool) -> None:
    if wanted:
        console.line(console.out(), f"GeoView {geoview.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def window_or_command(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; log details.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> int:
    """Lithologies, layers and heatmaps from photos of drill cuttings, offline.

    Without a command the window opens.
    """
    from geoview.commands import window

    if context.invoked_subcommand is not None:
        return console.DONE
    if window.has_display():
        return window.open_window(None)
    console.out().print(context.get_help())
    return console.DONE
