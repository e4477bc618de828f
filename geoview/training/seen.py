"""What a model has seen: the photos that it, and the models before it, were trained and tuned on.

Light: no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from geoview.models.card import ModelCard
from geoview.records import Progress
from geoview.training.data import photo_key
from geoview.training.duplicates import NEAR_BITS, hashes_of, near_to

# Parts of a card's splits: the photos of its own training, and those of the models that it was
# fine-tuned from, which it has not forgotten.
TRAINED = ("train", "earlier_train")
TUNED = ("val", "earlier_val")


def seen_by(
    parent: ModelCard,
    photos: Iterable[Path],
    *,
    bits: int,
    progress: Callable[[Progress], None] = lambda _: None,
) -> dict[Path, str]:
    """The photos that a model has seen: "train", or "val" where it was at most tuned on them.

    They are recognised by content, whatever their names. What differs in at most ``bits`` bits
    of the perceptual hash from a photo it has seen counts as trained on, unless that one is here
    too and was only tuned on.
    """
    trained, tuned = contents(parent, *TRAINED), contents(parent, *TUNED)
    digests = {path: content(photo_key(path)) for path in photos}
    found = {
        path: "train" if digest in trained else "val"
        for path, digest in digests.items()
        if digest in trained or digest in tuned
    }
    known = set(hashes(parent))
    if known:
        looks = hashes_of(list(digests), progress=progress)
        tuned_looks = {looks[p] for p, part in found.items() if part == "val" and p in looks}
        others = {path: value for path, value in looks.items() if path not in found}
        found |= dict.fromkeys(near_to(others, list(known & tuned_looks), max_bits=bits), "val")
        found |= dict.fromkeys(near_to(others, list(known - tuned_looks), max_bits=bits), "train")
    return found


def inherited(parent: ModelCard | None) -> dict[str, list[str]]:
    """The parts of a card's splits that come from the model it starts from."""
    if parent is None:
        return {}
    parts = {"earlier_train": TRAINED, "earlier_val": TUNED}
    found = {
        name: sorted({key for part in theirs for key in parent.splits.get(part, ())})
        for name, theirs in parts.items()
    }
    return {name: keys for name, keys in found.items() if keys}


def contents(card: ModelCard, *parts: str) -> set[str]:
    """What the photos in these parts of a card's splits hold."""
    return {content(key) for part in parts for key in card.splits.get(part, ())}


def content(key: str) -> str:
    """What a photo's key says of its content: a copy under another name is the same photo."""
    return key.rpartition("#")[2]


def hashes(card: ModelCard) -> list[int]:
    """The pHashes of what the model has seen; none where nobody looked for near-duplicates."""
    return [int(value, 16) for value in card.seen_hashes]


def near_bits(card: ModelCard) -> int:
    """How many bits apart a photo may be from one the model has seen to count as seen.

    A model may know the hashes from one before it, and not look for near-duplicates itself.
    """
    bits = int(card.recipe.get("split", {}).get("near_duplicates", -1))
    return bits if bits >= 0 else NEAR_BITS
