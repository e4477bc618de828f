"""Choosing a device: only one that has computed right."""

import pytest
import torch

from geoview.models import device
from geoview.models.device import DeviceError, available_devices, choose


def test_the_cpu_always_works_and_is_last() -> None:
    assert available_devices()[-1].device == "cpu"


def test_a_precision_asked_for_is_used() -> None:
    chosen = choose("cpu", precision="fp32")
    assert (chosen.device, chosen.precision, chosen.label) == ("cpu", "fp32", "CPU · fp32")
    assert chosen.dtype is torch.float32


@pytest.mark.parametrize(("fast", "precision"), [(True, "bf16"), (False, "fp32")])
def test_bf16_on_the_cpu_only_where_it_is_fast(
    fast: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "cpu_has_fast_bf16", lambda: fast)
    assert choose("cpu").precision == precision


def test_a_device_without_kernels_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_candidates", lambda: ["mps", "cpu"])
    computes = device._computes

    def broken(place: torch.device, precision: device.Precision) -> bool:
        if place.type == "mps":
            raise RuntimeError("no kernel image is available for execution on the device")
        return computes(place, precision)

    monkeypatch.setattr(device, "_computes", broken)
    assert choose().device == "cpu"
    assert [d.device for d in available_devices()] == ["cpu"]
    with pytest.raises(DeviceError, match="test computation"):
        choose("mps")


def test_a_device_that_computes_nonsense_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_candidates", lambda: ["mps", "cpu"])
    monkeypatch.setattr(device, "_computes", lambda place, precision: place.type == "cpu")
    assert choose().device == "cpu"


@pytest.mark.parametrize("name", ["cuda:99", "toaster"])
def test_a_device_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(DeviceError, match=f"“{name}”.*cpu"):
        choose(name)


def test_an_unknown_precision_is_named() -> None:
    with pytest.raises(DeviceError, match="int3"):
        choose("cpu", precision="int3")
