"""Lanes give the gradient of the whole batch, draw the same whenever asked, and stay away where
a batch must not be divided."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from geoview.errors import Cancelled
from geoview.training import halves
from geoview.training.batches import Batch
from geoview.training.halves import Drop, Halves, lanes_for
from geoview.training.recipe import Recipe


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def network(*more: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.GELU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(16, 8), *more, nn.Linear(8, 3),
    ).double()  # fmt: skip


def batch(count: int) -> Batch:
    rng = np.random.default_rng(1)
    labels = torch.eye(3)[torch.from_numpy(rng.integers(0, 3, count))]
    pixels = torch.from_numpy(rng.integers(0, 256, (count, 9, 9, 3), dtype=np.uint8))
    return Batch(pixels, labels, labels, labels, torch.zeros(count), torch.arange(count))


def sum_of_losses(module: nn.Module, some: Batch) -> tuple[Tensor, Tensor | None]:
    logits = module(some.pixels.permute(0, 3, 1, 2).double() / 255)
    target = some.labels.argmax(-1)
    return nn.functional.cross_entropy(logits, target, reduction="sum"), logits.detach()


def gradient(module: nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


def in_lanes(module: nn.Module, some: Batch, *, step: tuple[int, ...] = (0,)) -> Tensor:
    module.zero_grad()
    lanes = Halves(module, count=3, seed=7)
    assert lanes.gradients(some, sum_of_losses, step=step) is not None
    lanes.close()
    return gradient(module).clone()


@pytest.mark.parametrize("count", [13, 12, 2])
def test_the_sum_over_lanes_is_the_gradient_of_the_batch(count: int) -> None:
    module, some = network(), batch(count)
    loss, logits = sum_of_losses(module, some)
    loss.backward()
    expected = gradient(module).clone()
    module.zero_grad()
    lanes = Halves(module, count=3, seed=7)
    found = lanes.gradients(some, sum_of_losses, step=(0,))
    lanes.close()
    assert found is not None
    assert found[0] == pytest.approx(loss.item(), rel=1e-12)
    assert logits is not None
    torch.testing.assert_close(torch.cat(found[1]), logits)  # in the order of the photos
    torch.testing.assert_close(gradient(module), expected, rtol=1e-9, atol=1e-14)


def test_gradients_are_added_to_those_already_there_and_follow_the_weights() -> None:
    module, some = network(), batch(12)
    lanes = Halves(module, count=3, seed=7)
    lanes.gradients(some, sum_of_losses, step=(0,))
    once = gradient(module).clone()
    lanes.gradients(some, sum_of_losses, step=(1,))
    torch.testing.assert_close(gradient(module), 2 * once)
    torch.optim.SGD(module.parameters(), lr=0.5).step()
    module.zero_grad()
    lanes.gradients(some, sum_of_losses, step=(2,))
    lanes.close()
    found = gradient(module).clone()
    module.zero_grad()
    sum_of_losses(module, some)[0].backward()
    torch.testing.assert_close(found, gradient(module), rtol=1e-9, atol=1e-14)
    assert not torch.allclose(found, once)


def test_dropout_is_the_same_for_the_same_step_and_another_for_another() -> None:
    module, some = network(nn.Dropout(0.5)), batch(12)
    first = in_lanes(module, some, step=(1, 2))
    torch.rand(5)  # what others draw in between does not matter
    assert torch.equal(first, in_lanes(module, some, step=(1, 2)))
    assert not torch.equal(first, in_lanes(module, some, step=(1, 3)))


def test_a_network_that_draws_by_itself_is_left_alone() -> None:
    class Wild(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.dropout(x, 0.5)

    module, some = network(Wild()), batch(12)
    before = torch.get_rng_state()
    lanes = Halves(module, count=3, seed=7)
    assert lanes.gradients(some, sum_of_losses, step=(0,)) is None
    lanes.close()
    assert torch.equal(before, torch.get_rng_state())
    assert all(p.grad is None for p in module.parameters())


def test_drop_is_dropout_and_stochastic_depth() -> None:
    noise = torch.Generator().manual_seed(3)
    x = torch.ones(4000, 2, 3)
    values = Drop(0.3, noise=noise)(x)
    assert sorted(values.unique().tolist()) == pytest.approx([0.0, 1 / 0.7])
    assert float(values.mean()) == pytest.approx(1.0, abs=0.02)
    photos = Drop(0.3, noise=noise, whole=True)(x)
    assert bool((photos.flatten(1) == photos[:, :1, 0]).all())
    assert float((photos > 0).float().mean()) == pytest.approx(0.7, abs=0.03)
    kept = Drop(0.3, noise=noise, scaled=False, whole=True)(x)
    assert set(kept.unique().tolist()) == {0.0, 1.0}
    assert Drop(0.3, noise=noise).eval()(x) is x


def test_batches_that_must_stay_whole_get_no_lanes() -> None:
    norm = nn.BatchNorm1d(8).double()
    assert lanes_for(network(norm), size=12, seed=0) is None
    assert lanes_for(network(), size=2 * halves.LEAST - 1, seed=0) is None
    quiet = network(norm)
    quiet.eval()
    for module in (network(), quiet):
        found = lanes_for(module, size=2 * halves.LEAST, seed=0)
        assert found is not None
        found.close()
    torch.set_num_threads(1)
    assert lanes_for(network(), size=12, seed=0) is None


def colours(folder: Path) -> Path:
    """Two classes of made-up photos, a folder each."""
    rng = np.random.default_rng(0)
    for name, colour in {"azurite": (40, 60, 160), "malachite": (40, 140, 80)}.items():
        (folder / name).mkdir(parents=True)
        for number in range(16):
            pixels = np.clip(np.array(colour) + rng.normal(0, 30, (32, 32, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder


def test_a_training_in_lanes_goes_on_bit_for_bit(
    tmp_path: Path, make_trainer: Callable[..., Any]
) -> None:
    data = colours(tmp_path / "data")
    r = Recipe.model_validate({
        "model": {"name": "tiny", "title": "Tiny", "architecture": "timm-classifier",
                  "backbone": "vit_tiny_patch16_224",
                  "options": {"drop_rate": 0.2, "drop_path": 0.2}},
        "preprocess": {"input_px": 32},
        "split": {"train": 0.6, "val": 0.2, "test": 0.2},
        "train": {"epochs": 2, "batch": 8, "lr": 1e-3, "precision": "fp32"},
    })  # fmt: skip
    whole = make_trainer(data, r)
    assert whole.gradients.lanes is not None
    whole.fit()
    assert whole.gradients.lanes is not None  # nothing in the network drew by itself
    parts = make_trainer(data, r)

    def stop(kind: str, **fields: Any) -> None:
        if kind == "step" and fields["epoch"] == 2:
            (parts.job / "stop").touch()

    parts.emit = stop
    with pytest.raises(Cancelled):
        parts.fit()
    (parts.job / "stop").unlink()
    resumed = make_trainer(data, r)
    resumed.job = parts.job
    resumed.fit()
    theirs = whole.module.state_dict()
    assert all(torch.equal(v, theirs[k]) for k, v in resumed.module.state_dict().items())
