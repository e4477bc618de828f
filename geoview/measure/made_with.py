"""The settings that an automatic measurement was made with, as text kept beside it."""

from __future__ import annotations

import json
from dataclasses import asdict

from geoview.measure.options import MeasureOptions

# Where the weights lie is no setting of a measurement; the others change catalogue numbers only.
_ELSEWHERE = frozenset(("owlvit",))
_FOR_NUMBERS = frozenset(("read_codes", "read_plates"))


def as_text(options: MeasureOptions) -> str:
    """The settings that a measurement depends on, as text that stays the same."""
    values = {k: v for k, v in asdict(options).items() if k not in _ELSEWHERE}
    scale = options.scale
    values["scale"] = None if scale is None else [scale.mm_per_px, scale.inherited_from]
    return json.dumps(values, sort_keys=True)


def holds(made_with: str, options: MeasureOptions) -> bool:
    """Whether a measurement with these settings would come out the same by ``options``.

    A setting that a later version of the program added counts as its default, and what was made
    with none, a person's correction, holds by any.
    """
    if not made_with:
        return True
    own = json.loads(as_text(options))
    theirs = json.loads(as_text(MeasureOptions())) | json.loads(made_with)
    same_scale = own["scale"] is None or own["scale"] == theirs["scale"]
    rest = own.keys() - _FOR_NUMBERS - {"scale"}
    return same_scale and all(theirs[key] == own[key] for key in rest)
