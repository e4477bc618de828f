"""Every equation of P0 against a plain numpy reference written from the paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from geoview.errors import ModelError
from geoview.models.card import ModelCard, Preprocess
from geoview.models.geolayer import (
    CrossModalBlock,
    GeoLayer,
    GeoLayerOptions,
    GraphConvolution,
    assign_layer,
    cooccurrence_matrix,
    normalise_proportions,
)
from geoview.models.registry import build
from geoview.training import losses
from geoview.training.objective import cluster_loss, layer_loss

RNG = np.random.default_rng(5)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def layer_norm(x: np.ndarray, norm: torch.nn.LayerNorm) -> np.ndarray:
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    y = (x - mean) / np.sqrt(var + norm.eps)
    return y * norm.weight.detach().numpy() + norm.bias.detach().numpy()


def make(backbone: str = "vit_tiny_patch16_224", **options: Any) -> GeoLayer:
    torch.manual_seed(1)
    model = GeoLayer(
        backbone=backbone, input_px=64, num_classes=3,
        options=GeoLayerOptions(num_layers=4, **options),
    ).eval()  # fmt: skip
    model.accumulate(torch.tensor([[2, 1, 0], [0, 2, 1]]), torch.tensor([0, 2]))
    labels = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]])
    model.cooccurrence.copy_(cooccurrence_matrix(labels))
    return model


def weights(parameter: torch.Tensor) -> np.ndarray:
    return parameter.detach().numpy().astype(np.float64)


def test_eq_1_to_3_layer_is_a_linear_softmax_on_mean_patches() -> None:
    model = make()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        patches = model.backbone(x)[-1].flatten(2).transpose(1, 2).numpy()
        output = model(x)
    v = patches.mean(1)
    f = v @ weights(model.layer_head.weight).T
    np.testing.assert_allclose(output.layer_logits.numpy(), f, atol=1e-5)
    expected = np.argmax(softmax(f), axis=-1)
    assert assign_layer(output.layer_logits).tolist() == expected.tolist()


def test_eq_4_states_accumulate_in_their_layer() -> None:
    model = make()
    before = model.proportions.numpy().copy()
    states = RNG.integers(0, 3, (7, 3))
    layers = np.array([0, 1, 1, 3, 3, 3, 0])
    expected = before.copy()
    for s, g in zip(states, layers, strict=True):
        expected[g] = expected[g] + s
    model.accumulate(torch.from_numpy(states), torch.from_numpy(layers))
    np.testing.assert_array_equal(model.proportions.numpy(), expected)


def test_eq_5_and_9_normalised_then_raised() -> None:
    p = RNG.integers(0, 50, (4, 3)).astype(float)
    p[2] = 0
    expected = np.array([row / np.sqrt((row**2).sum()) if row.any() else row for row in p])
    np.testing.assert_allclose(normalise_proportions(torch.from_numpy(p)).numpy(), expected)
    model = make(epsilon=0.3)
    logits = torch.tensor([[9.0, 0, 0, 0], [0, 0, 9.0, 0]])
    accumulated = model.proportions.numpy()
    for row, layer in zip(model.guide(logits).numpy(), (0, 2), strict=True):
        unit = accumulated[layer] / np.linalg.norm(accumulated[layer])
        np.testing.assert_allclose(row, unit + 0.3, rtol=1e-5)


def test_soft_assignment_is_the_expected_proportion() -> None:
    model = make(assignment="soft", epsilon=0.1)
    logits = RNG.normal(size=(2, 4))
    table = model.proportions.numpy()
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    table = np.divide(table, norms, out=np.zeros_like(table), where=norms > 0)
    got = model.guide(torch.from_numpy(logits).float()).numpy()
    np.testing.assert_allclose(got, softmax(logits) @ table + 0.1, rtol=1e-4)


@pytest.mark.parametrize("heads", [1, 4])
def test_eq_6_to_11_guided_cross_attention(heads: int) -> None:
    d, dv, n, m = 8, 12, 3, 10
    block = CrossModalBlock(d, visual_dim=dv, heads=heads)
    torch.nn.init.normal_(block.norm.weight)
    t, v = RNG.normal(size=(2, n, d)), RNG.normal(size=(2, m, dv))
    guide = RNG.uniform(0.2, 1.5, (2, n))
    with torch.no_grad():
        out, attention = block(*(torch.from_numpy(a).float() for a in (t, v, guide)))
    wq, wk, wv = (weights(w.weight).T for w in (block.query, block.key, block.value))
    for b in range(2):
        patches = layer_norm(v[b], block.norm)
        q, k, values = t[b] @ wq, patches @ wk, patches @ wv  # eq. 6, 7, 8
        expected, maps = np.zeros((n, d)), np.zeros((n, m))
        size = d // heads
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            p = np.repeat(guide[b][:, None], m, axis=1)
            a = softmax((q[:, part] @ k[:, part].T) * p / np.sqrt(size))  # eq. 10
            expected[:, part] = a @ values[:, part]
            maps += a / heads
        np.testing.assert_allclose(out[b].numpy(), t[b] + expected, atol=1e-5)  # eq. 11
        np.testing.assert_allclose(attention[b].numpy(), maps, atol=1e-5)


def test_eq_12_row_normalised_cooccurrence() -> None:
    labels = RNG.integers(0, 2, (50, 4))
    labels[:, 3] = 0
    m = np.zeros((4, 4))
    for row in labels:
        m += np.outer(row, row)
    expected = np.eye(4)
    for i in range(4):
        for j in range(4):
            if m[i, i]:
                expected[i, j] = m[i, j] / m[i, i]
    got = cooccurrence_matrix(torch.from_numpy(labels)).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("residual", [False, True])
def test_eq_13_graph_convolution(residual: bool) -> None:
    layer = GraphConvolution(6, residual=residual)
    h, matrix = RNG.normal(size=(2, 4, 6)), RNG.uniform(size=(4, 4))
    with torch.no_grad():
        got = layer(torch.from_numpy(h).float(), torch.from_numpy(matrix).float()).numpy()
    w, b = weights(layer.linear.weight).T, weights(layer.linear.bias)
    expected = np.maximum(matrix @ h @ w + b, 0) + (h if residual else 0)
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("backbone", ["vit_tiny_patch16_224", "resnet10t"])
def test_whole_forward_is_the_chain_of_the_equations(backbone: str) -> None:
    """The assembled network, block by block, on the same backbone features (eq. 1 to 14)."""
    model = make(backbone, gcn_layers=2, epsilon=0.7, label_dim=5)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        grids = [g.flatten(2).transpose(1, 2).double().numpy() for g in model.backbone(x)]
        output = model(x)
    f = grids[-1].mean(1) @ weights(model.layer_head.weight).T
    projection = model.label_projection
    start = weights(model.label_embeddings) @ weights(projection.weight).T + weights(
        projection.bias
    )
    for b in range(2):
        p = model.proportions.numpy()[np.argmax(f[b])]
        guide = (p / np.linalg.norm(p) if p.any() else p) + 0.7
        t = start
        for block, grid in zip(model.fusion, grids, strict=True):
            patches = layer_norm(grid[b], block.norm)
            q = t @ weights(block.query.weight).T
            k, v = patches @ weights(block.key.weight).T, patches @ weights(block.value.weight).T
            t = t + softmax(q @ k.T * guide[:, None] / np.sqrt(q.shape[1])) @ v
        for graph in model.graph:
            t = weights(model.cooccurrence) @ t @ weights(graph.linear.weight).T
            t = np.maximum(t + weights(graph.linear.bias), 0)
        logits = (t * weights(model.classifier)).sum(1)
        np.testing.assert_allclose(output.logits[b].numpy(), logits, rtol=2e-3, atol=2e-4)


def test_eq_15_binary_cross_entropy() -> None:
    logits, v = RNG.normal(size=(5, 3)), RNG.integers(0, 2, (5, 3)).astype(float)
    p = 1 / (1 + np.exp(-logits))  # eq. 14's sigmoid
    expected = -(v * np.log(p) + (1 - v) * np.log(1 - p)).sum(1).mean()
    bce = losses.build("bce", counts=torch.ones(3), single_label=False, options={})
    got = bce(torch.from_numpy(logits), torch.from_numpy(v)).mean()
    assert float(got) == pytest.approx(expected, rel=1e-5)


def test_ablation_switches() -> None:
    x = torch.randn(1, 3, 64, 64)
    base = make(proportion_guidance=False, cooccurrence=False)
    assert len(base.graph) == 0
    assert base.guide(torch.zeros(1, 4)).tolist() == [[1.0, 1.0, 1.0]]
    with torch.no_grad():
        before = base(x).logits
        base.proportions += 5
        base.cooccurrence.fill_(1)
        assert torch.equal(base(x).logits, before)
        full = make()
        before = full(x).logits
        full.cooccurrence.copy_(torch.eye(3))
        assert not torch.equal(full(x).logits, before)
        guided = make(cooccurrence=False)
        before = guided(x).logits
        guided.proportions.fill_(9)
        assert not torch.equal(guided(x).logits, before)


def test_layers_supervised_and_clustered() -> None:
    logits = torch.tensor([[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]])
    truth = torch.tensor([0, 1, -1])
    p = softmax(logits.double().numpy())
    assert float(layer_loss(logits, truth, of=2)) == pytest.approx(-np.log(p[0, 0]), rel=1e-4)
    spread = cluster_loss(logits, of=3)
    alike = cluster_loss(torch.tensor([[4.0, 0, 0]] * 3), of=3)
    unsure = cluster_loss(torch.zeros(3, 3), of=3)
    assert spread < alike
    assert spread < unsure


def test_clustered_layers_are_found_without_labels() -> None:
    """Two visually distinct groups end in two different layers from the clustering loss alone."""
    torch.manual_seed(0)
    features = torch.cat([torch.randn(40, 8) + 2, torch.randn(40, 8) - 2])
    head = torch.nn.Linear(8, 2, bias=False)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        cluster_loss(head(features), of=80).backward()
        optimiser.step()
    found = assign_layer(head(features))
    assert len(set(found[:40].tolist())) == len(set(found[40:].tolist())) == 1
    assert found[0] != found[-1]


def test_area_shares_add_up_and_match_their_map() -> None:
    model = make(area_head=True)
    with torch.no_grad():
        output = model(torch.randn(2, 3, 64, 64))
    assert output.area.sum(-1).tolist() == pytest.approx([1, 1], abs=1e-5)
    shares = output.area_map.mean((-1, -2))
    np.testing.assert_allclose(
        (shares / shares.sum(-1, keepdim=True)).numpy(), output.area.numpy(), atol=1e-5
    )
    np.testing.assert_allclose(shares.sum(-1) + output.other_area, 1, atol=1e-5)


def test_wrong_options_are_refused_by_name() -> None:
    card = ModelCard(
        name="x", title="x", architecture="geolayer", backbone="vit_tiny_patch16_224",
        task="multi-label", classes=["a", "b"], thresholds=[0.5, 0.5],
        preprocess=Preprocess(input_px=64), options={"gcn_layers": "many"},
    )  # fmt: skip
    with pytest.raises(ModelError, match="gcn_layers"):
        build(card)


def test_area_evidence_adds_the_log_share() -> None:
    model = make(area_head=True, area_evidence=True)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        model.evidence_weight.copy_(torch.tensor([1.0, 0.5, 2.0]))
        model.evidence_bias.copy_(torch.tensor([3.0, 0.0, -1.0]))
        full = model(x)
        model.evidence_weight.zero_()
        model.evidence_bias.zero_()
        bare = model(x)
    share = full.area.numpy().astype(np.float64)
    expected = np.log(share + 1e-3) * [1.0, 0.5, 2.0] + [3.0, 0.0, -1.0]
    np.testing.assert_allclose((full.logits - bare.logits).numpy(), expected, atol=1e-4)
    with pytest.raises(ValidationError, match="area_head"):
        GeoLayerOptions(area_evidence=True)
