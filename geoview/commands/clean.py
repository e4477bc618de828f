"""``geoview clean``: a list of what to remove, mask, crop and shrink, to review and apply."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from geoview.commands import common, console
from geoview.errors import Cancelled, DataError
from geoview.photos import clean_list, plates
from geoview.photos.clean import Finder, clean
from geoview.photos.clean_apply import apply, copies
from geoview.photos.clean_list import CleanList, Options
from geoview.photos.scan import NO_PERMISSION
from geoview.records import Skipped

DEFAULT_OUT = Path(".geoview") / "cleaning.json"
# After --skip: no step is left out, whatever was before.
_SKIP_NONE = "none"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked of a cleaning; limits and steps not given are as in the list."""

    out: Path | None = None
    target: Path | None = None
    skip: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    owlvit: Path | None = None
    max_bits: int | None = None
    max_aspect: float | None = None


def run(folder: Path, wishes: Wishes) -> int:
    """Decide, review, show and perhaps apply; returns the exit code. Raises DataError."""
    out = wishes.out or folder / DEFAULT_OUT
    common.check_target(out)
    common.check_target(wishes.target, folder=True)
    before = _before(out, usual=folder / DEFAULT_OUT)
    options = _options(wishes, before.options)
    with console.on_interrupt() as stop:
        try:
            cleaned, skipped = _cleaned(folder, before, options, wishes, out, stop)
            failed = _applied(cleaned, folder, wishes.target, stop) if wishes.target else {}
        except Cancelled as error:
            console.say(f"{error} The list so far: {out}")
            return console.STOPPED
    for file, reason in failed.items():
        console.say(f"{file}: {reason}", style="red")
    unreadable = NO_PERMISSION in skipped.counts or any(photo.reason for photo in cleaned.photos)
    return console.SOME_FAILED if failed or unreadable else console.DONE


def _before(out: Path, *, usual: Path) -> CleanList:
    """The list so far; only what lies at the ``usual`` place is GeoView's own to remove."""
    if not out.exists():
        return CleanList()
    own = "remove it and clean the folder again"
    return clean_list.load(
        out, otherwise=own if out == usual else "give another place for the list with --out"
    )


def _cleaned(
    folder: Path,
    before: CleanList,
    options: Options,
    wishes: Wishes,
    out: Path,
    stop: console.Stop,
) -> tuple[CleanList, Skipped]:
    """Reviewing may let photos through to later steps, so the chain runs again after it."""
    text, objects = _finders(options, wishes.owlvit)
    skipped: list[Skipped] = []

    def chain(known: CleanList) -> CleanList:
        with console.Bar("Cleaning") as bar:
            return clean(
                folder, options=options, before=known, find_text=text, find_objects=objects,
                keep=lambda found: clean_list.save(out, found), left_out=skipped.append,
                progress=bar.update, cancelled=stop,
            )  # fmt: skip

    try:
        cleaned = chain(before)
    finally:
        for left_out in skipped:
            common.tell_left_out(left_out)
    if not cleaned.photos:
        raise DataError(f"{folder} holds no photos: choose another folder.")
    if wishes.undo or wishes.accept:
        for accepted, names in ((False, wishes.undo), (True, wishes.accept)):
            for name in names:
                cleaned = _reviewed(cleaned, name, accepted=accepted)
        cleaned = chain(cleaned)
    _show(cleaned, out)
    return cleaned, skipped[-1]


def _reviewed(cleaned: CleanList, name: str, *, accepted: bool) -> CleanList:
    """``name`` is a step, a photo, or photo:step; photos as the table shows them."""
    if name in clean_list.STEPS:
        return cleaned.reviewed(accepted, steps=[name])
    file, colon, step = name.rpartition(":")
    if colon and step in clean_list.STEPS:
        return cleaned.reviewed(accepted, files=[_meant(cleaned, file)], steps=[step])
    return cleaned.reviewed(accepted, files=[_meant(cleaned, name)])


def _meant(cleaned: CleanList, name: str) -> str:
    """The photo that a name stands for; Macs spell letters with accents in another way."""
    from geoview.training.data import fold

    files = {photo.file for photo in cleaned.photos}
    if name in files:
        return name
    for spelled in (console.shown, lambda file: fold(console.shown(file))):
        found = sorted(file for file in files if spelled(file) == spelled(name))
        if len(found) > 1:
            raise DataError(
                f"{name} may mean more than one photo ({', '.join(found)}): write the name as the "
                "table shows it."
            )
        if found:
            return found[0]
    return name


def _options(wishes: Wishes, earlier: Options) -> Options:
    """What is not given anew is as in the ``earlier`` run; says where that is not the usual."""
    skip = set(wishes.skip) - {_SKIP_NONE}
    for name in sorted(skip - set(clean_list.STEPS)):
        raise DataError(f"There is no step {name}; the steps are {', '.join(clean_list.STEPS)}.")
    usual = Options()
    options = dataclasses.replace(
        earlier,
        steps=usual.steps - skip if wishes.skip else earlier.steps,
        max_aspect=earlier.max_aspect if wishes.max_aspect is None else wishes.max_aspect,
        max_bits=earlier.max_bits if wishes.max_bits is None else wishes.max_bits,
    )
    as_before = []
    if not wishes.skip:
        as_before += [f"--skip {step}" for step in clean_list.STEPS if step not in earlier.steps]
    if wishes.max_aspect is None and earlier.max_aspect != usual.max_aspect:
        as_before.append(f"--max-aspect {earlier.max_aspect:g}")
    if wishes.max_bits is None and earlier.max_bits != usual.max_bits:
        as_before.append(f"--max-bits {earlier.max_bits}")
    if as_before:
        console.say(
            f"As the list was made with {' '.join(as_before)}, so is this run: give the options "
            "anew to change them."
        )
    return options


def _finders(options: Options, owlvit: Path | None) -> tuple[Finder | None, Finder | None]:
    """The detectors at hand; says which step is left out and why."""
    text = objects = None
    if "text" in options.steps:
        if reason := plates.why_not():
            console.say(f"Text plates are not looked for: {reason}.", style="yellow")
        else:
            text = Finder(plates.name(), plates.text_finder())
    if "crop" in options.steps:
        if owlvit is None:
            console.say(
                "Photos are not cropped to their objects: give the folder of a downloaded "
                "OWL-ViT with --owlvit.",
                style="yellow",
            )
        else:
            objects = _object_finder(owlvit)
    return text, objects


def _object_finder(folder: Path) -> Finder:
    from geoview.models.owlvit import Detector

    detector = Detector(folder)
    return Finder(detector.name, lambda pixels: [box for box, _, _ in detector.detect(pixels)])


def _show(cleaned: CleanList, out: Path) -> None:
    rows = [
        [d.step, d.file, d.action if d.accepted else f"({d.action})", d.reason]
        for d in cleaned.decisions
    ]
    console.table(("step", "file", "action", "reason"), rows, right=())
    counts = Counter(d.step for d in cleaned.decisions if d.accepted)
    undone = sum(not d.accepted for d in cleaned.decisions)
    words = ", ".join(f"{step} {counts[step]}" for step in clean_list.STEPS if counts[step])
    stay = len(clean_list.kept(cleaned))
    console.say(f"{stay} of {len(cleaned.photos)} photos stay. {words or 'Nothing to clean'}"
                f"{f'; not accepted: {undone}' if undone else ''}.")  # fmt: skip
    console.say(f"The photos are left as they are; the decisions are in {out}")


def _applied(cleaned: CleanList, folder: Path, target: Path, stop: console.Stop) -> dict[str, str]:
    with console.Bar("Writing the cleaned copy") as bar:
        failed = apply(cleaned, source=folder, target=target, progress=bar.update, cancelled=stop)
    console.say(f"Wrote the cleaned copy to {target}")
    return failed | _carry_sheets(cleaned, folder, target, failed)


def _carry_sheets(
    cleaned: CleanList, folder: Path, target: Path, failed: Collection[str]
) -> dict[str, str]:
    """Returns the reasons of the sheets that stay as they were."""
    from geoview.training.clean_sheets import EDITED, carry

    names = {f: n for f, n in copies(cleaned, source=folder).items() if f not in failed}
    cropped = {d.file for d in cleaned.decisions if d.action == "crop" and d.accepted}
    told = carry(folder, target, names=names, cropped=cropped)
    for sheet, done in told.items():
        if done != EDITED:
            console.say(f"{target / sheet}: {done}.")
    return {sheet: done for sheet, done in told.items() if done == EDITED}
