"""The command line. Light: torch, Qt and the rest are imported when a command needs them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

import geoview
from geoview import logs
from geoview.commands import console
from geoview.commands.common import Precision
from geoview.errors import Cancelled, GeoViewError

log = logging.getLogger(__name__)

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


@app.command()
def predict(
    folder: Folder,
    model: Annotated[
        str | None, typer.Option(help="Model name or .safetensors file; else the usual one.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the results per photo here.")] = None,
    tiles: Annotated[Path | None, typer.Option(help="Write the results per tile here.")] = None,
    heatmaps: Annotated[
        Path | None, typer.Option(help="Write a heatmap per lithology found into this folder.")
    ] = None,
    device: Device = None,
    precision: Numbers = None,
    sheet: Annotated[
        Path | None, typer.Option(help="CSV sheet with the depth of every photo.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Analyse also what is done already.")
    ] = False,
) -> int:
    """Analyse a folder of photos.

    What this model has analysed before comes from the catalogue beside the photos, so a run that
    was stopped goes on where it was. Without --csv the results are printed as a table.
    """
    from geoview.commands import predict as command

    wishes = command.Wishes(
        model=model,
        csv=csv,
        tiles=tiles,
        heatmaps=heatmaps,
        device=device,
        precision=precision,
        sheet=sheet,
        again=again,
    )
    return command.predict(folder, wishes)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model name or .safetensors file.")],
    data: Data,
    split: Annotated[
        str | None,
        typer.Option(help="train, val, test or all; else the photos the model has not seen."),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures here as JSON.")] = None,
    curves: Annotated[
        Path | None,
        typer.Option(help="Write precision-recall curves here (.csv, .json or .svg)."),
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Leave out photos of classes the model does not know.")
    ] = False,
    restrict: Annotated[
        bool,
        typer.Option("--restrict", help="Limit the answers to classes that are in the data."),
    ] = False,
    device: Device = None,
) -> int:
    """Measure a model on labelled photos, with 95 % intervals.

    Classes are matched by name, synonym and variety, so that a model can be measured on data of
    others. Without --restrict an answer that is not in the data is wrong.
    """
    from geoview.commands import evaluate as command

    wishes = command.Wishes(
        split=split, json=json, curves=curves, shared=shared, restrict=restrict, device=device
    )
    return command.evaluate(model, data=data, wishes=wishes)


@app.command()
def dataset(
    data: Annotated[
        list[Path],
        typer.Argument(metavar="DATA...", help="Folders, CSV or Excel sheets of labelled photos."),
    ],
    recipe: Annotated[
        str | None, typer.Option(help="Split as this recipe does: a TOML file or a shipped one.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the report here as JSON.")] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Only the labels: do not open the photos.")
    ] = False,
) -> int:
    """Report on labelled photos before any training: counts, imbalance, duplicates, leaks."""
    from geoview.commands import dataset as command

    return command.dataset(data, recipe=recipe, json_file=json, fast=fast)


@app.command()
def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="Recipe file (TOML) or name of a shipped one.")
    ],
    data: Data,
    out: Annotated[Path, typer.Option(help="The model file to make (.safetensors).")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a training that was stopped.")
    ] = False,
    download: Annotated[
        bool,
        typer.Option("--download", help="Fetch the recipe's weights from the hub if need be."),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change the recipe for this run: train.epochs=5, split.fold=1."),
    ] = None,
) -> int:
    """Train a model on labelled photos, in a process of its own.

    Several GPUs: devices in the recipe, or torchrun -m geoview.training.worker on a job folder.
    """
    from geoview.commands import train as command

    return command.train(
        recipe, data=data, out=out, resume=resume, download=download, device=device,
        settings=settings or [],
    )  # fmt: skip


@app.command("zero-shot")
def zero_shot(
    out: Annotated[Path, typer.Option(help="The model file to make (.safetensors).")],
    weights: Annotated[
        Path | None, typer.Option(help="Folder of a CLIP or SigLIP, as downloaded from the hub.")
    ] = None,
    download: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Fetch one: openai/clip-vit-base-patch32, …"),
    ] = None,
    names: Annotated[str | None, typer.Option(help='"quartz, malachite, …"')] = None,
    names_file: Annotated[Path | None, typer.Option(help="Text file, one name a line.")] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(help='"a photo of {}"; may be given several times, else the usual ones.'),
    ] = None,
    multi_label: Annotated[
        bool, typer.Option("--multi-label", help="Judge each name by itself (SigLIP only).")
    ] = False,
) -> int:
    """Make a model from a list of names alone, without labelled photos."""
    from geoview.commands import zero_shot as command

    return command.zero_shot(
        out, weights=weights, download=download, names=names, names_file=names_file,
        templates=template or [], multi_label=multi_label,
    )  # fmt: skip


@app.command()
def clean(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(help="The list of decisions (JSON); else in FOLDER/.geoview.")
    ] = None,
    apply: Annotated[
        Path | None, typer.Option(metavar="TARGET", help="Write a cleaned copy into this folder.")
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(help="Leave out: unreadable, aspect, duplicates, resize, text or crop."),
    ] = None,
    undo: Annotated[
        list[str] | None, typer.Option(help="Take back decisions on a photo, a step or photo:step.")
    ] = None,
    accept: Annotated[list[str] | None, typer.Option(help="The opposite of --undo.")] = None,
    owlvit: Annotated[
        Path | None, typer.Option(help="Folder of an OWL-ViT, as downloaded from the hub.")
    ] = None,
    max_bits: Annotated[
        int | None, typer.Option(help="Near-duplicates differ in at most so many of 64 bits.")
    ] = None,
    max_aspect: Annotated[
        float | None, typer.Option(help="Remove photos with a longer to shorter side above this.")
    ] = None,
) -> int:
    """List what to clean in a folder of photos, with reasons; nothing in it is changed.

    Run again it keeps what was accepted or undone, and only looks at new photos.
    """
    from geoview.commands import clean as command

    wishes = command.Wishes(
        out, apply, tuple(skip or ()), tuple(undo or ()), tuple(accept or ()), owlvit,
        max_bits, max_aspect,
    )  # fmt: skip
    return command.run(folder, wishes)


@app.command()
def models(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show the card of this model.")
    ] = None,
) -> int:
    """List the models at hand, or show the card of one."""
    from geoview.commands import models as command

    return command.list_models() if name is None else command.show_model(name)


@app.command()
def doctor(
    model: Annotated[str | None, typer.Option(help="Model name or .safetensors file.")] = None,
    device: Device = None,
    precision: Numbers = None,
) -> int:
    """Check the installation: folders, libraries, devices, and one real inference."""
    from geoview.commands import doctor as command

    return command.doctor(model=model, device=device, precision=precision)


@app.command("open")
def open_folder(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Folder of photos.")
    ] = None,
) -> int:
    """Open the window, on a folder if one is given."""
    from geoview.commands import window

    return window.open_window(folder)


@app.command()
def run(
    report: Annotated[
        Path, typer.Option(help="Where the report goes when there is no display.")
    ] = Path("report"),
) -> int:
    """Open the sample project; without a display, analyse it and write a report."""
    from geoview.commands import window

    return window.run_samples(report)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug, given = _take_debug(given)
    for stream in (sys.stdout, sys.stderr):
        # A file name that the terminal's encoding lacks must not end the run.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logs.start(debug=debug)
    log.info("geoview %s", " ".join(given))
    command = typer.main.get_command(app)
    try:
        return int(command.main(given, prog_name="geoview", standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        console.say("Stopped.")
        return console.STOPPED
    except Exception as error:
        return _tell(error, debug=debug)
    finally:
        logs.stop()


def _take_debug(arguments: list[str]) -> tuple[bool, list[str]]:
    """``--debug`` may stand anywhere before ``--``."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    rest = [text for text in arguments[:end] if text != "--debug"] + arguments[end:]
    return len(rest) < len(arguments), rest


def _tell(error: Exception, *, debug: bool) -> int:
    """One clean line for the user; everything in the log, and on stderr with ``--debug``."""
    usage = getattr(error, "format_message", None)
    if usage is not None:
        words = str(usage()).rstrip(".")
        console.say(f"{words}. Try geoview --help, or --help after the command.", style="red")
        return console.NOTHING_DONE
    log.error("Ended by an error", exc_info=error)
    if debug:
        console.err().print_exception()
    if isinstance(error, Cancelled):
        console.say(str(error))
        return console.STOPPED
    if isinstance(error, GeoViewError):
        console.say(str(error), style="red")
    else:
        first = (str(error).splitlines() or [""])[0]
        words = f"Something went wrong ({type(error).__name__}: {first})."
        console.say(f"{words} The log has the details: {logs.log_file()}", style="red")
    return console.NOTHING_DONE
