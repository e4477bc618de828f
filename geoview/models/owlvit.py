"""Objects named in words: OWL-ViT (Minderer et al. 2022) and OWLv2, as P2 section 3 uses them.

The model is a folder as the hub gives it, at the user's hand: nothing is fetched, no code of the
folder is run, and only safetensors are read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geoview.errors import ModelError
from geoview.models import mend_torchvision
from geoview.records import BoxXYXY

# P2, section 3; any of them counts.
PHRASES = ("a stone", "a rock", "a mineral", "a gem", "a crystal", "a mineral ore")
THRESHOLD, MAX_OVERLAP = 0.1, 0.5
_KINDS = {"owlvit": ("OwlViTForObjectDetection", "OwlViTProcessor"),
          "owlv2": ("Owlv2ForObjectDetection", "Owlv2Processor")}  # fmt: skip

Found = tuple[BoxXYXY, float, str]


class Detector:
    """An OWL-ViT or OWLv2 from a local folder. Raises ModelError when it is none."""

    def __init__(self, folder: Path) -> None:
        model, processor = _classes(folder)
        try:
            self._processor: Any = processor.from_pretrained(folder, **_LOCAL)
            self._model: Any = model.from_pretrained(folder, use_safetensors=True, **_LOCAL)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise ModelError(
                f"The object detector in {folder} cannot be loaded "
                f"({str(error).splitlines()[0] if str(error) else type(error).__name__}): "
                "download the whole model again, with model.safetensors."
            ) from error
        self._model.eval()
        self.name = f"{self._model.config.model_type} {folder.resolve().name}"

    def detect(
        self,
        pixels: NDArray[np.uint8],
        *,
        phrases: Sequence[str] = PHRASES,
        threshold: float = THRESHOLD,
    ) -> list[Found]:
        """Everything that looks like one of ``phrases``, the surest first: (box, score, phrase).

        ``pixels``: uint8 (h, w, 3); boxes xyxy in these pixels, inside the picture. Boxes that
        overlap a surer one (IoU above 0.5) are left out, whatever the phrase.
        """
        height, width = pixels.shape[:2]
        inputs = self._processor(text=[list(phrases)], images=pixels, return_tensors="pt")
        with torch.inference_mode():
            output = self._model(**inputs)
        logits, which = output.logits[0].float().max(dim=-1)
        scores = logits.sigmoid()
        centres = output.pred_boxes[0].float().numpy()
        boxes = _corners(centres, width=width, height=height, square=self._pads_to_square)
        likely = np.flatnonzero(scores.numpy() >= threshold)
        chosen = likely[nms(boxes[likely], scores.numpy()[likely])]
        return [(_box(boxes[i]), float(scores[i]), phrases[int(which[i])]) for i in chosen.tolist()]

    @property
    def _pads_to_square(self) -> bool:
        """OWLv2 pads the picture at the right and below; OWL-ViT squashes it."""
        return bool(self._model.config.model_type == "owlv2")


_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def nms(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], *, max_overlap: float = MAX_OVERLAP
) -> NDArray[np.int64]:
    """Non-maximum suppression (Neubeck and Van Gool 2006): the positions that stay, surest first.

    ``boxes``: (n, 4) xyxy; one that overlaps a surer one by more than ``max_overlap`` (area of
    the intersection over that of the union) goes.
    """
    left = np.argsort(-scores, kind="stable")
    chosen = []
    while len(left):
        best, left = left[0], left[1:]
        chosen.append(best)
        left = left[_overlap(boxes[best], boxes[left]) <= max_overlap]
    return np.array(chosen, np.int64)


def _overlap(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one box with each of (n, 4)."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.clip(sides, 0, None).prod(axis=1)
    total = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - shared
    return np.asarray(shared / np.maximum(total, np.finfo(np.float32).tiny))


def _corners(
    centres: NDArray[np.float32], *, width: int, height: int, square: bool
) -> NDArray[np.float32]:
    """Shares (centre x, centre y, width, height) → pixels xyxy inside the picture."""
    middle, half = centres[:, :2], centres[:, 2:] / 2
    size = np.array([width, height], np.float32)
    scale = np.full(2, size.max()) if square else size
    low, high = ((middle - half) * scale, (middle + half) * scale)
    return np.concatenate([np.clip(low, 0, size), np.clip(high, 0, size)], axis=1)


def _box(corners: NDArray[np.float32]) -> BoxXYXY:
    x0, y0, x1, y1 = (float(value) for value in corners)
    return x0, y0, x1, y1


def _classes(folder: Path) -> tuple[Any, Any]:
    """transformers' classes for the folder, chosen by name, never by the folder's own code."""
    mend_torchvision()
    import transformers

    transformers.utils.logging.disable_progress_bar()
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
        model, processor = _KINDS[kind]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder} holds no OWL-ViT: give the folder of a downloaded model, such as "
            "google/owlvit-base-patch32, with its config.json."
        ) from error
    return getattr(transformers, model), getattr(transformers, processor)
