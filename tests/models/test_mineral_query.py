"""The decoder against torch's own layers, positions and reshape against the formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from geoview.errors import ModelError
from geoview.models.card import ModelCard, Preprocess
from geoview.models.mineral_query import (
    Attention,
    DecoderBlock,
    MineralQuery,
    ReshapedFeatures,
    sine_positions,
)
from geoview.models.registry import build

pytestmark = pytest.mark.usefixtures("one_core")

DIM, HEADS, WIDE = 16, 4, 40


def make(backbone: str = "test_vit", *, input_px: int = 64, **options: Any) -> MineralQuery:
    torch.manual_seed(3)
    card = ModelCard(
        name="minerals",
        title="minerals",
        architecture="mineral-query",
        backbone=backbone,
        task="multi-label",
        classes=["quartz", "pyrite", "galena"],
        thresholds=[0.5] * 3,
        preprocess=Preprocess(input_px=input_px),
        options={"dim": DIM, "heads": HEADS, **options},
    )
    model = build(card)
    assert isinstance(model, MineralQuery)
    return model


def same_weights(block: DecoderBlock) -> nn.TransformerDecoderLayer:
    """torch's post-norm decoder layer with the weights of a block."""
    layer = nn.TransformerDecoderLayer(DIM, HEADS, WIDE, dropout=0.0, batch_first=True).eval()
    pairs = [
        (layer.self_attn, block.self_attention),
        (layer.multihead_attn, block.cross_attention),
    ]
    for theirs, ours in pairs:
        qkv = (ours.query, ours.key, ours.value)
        theirs.in_proj_weight.data = torch.cat([part.weight for part in qkv]).detach()
        theirs.in_proj_bias.data = torch.cat([part.bias for part in qkv]).detach()
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    layer.linear1.load_state_dict(block.feedforward[0].state_dict())
    layer.linear2.load_state_dict(block.feedforward[3].state_dict())
    for number, norm in enumerate(block.norms, start=1):
        getattr(layer, f"norm{number}").load_state_dict(norm.state_dict())
    return layer


@pytest.fixture
def block() -> DecoderBlock:
    torch.manual_seed(5)
    made = DecoderBlock(DIM, heads=HEADS, feedforward=WIDE, dropout=0.0).eval()
    for norm in made.norms:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return made


def test_without_positions_a_block_is_torchs_decoder_layer(block: DecoderBlock) -> None:
    labels, memory = torch.randn(2, 5, DIM), torch.randn(2, 9, DIM)
    with torch.no_grad():
        got, _ = block(labels, embeddings=torch.zeros(5, DIM), keys=memory, values=memory)
        want = same_weights(block)(labels, memory)
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


def test_embeddings_are_added_to_q_only_and_positions_to_k_only(block: DecoderBlock) -> None:
    labels, memory = torch.randn(2, 5, DIM), torch.randn(2, 9, DIM)
    embeddings, places = torch.randn(5, DIM), torch.randn(9, DIM)
    layer = same_weights(block)
    with torch.no_grad():
        got, weights = block(labels, embeddings=embeddings, keys=memory + places, values=memory)
        x = layer.norm1(labels + layer.self_attn(labels, labels, labels)[0])
        seen, looked = layer.multihead_attn(x + embeddings, memory + places, memory)
        x = layer.norm2(x + seen)
        want = layer.norm3(x + layer.linear2(layer.linear1(x).relu()))
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(weights, looked, atol=1e-6, rtol=1e-5)


def test_positions_are_sines_of_y_then_of_x() -> None:
    height, width, dim = 3, 5, 8
    want = np.zeros((height, width, dim))
    for y in range(height):
        for x in range(width):
            for half, turn in ((0, (y + 1) / height), (1, (x + 1) / width)):
                for i in range(dim // 4):
                    angle = 2 * math.pi * turn / 10000 ** (2 * i / (dim / 2))
                    at = half * dim // 2 + 2 * i
                    want[y, x, at : at + 2] = math.sin(angle), math.cos(angle)
    got = sine_positions(dim, height=height, width=width).numpy()
    np.testing.assert_allclose(got, want.reshape(-1, dim), atol=1e-6)


@pytest.mark.parametrize("backbone", ["test_vit", "test_resnet"])
def test_the_whole_network_is_query2label_on_the_last_grid(backbone: str) -> None:
    model = make(backbone, decoder_layers=2, feedforward=WIDE)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        output = model(x)
        grid = model.backbone(x)[-1]
        b, _, h, w = grid.shape
        projection = model.features.projection
        values = torch.einsum("bchw,dc->bhwd", grid, projection.weight[:, :, 0, 0])
        values = (values + projection.bias).reshape(b, h * w, DIM)
        keys = values + sine_positions(DIM, height=h, width=w)
        labels, maps = model.label_embeddings.expand(b, -1, -1), []
        for part in model.decoder:
            layer = same_weights(part)
            labels = layer.norm1(labels + layer.self_attn(labels, labels, labels)[0])
            queries = labels + model.label_embeddings
            seen, looked = layer.multihead_attn(queries, keys, values)
            labels = layer.norm2(labels + seen)
            labels = layer.norm3(labels + layer.linear2(layer.linear1(labels).relu()))
            maps.append(looked)
        for i in range(3):  # a linear layer for every label
            want = labels[:, i] @ model.classifier[i] + model.bias[i]
            torch.testing.assert_close(output.logits[:, i], want, atol=1e-4, rtol=1e-4)
    want = ((maps[0] + maps[1]) / 2).reshape(b, 3, h, w)
    torch.testing.assert_close(output.attention, want, atol=1e-5, rtol=1e-4)


def papers_reshape(tokens: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """P1, Figure 3, for one photo: 576 × 768 → 1728 × 256 → (convolution) 2048 × 256 → turned."""
    rows = tokens.reshape(-1, 256)
    return (weight[:, :, 0] @ rows + bias[:, None]).T


def test_the_papers_reshape_at_its_own_size() -> None:
    features = ReshapedFeatures(768, patches=576, dim=2048)
    assert features.convolution.weight.shape == (2048, 1728, 1)
    grid = torch.randn(1, 768, 24, 24)
    with torch.no_grad():
        values, keys = features(grid)
    tokens = grid[0].permute(1, 2, 0).reshape(576, 768).numpy()
    parameters = (
        p.detach().numpy() for p in (features.convolution.weight, features.convolution.bias)
    )
    assert values.shape == (1, 256, 2048)
    np.testing.assert_allclose(values[0], papers_reshape(tokens, *parameters), atol=1e-4)
    assert torch.equal(keys, values)


def test_the_papers_reshape_shows_no_attention() -> None:
    model = make(reshape="paper")
    with torch.no_grad():
        output = model(torch.randn(2, 3, 64, 64))
    assert output.logits.shape == (2, 3)
    assert output.attention is None
    assert make().gives_attention
    assert not model.gives_attention


def test_the_grid_of_a_cnn_is_flattened_as_in_the_paper() -> None:
    """P1, section 3: the reshape is for transformers only."""
    model, plain = make("test_resnet", reshape="paper"), make("test_resnet")
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(x).logits, plain(x).logits)
        assert model(x).attention is not None
    assert model.gives_attention


@pytest.mark.parametrize("backbone", ["test_vit", "test_convnext", "test_mambaout", "resnet10t"])
def test_every_weight_of_the_decoder_learns_on_any_backbone(backbone: str) -> None:
    model = make(backbone).train()
    output = model(torch.randn(2, 3, 64, 64))
    assert output.attention.shape[:2] == (2, 3)
    torch.testing.assert_close(output.attention.sum((2, 3)), torch.ones(2, 3))
    output.logits.square().sum().backward()
    without = [n for n, p in model.named_parameters() if p.grad is None]
    assert [n for n in without if not n.startswith("backbone.")] == []


def test_dropout_acts_only_while_training() -> None:
    model = make(dropout=0.5)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(x).logits, model(x).logits)
        model.train()
        assert not torch.equal(model(x).logits, model(x).logits)


def test_it_also_runs_in_bf16() -> None:
    model = make()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        want = model(x).logits
        got = model.to(torch.bfloat16)(x.bfloat16()).logits
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), want, atol=0.1, rtol=0.1)


@pytest.mark.parametrize(
    ("backbone", "options", "said"),
    [
        ("test_vit", {"heads": 3}, "3 heads do not divide a decoder of dimension 16"),
        ("test_vit", {"reshape": "paper", "input_px": 48}, "9 patches of 64 features"),
        ("test_vit", {"dim": 18, "heads": 2}, "use a multiple of 4"),
        ("test_vit", {"layers": 2}, "wrong option “layers”"),
        ("test_vit", {"dropout": 1.5}, "wrong option “dropout”"),
    ],
)
def test_what_cannot_be_is_said(backbone: str, options: dict[str, Any], said: str) -> None:
    input_px = options.pop("input_px", 64)
    with pytest.raises(ModelError, match=said):
        make(backbone, input_px=input_px, **options)(torch.randn(1, 3, input_px, input_px))


def test_attention_looks_where_the_key_is_like_the_query() -> None:
    attention = Attention(4, heads=1, dropout=0.0).eval()
    for part in (attention.query, attention.key, attention.value, attention.out):
        nn.init.eye_(part.weight)
        nn.init.zeros_(part.bias)
    keys = 20 * torch.eye(4)[None]
    values: Tensor = torch.arange(16.0).view(1, 4, 4)
    with torch.no_grad():
        mixed, weights = attention(keys[:, 2:3], keys=keys, values=values)
    assert int(weights.argmax()) == 2
    torch.testing.assert_close(mixed[0, 0], values[0, 2])
