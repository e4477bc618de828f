"""The network of a zero-shot card: built from the card alone, and only from a sane one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from geoview.errors import ModelError
from geoview.explain.methods import METHODS, supported
from geoview.models import bundle
from geoview.models.card import ModelCard
from geoview.models.registry import Architecture, build

TOWER: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
    "patch_size": 8, "image_size": 32, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
}  # fmt: skip


def zero_shot_card(
    family: str = "clip", *, input_px: int = 32, tower: dict[str, Any] | None = None, **options: Any
) -> ModelCard:
    dim = 16 if family == "clip" else 32
    return ModelCard.model_validate(
        {
            "name": "words", "title": "Words", "architecture": "clip-zero-shot",
            "backbone": "clip-vit", "task": "single-label", "classes": ["quartz", "malachite"],
            "thresholds": [0.5, 0.5], "preprocess": {"input_px": input_px},
            "options": {
                "family": family, "tower": {**TOWER, **(tower or {})}, "dim": dim, **options,
            },
        }
    )  # fmt: skip


def network(card: ModelCard) -> Any:
    torch.manual_seed(0)
    module: Any = build(card)
    module.text_embeddings.copy_(torch.randn_like(module.text_embeddings))
    return module


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_a_bundle_needs_nothing_but_itself(family: str, tmp_path: Path) -> None:
    card = zero_shot_card(family)
    module = network(card)
    path = tmp_path / "words.safetensors"
    bundle.save(path, module=module, card=card, half=False)
    loaded = bundle.load(path)
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(module(x).logits, loaded.module(x).logits)


@pytest.mark.parametrize("family", ["clip", "siglip"])
@pytest.mark.parametrize("side", [32, 64])
def test_heatmaps_lie_on_the_grid_of_patches(family: str, side: int) -> None:
    module = network(zero_shot_card(family, input_px=side))
    assert isinstance(module, Architecture)
    assert supported(module)[0] == "grad-cam"
    maps = METHODS["grad-cam"].maps(module, torch.randn(2, 3, side, side), [0, 1])
    assert maps.shape == (2, 2, side // 8, side // 8)
    assert (maps.amax((2, 3)) > 0).any()
    assert not torch.allclose(maps[:, 0], maps[:, 1])


def test_the_tower_learns_and_the_words_stay() -> None:
    module = network(zero_shot_card()).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    step = torch.optim.SGD(module.parameters(), lr=0.1)
    logits = module(torch.randn(4, 3, 32, 32)).logits
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 0, 1])).backward()
    step.step()
    changed = {n for n, value in module.state_dict().items() if not torch.equal(value, before[n])}
    assert "text_embeddings" not in changed
    assert "logit_scale" in changed
    assert "projection.weight" in changed
    assert any(name.startswith("vision.embeddings.") for name in changed)


@pytest.mark.parametrize(
    ("tower", "options"),
    [
        ({"hidden_size": 2**20}, {}),
        ({"num_hidden_layers": 10**6}, {}),
        ({"intermediate_size": 10**9}, {}),
        ({"image_size": 10**6}, {}),
        ({"patch_size": 1}, {}),
        ({"num_attention_heads": 3}, {}),
        ({"hidden_act": "os.system"}, {}),
        ({"layer_norm_eps": -1.0}, {}),
        ({"attn_implementation": "someone/kernels"}, {}),
        ({"auto_map": {"AutoModel": "evil.Model"}}, {}),
        ({}, {"dim": 10**8}),
        ({}, {"family": "pickle"}),
        ({}, {"trust_remote_code": True}),
    ],
)
def test_hostile_cards_are_refused(tower: dict[str, Any], options: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="words"):
        build(zero_shot_card(tower=tower, **options))


def test_a_siglip_has_no_projection() -> None:
    with pytest.raises(ModelError, match="hidden size"):
        build(zero_shot_card("siglip", dim=16))


def test_a_large_promise_is_not_kept_in_memory(tmp_path: Path) -> None:
    """A card of gigabytes over a file of kilobytes is refused by the shapes alone."""
    path = tmp_path / "boast.safetensors"
    large = {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 64}
    bundle.save(path, module=network(zero_shot_card()), card=zero_shot_card(tower=large))
    with pytest.raises(ModelError, match="do not fit"):
        bundle.load(path)
