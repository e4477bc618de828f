"""Options of an architecture as a card gives them: validated, never guessed."""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from geoview.errors import ModelError
from geoview.models.card import ModelCard


class Options(BaseModel):
    """What every architecture can be told.

    ``photo_probability``: how a photo's tiles give its probabilities (``combine.combine``).
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    photo_probability: Literal["max", "mean", "noisy-or"] = "max"


Kind = TypeVar("Kind", bound=Options)


def options_of(card: ModelCard, *, kind: type[Kind]) -> Kind:
    """The card's options as ``kind``; raises ModelError that names the first wrong one."""
    try:
        return kind.model_validate(card.options)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(
            f"The model “{card.name}” has a wrong option “{where}”: {first['msg']}."
        ) from error
