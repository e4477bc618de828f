"""Label embeddings from a text model on this machine (P0 uses BERT)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from geoview.errors import DataError
from geoview.models import mend_torchvision


def embed_labels(names: Sequence[str], model_folder: str) -> Tensor:
    """Mean-pooled last hidden states of every name, [n, d]; only ever read from disk.

    They are computed once and stored with the weights, so that prediction needs no text model.
    Raises DataError when the folder holds no usable model: learned embeddings are another
    choice, never a silent replacement.
    """
    if not Path(model_folder).is_dir():
        raise DataError(
            f"The text model folder “{model_folder}” is not there; put a downloaded model there "
            'or set label_embedding = "learned" in the recipe.'
        )
    mend_torchvision()
    try:
        from transformers import AutoModel, AutoTokenizer

        options = {"local_files_only": True, "trust_remote_code": False}
        tokeniser = AutoTokenizer.from_pretrained(model_folder, **options)
        model = AutoModel.from_pretrained(model_folder, use_safetensors=True, **options).eval()
        with torch.inference_mode():
            batch = tokeniser(list(names), padding=True, return_tensors="pt")
            hidden = model(**batch).last_hidden_state
    except Exception as error:  # whatever a file that is damaged, or of another model, leads to
        raise DataError(
            f"The text model in {model_folder} cannot be loaded ({error}); give another one or "
            'set label_embedding = "learned" in the recipe.'
        ) from error
    mask = batch["attention_mask"][..., None].float()
    embeddings: Tensor = (hidden * mask).sum(1) / mask.sum(1)
    return embeddings.float().clone()


def name_of(folder: str) -> str:
    """A text model's name: its folder's, in the hub's cache the one above all snapshots."""
    path = Path(folder)
    if path.parent.name != "snapshots":
        return path.name
    return path.parent.parent.name.removeprefix("models--").replace("--", "/")
