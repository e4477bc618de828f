"""The command for specimens: measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geoview.cli.app import Folder, app

Out = Path | None


@app.command()
def measure(
    folder: Folder,
    csv: Annotated[Out, typer.Option(help="Write the sizes here, one row per photo.")] = None,
    excel: Annotated[Out, typer.Option(help="The same as an Excel workbook.")] = None,
    darwin_core: Annotated[Out, typer.Option(help="Darwin Core MeasurementOrFact (CSV).")] = None,
    specify: Annotated[
        Out, typer.Option(help="Specify 7: file names and numbers here, sizes beside it.")
    ] = None,
    collective_access: Annotated[
        Out, typer.Option(help="CollectiveAccess: one row per record (CSV).")
    ] = None,
    emu: Annotated[Out, typer.Option(help="EMu: crops and their sheet into this folder.")] = None,
    annotated: Annotated[
        Out, typer.Option(help="Pictures with what was measured into this folder.")
    ] = None,
    contact_sheet: Annotated[Out, typer.Option(help="Contact sheet (PDF, A4).")] = None,
    cube_mm: Annotated[
        float | None,
        typer.Option(help="Edge of the reference cube in mm; else as in the settings (25.4)."),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="geoview, or paper for comparison; else as in the settings.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help='What lies beside the specimens: cube, ruler, coin, "scale bar"; '
            "else as in the settings (cube)."
        ),
    ] = None,
    reference_mm: Annotated[
        float | None,
        typer.Option(help="A coin's diameter, a bar's length or a ruler's tick, in mm."),
    ] = None,
    read_plates: Annotated[
        bool | None,
        typer.Option(
            "--read-plates/--no-read-plates",
            help="Read numbers on text plates (extra: text); else as in the settings (no).",
        ),
    ] = None,
    owlvit: Annotated[
        Path | None, typer.Option(help="Folder of an OWL-ViT, for the method that needs one.")
    ] = None,
    catalogue: Annotated[
        Path | None,
        typer.Option(help="Catalogue sheet (CSV, Excel) with number, length and width to compare."),
    ] = None,
    suspicious: Annotated[
        Out, typer.Option(help="Write the suspicious records here, the surest first.")
    ] = None,
    boxes: Annotated[
        Path | None, typer.Option(help="Box list (name, length_mm, width_mm); else the usual one.")
    ] = None,
    box_table: Annotated[
        Out, typer.Option(help="Write how many boxes of each size to buy here (CSV).")
    ] = None,
    box_chart: Annotated[Out, typer.Option(help="The same as a chart (SVG).")] = None,
    clearance_mm: Annotated[
        float | None,
        typer.Option(help="Free space per side of a specimen; else as in the settings (3)."),
    ] = None,
    scale_from: Annotated[
        str | None,
        typer.Option(metavar="PHOTO", help="Use this photo's scale where there is no cube."),
    ] = None,
    mm_per_px: Annotated[
        float | None, typer.Option(help="Use this scale where there is no cube.")
    ] = None,
    pattern: Annotated[
        list[str] | None,
        typer.Option(help='Catalogue number in file names: "{sample} *"; may be repeated.'),
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Measure also what is done already, but not what was corrected by hand."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure and check, but write no export.")
    ] = False,
) -> int:
    """Measure specimens that lie beside a reference cube, in millimetres with ±.

    What was measured or corrected before comes from the catalogue beside the photos, so a run
    that was stopped goes on where it was. Without an output the sizes are printed as a table.
    """
    from geoview.commands import measure as command

    formats = {
        "csv": csv, "xlsx": excel, "darwin-core": darwin_core, "specify": specify,
        "collective-access": collective_access, "emu": emu, "annotated": annotated,
        "contact-sheet": contact_sheet,
    }  # fmt: skip
    wishes = command.Wishes(
        outputs={name: path for name, path in formats.items() if path is not None},
        method=method,
        cube_mm=cube_mm,
        reference=reference,
        reference_mm=reference_mm,
        read_plates=read_plates,
        owlvit=owlvit,
        catalogue=catalogue,
        suspicious=suspicious,
        boxes=boxes,
        box_table=box_table,
        box_chart=box_chart,
        clearance_mm=clearance_mm,
        scale_from=scale_from,
        mm_per_px=mm_per_px,
        patterns=tuple(pattern or ()),
        again=again,
        dry_run=dry_run,
    )
    return command.run(folder, wishes)
