"""A model is one ``.safetensors`` file: weights, and a JSON card in the metadata.

The file's digest covers the card, the tensor table and every weight; it is checked before
anything is built. Nothing in the file is ever executed, and pickle is never read.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from geoview import files
from geoview.errors import ModelError
from geoview.models.card import ModelCard
from geoview.records import ModelRef

if TYPE_CHECKING:
    from torch import Tensor, nn

CARD_KEY = "geoview_card"
DIGEST_KEY = "geoview_digest"
MAX_HEADER_BYTES = 32 * 2**20
_CHUNK = 2**22


class NoCardError(ModelError):
    """A safetensors file of weights that are no GeoView model."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model ready to run: fp32, on the CPU, in evaluation mode."""

    card: ModelCard
    ref: ModelRef
    module: nn.Module
    path: Path


@dataclass(frozen=True, slots=True)
class _Header:
    card_json: str
    digest: str
    tensors: dict[str, Any]
    data_start: int


def read_card(path: Path) -> tuple[ModelCard, ModelRef]:
    """The card and hash of a model file, every byte checked, without importing torch.

    Raises ModelError when the file is not a GeoView model, is damaged or was altered.
    """
    try:
        with path.open("rb") as stream:
            header = _read_header(path, stream.read(8), stream)
            stream.seek(0)
            whole, inner = hashlib.sha256(), _digest_of(header)
            position = 0
            while chunk := stream.read(_CHUNK):
                whole.update(chunk)
                inner.update(chunk[max(0, header.data_start - position) :])
                position += len(chunk)
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from error
    if inner.hexdigest() != header.digest:
        raise ModelError(
            f"The model file {path.name} is damaged or was altered (its digest does not agree); "
            "get it again from its source."
        )
    card = _parse_card(path, header.card_json)
    return card, ModelRef(name=card.name, sha256=whole.hexdigest())


def card_of_weights(path: Path) -> ModelCard | None:
    """The card of weights to start a training from; None for those of timm and others.

    Raises ModelError for a pickle, a damaged model and what is no safetensors file at all.
    """
    try:
        return read_card(path)[0]
    except NoCardError:
        return None


def load(path: Path) -> LoadedModel:
    """Load a model file; ModelError when it is refused."""
    from safetensors.torch import load_file

    card, ref = read_card(path)
    try:
        tensors = load_file(path)
    except Exception as error:
        raise ModelError(f"The weights in {path.name} cannot be read: {error}.") from error
    return LoadedModel(card=card, ref=ref, module=_fill(path, card, tensors), path=path)


def save(path: Path, *, module: nn.Module, card: ModelCard, half: bool = True) -> ModelRef:
    """Write a model file in one step; floating weights as fp16 when ``half``."""
    import torch
    from safetensors.torch import save as serialise

    def packed(value: Tensor) -> Tensor:
        value = value.detach().cpu().contiguous()
        keep = not half or not value.is_floating_point() or _overflows(value)
        return value if keep else value.to(torch.float16)

    tensors = {name: packed(value) for name, value in module.state_dict().items()}
    blob = serialise(tensors)
    (length,) = struct.unpack("<Q", blob[:8])
    table = json.loads(blob[8 : 8 + length])
    data = memoryview(blob)[8 + length :]
    card_json = card.model_dump_json()
    digest = _digest_of(_Header(card_json, "", table, 0))
    digest.update(data)
    table["__metadata__"] = {CARD_KEY: card_json, DIGEST_KEY: digest.hexdigest()}
    head = json.dumps(table, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    whole = hashlib.sha256()
    with files.replacing(path) as temporary, temporary.open("wb") as stream:
        for part in (struct.pack("<Q", len(head)), head, data):
            stream.write(part)
            whole.update(part)
    return ModelRef(name=card.name, sha256=whole.hexdigest())


def _overflows(value: Tensor) -> bool:
    """Whether fp16 would lose the size of a value (running variances can be large)."""
    return value.numel() > 0 and float(value.abs().max()) > 60000


def _digest_of(header: _Header) -> hashlib._Hash:
    """A hash already fed with the card and the tensor table; the data follow."""
    table = {k: v for k, v in header.tensors.items() if k != "__metadata__"}
    digest = hashlib.sha256(header.card_json.encode())
    digest.update(json.dumps(table, sort_keys=True, separators=(",", ":")).encode())
    return digest


def _read_header(path: Path, first: bytes, stream: Any) -> _Header:
    foreign = ModelError(
        f"{path.name} is not a GeoView model; choose a .safetensors file made by GeoView."
    )
    if first[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK"):
        raise ModelError(
            f"{path.name} is a pickle or PyTorch archive, which can run code when it is read; "
            "GeoView only opens .safetensors models."
        )
    if len(first) < 8:
        raise foreign
    (length,) = struct.unpack("<Q", first)
    if not 2 <= length <= MAX_HEADER_BYTES:
        raise foreign
    raw = stream.read(length)
    if len(raw) < length:
        raise ModelError(f"The model file {path.name} is cut off; get it again from its source.")
    try:
        table = json.loads(raw)
        metadata = table.get("__metadata__", {})
        card_json, digest = metadata[CARD_KEY], metadata[DIGEST_KEY]
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise foreign from error
    except KeyError as error:
        raise NoCardError(
            f"{path.name} holds weights but no GeoView model card; "
            "use it as pretrained weights in a recipe, or choose a GeoView model."
        ) from error
    if not isinstance(card_json, str) or not isinstance(digest, str):
        raise foreign
    return _Header(card_json, digest, table, 8 + length)


def _parse_card(path: Path, text: str) -> ModelCard:
    try:
        return ModelCard.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "card"
        raise ModelError(
            f"The model card in {path.name} is not valid ({where}: {first['msg']}); "
            "update GeoView or get the model again."
        ) from error


def _fill(path: Path, card: ModelCard, tensors: dict[str, Tensor]) -> nn.Module:
    """The card's network with the file's weights; shapes are compared before memory is taken."""
    import torch

    from geoview.models.registry import build

    with torch.device("meta"):
        expected = {k: v.shape for k, v in build(card).state_dict().items()}
    wrong = sorted(set(expected) ^ set(tensors)) or [
        name for name, shape in expected.items() if tensors[name].shape != shape
    ]
    if wrong:
        raise ModelError(
            f"The weights in {path.name} do not fit its architecture {card.architecture} "
            f"(first at {wrong[0]}); get the model again."
        )
    bad = next((n for n, v in tensors.items() if not torch.isfinite(v).all()), None)
    if bad is not None:
        raise ModelError(f"The weights in {path.name} hold values that are no numbers ({bad}).")
    module = build(card)
    module.load_state_dict({name: tensors[name].to(p) for name, p in module.state_dict().items()})
    return module.float().eval()
