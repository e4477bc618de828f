"""Commands for labelled photos and trainings: dataset, clean, train, zero-shot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geoview.cli.app import Data, Folder, app


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
    finish: Annotated[
        bool,
        typer.Option("--finish", help="End a stopped training with its best epoch so far."),
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
        recipe, data=data, out=out, resume=resume, finish=finish, download=download,
        device=device, settings=settings or [],
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
        typer.Option(help="Leave out: unreadable, aspect, duplicates, resize, text, crop or none."),
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

    Run again it keeps its limits and what was accepted or undone, and only looks at new photos.
    """
    from geoview.commands import clean as command

    wishes = command.Wishes(
        out, apply, tuple(skip or ()), tuple(undo or ()), tuple(accept or ()), owlvit,
        max_bits, max_aspect,
    )  # fmt: skip
    return command.run(folder, wishes)
