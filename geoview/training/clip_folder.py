"""A CLIP or SigLIP in a folder, in the hub's own format: read from disk, fetched when asked to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError
from torch import Tensor

from geoview.callbacks import ignore
from geoview.errors import DataError
from geoview.models import mend_torchvision
from geoview.models.card import Preprocess
from geoview.models.device import choose


@dataclass(frozen=True, slots=True)
class TextAndVision:
    """A CLIP or SigLIP read from a folder: the model, its tokeniser, how it wants its photos."""

    name: str
    family: Literal["clip", "siglip"]
    model: Any
    tokeniser: Any
    preprocess: Preprocess

    @torch.inference_mode()
    def text_features(self, prompts: Sequence[str]) -> Tensor:
        """Embeddings of prompts, [k, d], of length 1.

        A SigLIP has seen lower case and full padding in training. Neither needs a mask: that one
        reads its padding, and a CLIP reads from left to right up to the end of the text.
        """
        siglip = self.family == "siglip"
        batch = self.tokeniser(
            [prompt.lower() for prompt in prompts] if siglip else list(prompts),
            padding="max_length" if siglip else True,
            truncation=True,
            max_length=self.model.config.text_config.max_position_embeddings,
            return_tensors="pt",
        )
        found = self.model.get_text_features(input_ids=batch["input_ids"].to(self.model.device))
        return F.normalize(getattr(found, "pooler_output", found), dim=-1)


def download(name: str, *, say: Callable[[str], None] = ignore) -> Path:
    """Fetch a model from the hub, only ever at the user's own request; returns its folder.

    Raises DataError when it cannot be had.
    """
    from huggingface_hub import constants, snapshot_download

    wanted = ["*.json", "*.txt", "model*.safetensors"]
    say(f"Fetching {name} ({', '.join(wanted)}) from {constants.ENDPOINT}")
    try:
        return Path(snapshot_download(name, allow_patterns=wanted))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{name} could not be fetched from the model hub ({type(error).__name__}); check its "
            "name and the connection, or give a local folder."
        ) from error


def read_folder(folder: Path) -> TextAndVision:
    """A CLIP or SigLIP in the hub's format from disk: never fetched, no code and no pickle.

    Raises DataError when there is none, or it is of another kind or not whole.
    """
    if not (folder / "config.json").is_file():
        raise DataError(
            f"There is no CLIP or SigLIP in {folder} (no config.json); give the folder of a "
            "downloaded model, or fetch one with --download NAME."
        )
    preprocess = _preprocess(folder)
    mend_torchvision()
    import transformers

    transformers.utils.logging.disable_progress_bar()
    local = {"local_files_only": True, "trust_remote_code": False}
    kinds = {"clip": transformers.CLIPModel, "siglip": transformers.SiglipModel}
    try:
        family = transformers.AutoConfig.from_pretrained(folder, **local).model_type
        if family not in kinds:
            raise DataError(f"{folder} holds a model of kind “{family}”; give a CLIP or a SigLIP.")
        model, report = kinds[family].from_pretrained(
            folder, use_safetensors=True, output_loading_info=True, dtype=torch.float32, **local
        )
        tokeniser = _tokeniser(folder, local)
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise DataError(
            f"The model in {folder} cannot be loaded ({reason.rstrip('.')}); download it again "
            "with its .safetensors weights and tokenizer.json."
        ) from error
    if report["missing_keys"]:
        lacking = min(report["missing_keys"])
        raise DataError(f"The weights in {folder} lack {lacking}; download the model again.")
    device = choose().torch_device
    return TextAndVision(_name(folder), family, model.eval().to(device), tokeniser, preprocess)


def _name(folder: Path) -> str:
    """The folder's name; in the hub's cache, where a folder is a snapshot, the model's."""
    folder = folder.absolute()
    if folder.parent.name == "snapshots":
        return folder.parent.parent.name.removeprefix("models--").replace("--", "/")
    return folder.name


def _tokeniser(folder: Path, local: dict[str, bool]) -> Any:
    """From tokenizer.json where there is one, for which SigLIP needs no further library."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    whole = (folder / "tokenizer.json").is_file()
    return (PreTrainedTokenizerFast if whole else AutoTokenizer).from_pretrained(folder, **local)


_Size = int | Annotated[dict[str, int], Field(min_length=1)]


class _Processor(BaseModel):
    """What matters here of how the hub says that photos are prepared."""

    image_mean: tuple[float, float, float]
    image_std: tuple[float, float, float]
    size: _Size
    crop_size: _Size | None = None
    do_rescale: Literal[True] = True
    do_normalize: Literal[True] = True
    rescale_factor: float = Field(default=1 / 255, ge=0.0039, le=0.004)

    def preprocess(self) -> Preprocess:
        size = self.crop_size or self.size
        side = size if isinstance(size, int) else min(size.values())
        return Preprocess(input_px=side, mean=self.image_mean, std=self.image_std)


class _Processors(BaseModel):
    """The same among other things, as transformers writes it from version 5 on."""

    image_processor: _Processor


def _preprocess(folder: Path) -> Preprocess:
    file, newer = folder / "preprocessor_config.json", folder / "processor_config.json"
    try:
        if newer.is_file() and not file.is_file():
            file = newer
            return _Processors.model_validate_json(file.read_bytes()).image_processor.preprocess()
        return _Processor.model_validate_json(file.read_bytes()).preprocess()
    except OSError as error:
        raise DataError(f"{file} cannot be read; download it with the model.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{file} cannot be used here ({where}: {first['msg']}).") from error
