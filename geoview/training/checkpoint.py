"""Training state as one safetensors file: tensors by path, the rest as JSON. No pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from geoview import files
from geoview.errors import DataError

_TENSOR = "__tensor__"


def save(path: Path, state: dict[str, Any]) -> None:
    """Write nested dicts, lists, numbers and tensors; the old file stays until this is whole.

    Raises DataError when the disk is full or cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    tree = _take_tensors(state, "", tensors)
    try:
        with files.replacing(path) as temporary:
            save_file(tensors, temporary, metadata={"state": json.dumps(tree)})
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"The checkpoint {path} could not be written ({error}); make room on the disk and "
            "resume the training: the last good checkpoint is kept."
        ) from error


def load(path: Path) -> dict[str, Any]:
    """Read what ``save`` wrote; DataError when it is damaged."""
    try:
        with safe_open(path, framework="pt") as stream:
            tree = json.loads(stream.metadata()["state"])
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}
    except Exception as error:
        raise DataError(
            f"The checkpoint {path} cannot be read; remove it to start again."
        ) from error
    return _put_tensors(tree, tensors)  # type: ignore[no-any-return]


def is_finite(state: Any) -> bool:
    """Whether every number in the tensors of nested dicts and lists is finite."""
    if isinstance(state, Tensor):
        return bool(state.isfinite().all())
    if isinstance(state, dict):
        return all(map(is_finite, state.values()))
    return all(map(is_finite, state)) if isinstance(state, list | tuple) else True


def _take_tensors(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {_TENSOR: name}
    if isinstance(value, dict):
        # JSON keys are strings: keep each key with its type (optimisers count parameters).
        return {"items": [[k, _take_tensors(v, f"{name}/{k}", tensors)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        return [_take_tensors(v, f"{name}/{i}", tensors) for i, v in enumerate(value)]
    return value


def _put_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_put_tensors(v, tensors) for v in value]
    if isinstance(value, dict):
        if _TENSOR in value:
            return tensors[value[_TENSOR]]
        return {k: _put_tensors(v, tensors) for k, v in value["items"]}
    return value
