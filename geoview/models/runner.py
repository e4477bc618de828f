"""One network on one device: batches in, calibrated values out, whatever the memory allows."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from geoview.models import device as devices
from geoview.models.attention import fastest_attention
from geoview.models.bundle import LoadedModel
from geoview.models.combine import TileValues, calibrated
from geoview.models.device import DeviceChoice
from geoview.models.lanes import Lanes

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

# Probabilities of the reduced precision may differ from fp32 by this much on a real batch.
TOLERANCE = 0.02
_CHECKED_INPUTS = 2

TOO_LARGE = "there is not enough memory to analyse it: close programs or use a smaller model"
NO_NUMBERS = "the model gives no numbers for it: use another model"


class Runner:
    """Owns the network on its device. ``batch`` and ``choice`` change when memory runs out.

    ``notify`` receives one clear sentence for every such change.
    """

    def __init__(
        self, model: LoadedModel, *, choice: DeviceChoice, batch: int, notify: Callable[[str], None]
    ) -> None:
        self.model = model
        self.batch = batch
        self.notify = notify
        self.lanes = Lanes(torch.get_num_threads())
        self._checked = False
        self._move(choice)

    def run(self, inputs: NDArray[np.uint8]) -> list[TileValues | str]:
        """Values of every input of uint8 [B, S, S, 3], or the plain reason why there are none.

        Raises whatever the network raises that is not about memory.
        """
        if not self._checked:
            self._check_precision(inputs[:_CHECKED_INPUTS])
        rows: list[TileValues | str] = []
        while len(rows) < len(inputs):
            rows += self._run_batch(inputs[len(rows) : len(rows) + self.batch])
        return rows

    def values(self, inputs: NDArray[np.uint8], *, module: nn.Module) -> TileValues:
        """The calibrated outputs of a network on inputs; on the CPU its cores work side by side."""
        parts = min(self.lanes.count, len(inputs))
        if parts < 2 or next(module.parameters()).device.type != "cpu":
            return self._values(inputs, module)
        cut = np.array_split(inputs, parts)
        return TileValues.concatenate(self.lanes.map(lambda part: self._values(part, module), cut))

    def _values(self, inputs: NDArray[np.uint8], module: nn.Module) -> TileValues:
        with torch.inference_mode(), fastest_attention(module):
            x = normalise(inputs, model=self.model, module=module)
            return calibrated(module(x), card=self.model.card)

    def release(self) -> None:
        """Give the device's memory back."""
        self.lanes.close()
        self.module = self.model.module
        _empty_cache(self.choice)

    def _run_batch(self, inputs: NDArray[np.uint8]) -> list[TileValues | str]:
        values, error = self._attempt(inputs)
        if values is None:
            return self._with_less(inputs, error)
        bad = [bool(np.isnan(row).any()) for row in values.probabilities]
        if any(bad) and self.choice.precision != "fp32":
            self._to_fp32("gave values that are no numbers")
            return self.run(inputs)
        return [NO_NUMBERS if bad[i] else values[i : i + 1] for i in range(len(values))]

    def _attempt(self, inputs: NDArray[np.uint8]) -> tuple[TileValues | None, str]:
        """The values, or None and the reason when memory ran out.

        The exception is dropped before anything else is tried: its traceback would keep the
        activations alive.
        """
        try:
            return self.values(inputs, module=self.module), ""
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None, str(error)

    def _with_less(self, inputs: NDArray[np.uint8], error: str) -> list[TileValues | str]:
        """Go on after memory ran out: half the batch, then the CPU, then without this input."""
        _empty_cache(self.choice)
        log.warning("Out of memory with %d inputs on %s: %s", len(inputs), self.choice.label, error)
        if len(inputs) > 1:
            self.batch = (len(inputs) + 1) // 2
            self.notify(
                f"Memory ran out on {self.choice.label}; "
                f"going on with {self.batch} inputs at a time."
            )
            return self.run(inputs)
        if self.choice.device != "cpu":
            self.notify(f"Memory ran out on {self.choice.label}; going on with the CPU.")
            self._move(devices.cpu())
            return self.run(inputs)
        return [TOO_LARGE]

    def _move(self, choice: DeviceChoice) -> None:
        self.choice = choice
        self.module = self.model.module
        if choice.device == "cpu" and choice.precision == "fp32":
            return
        try:
            self.module = placed(self.model.module, choice=choice)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.notify(f"The model does not fit on {choice.label}; going on with the CPU.")
            self._move(devices.cpu())

    def _check_precision(self, inputs: NDArray[np.uint8]) -> None:
        """Compare the reduced precision with fp32 on real photos before it is trusted."""
        self._checked = True
        if self.choice.precision == "fp32":
            return
        got, error = self._attempt(inputs)
        if got is None:
            log.warning("The precision could not be checked: %s", error)
            return
        wanted = self.values(inputs, module=self.model.module)
        if not agree(got, wanted):
            self._to_fp32("does not agree with fp32 for this model")

    def _to_fp32(self, why: str) -> None:
        kind = self.choice.label.rsplit(" · ", 1)[0]
        self.notify(f"{self.choice.precision} on {kind} {why}; going on with fp32.")
        self._move(DeviceChoice(self.choice.device, "fp32", f"{kind} · fp32"))


def agree(got: TileValues, wanted: TileValues) -> bool:
    """Whether every probability and area share lies within the tolerance of the wanted one."""
    pairs = [(got.probabilities, wanted.probabilities)]
    if got.area is not None and wanted.area is not None:
        pairs.append((got.area, wanted.area))
    return all(bool((np.abs(a - b) <= TOLERANCE).all()) for a, b in pairs)


def placed(module: nn.Module, *, choice: DeviceChoice) -> nn.Module:
    """A copy of a network on a device, its weights in that precision.

    Casting the weights was measured faster than autocast; norms and softmaxes accumulate in
    fp32 inside torch either way.
    """
    copied = copy.deepcopy(module).to(choice.torch_device, choice.dtype)
    copied.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return copied.eval()


def normalise(inputs: NDArray[np.uint8], *, model: LoadedModel, module: nn.Module) -> Tensor:
    """uint8 [B, S, S, 3] → normalised [B, 3, S, S] on the network's device and in its type.

    The permuted view of the bytes already is in channels-last order, which CPUs and GPUs
    convolve fastest.
    """
    weight = next(module.parameters())
    bytes_ = torch.from_numpy(inputs).to(weight.device, non_blocking=True)
    mean, std = (
        torch.tensor(v, device=weight.device).view(1, 3, 1, 1) * 255
        for v in (model.card.preprocess.mean, model.card.preprocess.std)
    )
    x = bytes_.permute(0, 3, 1, 2).to(torch.float32)
    return ((x - mean) / std).to(weight.dtype)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that memory ran out, on any of torch's devices."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return "out of memory" in text or "defaultcpuallocator" in text or "can't allocate" in text


def _empty_cache(choice: DeviceChoice) -> None:
    kind = choice.device.split(":")[0]
    if kind != "cpu":
        getattr(torch, kind).empty_cache()
