"""``geoview zero-shot``: a list of names and a CLIP or SigLIP become a model file."""

from __future__ import annotations

from pathlib import Path

from geoview.commands import common, console
from geoview.errors import DataError


def zero_shot(
    out: Path,
    *,
    weights: Path | None,
    download: str | None,
    names: str | None,
    names_file: Path | None,
    templates: list[str],
    multi_label: bool,
) -> int:
    """Make the model; nothing is fetched unless ``download`` names what. Raises DataError."""
    if out.suffix != ".safetensors":
        raise DataError(f"{out} is no model file name; give one that ends in .safetensors.")
    common.check_target(out)
    if (weights is None) == (download is None):
        raise DataError("Say where the weights are: --weights FOLDER, or --download NAME.")
    if (names is None) == (names_file is None):
        raise DataError('Say which names: --names "quartz, malachite", or --names-file FILE.')
    from geoview.training import clip_folder
    from geoview.training import zero_shot as making

    wanted = making.read_names(names_file) if names_file else (names or "").split(",")
    folder = weights or clip_folder.download(download or "", say=console.say)
    with console.on_interrupt() as stop, console.Bar("Reading the names", unit="names") as bar:
        making.make(
            folder,
            names=wanted,
            out=out,
            templates=templates or making.TEMPLATES,
            multi_label=multi_label,
            progress=bar.update,
            cancelled=stop,
        )
    console.say(f"Wrote {out}; geoview predict FOLDER --model {out} uses it.")
    return console.DONE
