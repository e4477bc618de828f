"""What a model has seen: the photos that it, and the models before it, were trained and tuned on.

Light: no torch.
"""

from __future__ import annotations

from geoview.models.card import ModelCard
from geoview.training.duplicates import NEAR_BITS

# Parts of a card's splits: the photos of its own training, and those of the models that it was
# fine-tuned from, which it has not forgotten.
TRAINED = ("train", "earlier_train")
TUNED = ("val", "earlier_val")


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
