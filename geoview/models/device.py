"""Which device and precision to run on; a device is trusted only after it has computed right."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from geoview.errors import GeoViewError

log = logging.getLogger(__name__)

Precision = Literal["fp32", "bf16", "fp16"]

DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
_TITLES = {"cpu": "CPU", "cuda": "CUDA", "xpu": "Intel GPU", "mps": "Apple GPU"}


class DeviceError(GeoViewError):
    """A device or precision that was asked for and cannot be used."""


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """Where and how exactly to compute; ``label`` is what the user reads, e.g. "CPU · bf16"."""

    device: str
    precision: Precision
    label: str

    @property
    def torch_device(self) -> torch.device:
        return torch.device(self.device)

    @property
    def dtype(self) -> torch.dtype:
        return DTYPES[self.precision]


def cpu(precision: Precision = "fp32") -> DeviceChoice:
    return DeviceChoice("cpu", precision, f"CPU · {precision}")


def available_devices() -> list[DeviceChoice]:
    """Every device that works here, best first, each with its best precision; the CPU is last."""
    return [found for name in _candidates() if (found := _trusted(name, "auto")) is not None]


def choose(device: str = "auto", *, precision: str = "auto") -> DeviceChoice:
    """The device to use: "auto", "cpu", "cuda", "cuda:1", "mps", "xpu"; "auto" or a precision.

    Raises DeviceError when what was asked for by name does not work here.
    """
    if precision not in ("auto", *DTYPES):
        raise DeviceError(
            f"The precision “{precision}” is not known; use auto, fp32, bf16 or fp16."
        )
    if device == "auto":
        for name in _candidates():
            if (found := _trusted(name, precision)) is not None:
                return found
        raise DeviceError(f"No device here computes in {precision}; use the precision auto.")
    name = f"{device}:0" if device in ("cuda", "xpu") else device
    if name not in _candidates():
        here = ", ".join(_candidates())
        raise DeviceError(
            f"The device “{device}” is not on this machine; use auto or one of: {here}."
        )
    chosen = _trusted(name, precision)
    if chosen is None:
        raise DeviceError(
            f"The device “{device}” is there but a test computation in {precision} precision "
            "failed on it; use auto, or update its driver and PyTorch."
        )
    return chosen


def cpu_has_fast_bf16() -> bool:
    """Whether this CPU has AMX or AVX512-BF16; elsewhere bf16 is emulated and slower."""
    return any(_cpu_flags().get(name) for name in ("amx_bf16", "avx512_bf16"))


def cpu_has_amx() -> bool:
    return bool(_cpu_flags().get("amx_bf16"))


@functools.cache
def _cpu_flags() -> dict[str, bool]:
    try:
        return dict(torch.cpu.get_capabilities())
    except (AttributeError, RuntimeError):
        return _proc_flags()


def _proc_flags() -> dict[str, bool]:
    """CPU flags where torch is too old to tell (Linux only)."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            line = next((line for line in stream if line.startswith("flags")), "")
    except OSError:
        return {}
    return dict.fromkeys(line.split(), True)


def _candidates() -> list[str]:
    found: list[str] = []
    if torch.cuda.is_available():
        found += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    xpu = getattr(torch, "xpu", None)
    if xpu is not None and xpu.is_available():
        found += [f"xpu:{i}" for i in range(xpu.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def _trusted(name: str, precision: str) -> DeviceChoice | None:
    """The device with the first precision that computes right on it, or None."""
    wanted = list(_preferences(name)) if precision == "auto" else [cast(Precision, precision)]
    for candidate in wanted:
        try:
            works = _computes(torch.device(name), candidate)
        except (RuntimeError, NotImplementedError, AssertionError) as error:
            log.warning("%s in %s cannot be used: %s", name, candidate, error)
            continue
        if works:
            return DeviceChoice(name, candidate, f"{_title(name)} · {candidate}")
        log.warning("%s in %s computes wrong values and is not used", name, candidate)
    return None


def _preferences(name: str) -> Iterator[Precision]:
    kind = name.split(":")[0]
    if kind == "cpu" and cpu_has_fast_bf16():
        yield "bf16"
    elif kind == "cuda":
        major, _ = torch.cuda.get_device_capability(torch.device(name))
        yield "bf16" if major >= 8 else "fp16"
    elif kind == "xpu":
        yield "bf16"
    elif kind == "mps":
        yield "fp16"
    yield "fp32"


def _title(name: str) -> str:
    kind = name.split(":")[0]
    if kind == "cuda":
        return torch.cuda.get_device_name(torch.device(name))
    return _TITLES.get(kind, kind)


@torch.inference_mode()
def _computes(device: torch.device, precision: Precision) -> bool:
    """Run the kernels that networks need and compare them with the CPU in fp32.

    ``is_available`` can be true while the kernels for the card are missing from the build.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 32, 32, generator=generator)
    weight = torch.randn(16, 3, 8, 8, generator=generator) / 14

    def network(x: Tensor, weight: Tensor) -> Tensor:
        tokens = nn.functional.conv2d(x, weight, stride=8).flatten(2).transpose(1, 2)
        tokens = nn.functional.layer_norm(tokens, (16,))
        mixed = nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
        return nn.functional.gelu(mixed @ tokens.transpose(1, 2)).softmax(-1)

    got = network(x.to(device, DTYPES[precision]), weight.to(device, DTYPES[precision]))
    return bool(torch.allclose(got.float().cpu(), network(x, weight), atol=0.05))
