"""A backbone's published weights from the model hub, only ever at the user's own request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from geoview.errors import ModelError
from geoview.models import import_timm
from geoview.models.backbone import GOOGLES


def download(backbone: str) -> Path:
    """Fetch the weights timm names for a backbone, or find them in the hub's cache.

    Only the safetensors file of the repository is read. Raises ModelError when timm knows no
    weights for it, those are of another network, or they cannot be reached.
    """
    timm = import_timm()
    if backbone in GOOGLES:
        name = f"{backbone}.{timm.get_pretrained_cfg(backbone).tag}"
        raise ModelError(
            f"{backbone} stands for a network of Google's whose weights the model hub does not "
            f"have; name {name} as the backbone, or give a local file as pretrained."
        )
    config: Any = timm.get_pretrained_cfg(backbone) if timm.is_model(backbone) else None
    if config is None or not config.hf_hub_id:
        raise ModelError(f"The model hub has no weights for the backbone “{backbone}”.")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(config.hf_hub_id, "model.safetensors"))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"The weights of {backbone} could not be fetched from the model hub "
            f"({type(error).__name__}); check the connection, or give a local file as pretrained."
        ) from error
