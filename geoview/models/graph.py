"""A segmenter also as an ONNX graph, in a file beside its model file, to run it without torch.

The size tool runs it in several processes; torch and timm would take each of them seconds to
import and hundreds of megabytes, for a network of four. The model file stays the one of record:
its card holds the graph's SHA-256.
"""

from __future__ import annotations

import copy
import hashlib
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from geoview import files
from geoview.errors import ModelError
from geoview.models import bundle

if TYPE_CHECKING:
    from torch import nn

    from geoview.models.card import ModelCard
    from geoview.records import ModelRef

KEY = "graph_sha256"
SUFFIX = ".onnx"
_OPSET = 17


def save(path: Path, *, module: nn.Module, card: ModelCard) -> ModelRef:
    """Write a segmenter's model file and its graph, each in one step."""
    bundle.save(path, module=module, card=card)
    # The graph is that of the weights as they are stored.
    stored = bundle.load(path).module
    graph = graph_of(stored)
    with files.replacing(path.with_suffix(SUFFIX)) as temporary:
        temporary.write_bytes(graph)
    options = card.options | {KEY: hashlib.sha256(graph).hexdigest()}
    return bundle.save(path, module=stored, card=card.model_copy(update={"options": options}))


def read(path: Path, *, card: ModelCard) -> bytes:
    """The graph that belongs to a model file. Raises ModelError when it is not there or another
    one."""
    file = path.with_suffix(SUFFIX)
    try:
        graph = file.read_bytes()
    except OSError as error:
        raise ModelError(
            f"The network {file} cannot be read ({error.strerror}); install GeoView again."
        ) from error
    if hashlib.sha256(graph).hexdigest() != card.options.get(KEY):
        raise ModelError(
            f"{file.name} is damaged or belongs to another model than {path.name}; "
            "install GeoView again."
        )
    return graph


def graph_of(module: nn.Module) -> bytes:
    """ONNX: ``pixels`` float32 [1, 3, h, w] to ``shares`` [1, classes, h / 2, w / 2], which add up
    to 1; h and w any even at every halving."""
    import torch
    from torch import nn

    from geoview.models.folding import evenly_padded, folded

    network = nn.Sequential(evenly_padded(folded(copy.deepcopy(module))), nn.Softmax(dim=1)).eval()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        written = Path(folder) / f"graph{SUFFIX}"
        # The exporter that replaces this one needs two more packages.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, 64, 96),),
            written,
            input_names=["pixels"],
            output_names=["shares"],
            dynamic_axes={"pixels": {2: "h", 3: "w"}, "shares": {2: "rows", 3: "cols"}},
            opset_version=_OPSET,
            dynamo=False,
        )
        return written.read_bytes()
