"""How the window spells numbers and names: one place, so that every panel agrees."""

from __future__ import annotations

from geoview.records import CANNOT_TELL, Photo, Prediction

THIN = "\u202f"  # narrow no-break space: groups thousands and joins a number to its unit
DEPTH_DECIMALS = 1
# In place of a photo, also where the open folder has none.
NO_PHOTO = "The photo chosen on the left appears here."


def count(number: int) -> str:
    """3984 as "3 984"."""
    return f"{number:,}".replace(",", THIN)


def depth(depth_m: float) -> str:
    """1250.5 as "1 250.5 m"."""
    return f"{depth_m:,.{DEPTH_DECIMALS}f}".replace(",", THIN) + f"{THIN}m"


def probability(value: float) -> str:
    """.98, and 1.00 when it rounds to one."""
    return f"{value:.2f}".removeprefix("0")


def percent(value: float) -> str:
    """74.2 as "74 %"; a trace is "<1 %", not 0."""
    text = "<1" if 0 < value < 0.5 else count(round(value))
    return f"{text}{THIN}%"


def sentence(name: str) -> str:
    """A class name as it begins a line: "igneous rock" becomes "Igneous rock"."""
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]


def title(photo: Photo) -> str:
    """What a photo is called in the window: its depth if known, else its file name."""
    if photo.depth_m is not None:
        return depth(photo.depth_m)
    return photo.file.rpartition("/")[2]


def verdict(prediction: Prediction) -> str:
    """The dominant lithology in two words at most, or "cannot tell"."""
    return sentence(prediction.dominant or CANNOT_TELL)
