"""The command for evidence: explain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geoview.cli.app import Device, Folder, Numbers, app


@app.command()
def explain(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="Folder for pictures, masks and evidence.csv.")],
    model: Annotated[
        str | None, typer.Option(help="Model name or .safetensors file; else the usual one.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="How to look: auto, grad-cam, eigen-cam, … (see the help page).")
    ] = "auto",
    compare_methods: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="Draw several methods; A makes the masks.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(metavar="A,B,…", help="These classes; else those found.")
    ] = None,
    all_classes: Annotated[
        bool, typer.Option("--all-classes", help="Every class, found in the photo or not.")
    ] = False,
    road: Annotated[
        bool, typer.Option("--road", help="Measure how faithful each heatmap is (ROAD; slow).")
    ] = False,
    masks: Annotated[
        bool, typer.Option("--masks", help="Write masks where the heatmap is faithful enough.")
    ] = False,
    road_above: Annotated[
        float | None,
        typer.Option(help="ROAD that masks need; else .2, and none for trays of cuttings."),
    ] = None,
    coco: Annotated[Path | None, typer.Option(help="The masks of all photos as COCO JSON.")] = None,
    geojson: Annotated[
        Path | None, typer.Option(help="The masks of all photos as polygons in pixels.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Sheet or folder of labels: masks only where the model is right."),
    ] = None,
    audit: Annotated[
        bool,
        typer.Option("--audit", help="Warn where the evidence lies on a plate, cube or border."),
    ] = False,
    csv: Annotated[
        Path | None, typer.Option(help="The table, one row per photo and class; else in --out.")
    ] = None,
    device: Device = None,
    precision: Numbers = None,
    sheet: Annotated[
        Path | None, typer.Option(help="CSV or Excel sheet with the depth of every photo.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Do also what is done already.")] = False,
) -> int:
    """Show where in the photos the evidence is, and whether it can be trusted.

    Writes a picture per class, one of all classes on one scale, and a table. Photos are analysed
    first where they have not been. A run that was stopped goes on where it was.
    """
    from geoview.commands import explain as command

    wishes = command.Wishes(
        out=out, model=model, methods=command.names(compare_methods or method),
        classes=command.names(classes), all_classes=all_classes, road=road,
        masks=masks or coco is not None or geojson is not None,
        road_above=road_above, coco=coco, geojson=geojson,
        labels=labels, audit=audit, csv=csv, device=device, precision=precision, sheet=sheet,
        again=again,
    )  # fmt: skip
    return command.explain(folder, wishes)
