"""Commands for photos and models: predict, evaluate, models, doctor, open, run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geoview.cli.app import Data, Device, Folder, Numbers, app


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
        Path | None, typer.Option(help="CSV or Excel sheet with the depth of every photo.")
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
