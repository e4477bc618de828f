"""Where a training runs: device, precision and number of processes, through lightning-fabric."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from geoview.training.recipe import TrainPart

if TYPE_CHECKING:
    from torch import Tensor

_PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def fabric(part: TrainPart, *, device: str = "auto") -> Any:
    """A launched Fabric. Under ``torchrun`` its processes are used, whatever the recipe says.

    ``device`` "cpu" keeps off the GPU, "cuda:1" takes that one; "auto" takes what the machine has.
    Raises DeviceError for one that is not there or does not work.
    """
    from lightning_fabric import Fabric

    from geoview.models.device import choose

    if device != "auto":
        choose(device)
    devices: int | str | list[int] = part.devices
    nodes = 1
    accelerator, _, number = device.partition(":")
    if number:
        devices = [int(number)]
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if "TORCHELASTIC_RUN_ID" in os.environ:
        local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
        devices, nodes = local, world // local
    if devices == "auto" and not _has_gpu(accelerator):
        devices = 1
    several = nodes > 1 or (devices != 1 and not number)
    made = Fabric(
        accelerator={"xpu": "auto"}.get(accelerator, accelerator),
        devices=devices,
        num_nodes=nodes,
        # Parts of a network may stay out of the loss (a frozen stage, an unused head).
        strategy="ddp_find_unused_parameters_true" if several else "auto",
        precision=precision(part.precision, device=device),
    )
    made.launch()
    return made


def precision(wanted: str, *, device: str = "auto") -> Any:
    """Fabric's name of the precision; "auto" is bf16 where the device has it in hardware."""
    if wanted in _PRECISIONS:
        return _PRECISIONS[wanted]
    from geoview.models.device import choose

    return "bf16-mixed" if choose(device).precision == "bf16" else "32-true"


def gathered(fabric: Any, rows: Tensor, *, count: int) -> Tensor:
    """The rows of all processes, ``count`` in all, on the CPU; those that have fewer pad them
    with NaN on the way."""
    import torch

    if fabric.world_size == 1:
        return rows
    most = -(-count // fabric.world_size)
    padded = torch.full((most, *rows.shape[1:]), math.nan, dtype=rows.dtype)
    padded[: len(rows)] = rows
    together: Tensor = fabric.all_gather(padded.to(fabric.device)).flatten(0, 1).cpu()
    # By the labels, which are numbers whatever the network answers.
    return together[~torch.isnan(together[:, 1]).any(1)]


def everywhere(fabric: Any, true: bool) -> bool:
    """Whether it is so in every process, of which all must go on or end at the same step."""
    import torch

    return bool(summed(fabric, torch.tensor(float(true))) == fabric.world_size)


def summed(fabric: Any, numbers: Tensor) -> Tensor:
    """The sum of the same numbers of all processes."""
    if fabric.world_size == 1:
        return numbers
    total: Tensor = fabric.all_reduce(numbers.to(fabric.device), reduce_op="sum")
    return total


def _has_gpu(accelerator: str) -> bool:
    import torch

    return accelerator != "cpu" and torch.cuda.is_available()
