"""Attention head by head is the same attention."""

import pytest
import torch
import torch.nn.functional as F

from geoview.models import attention
from geoview.models.attention import HeadByHead


def random(tokens: int, *, heads: int = 2, keys: int | None = None) -> list[torch.Tensor]:
    torch.manual_seed(0)
    lengths = (tokens, keys or tokens, keys or tokens)
    return [torch.randn(2, heads, n, 16) for n in lengths]


@pytest.mark.parametrize(("tokens", "keys"), [(300, 300), (300, 41)])
@pytest.mark.parametrize("scale", [None, 0.7])
def test_it_gives_what_torch_gives(
    tokens: int, keys: int, scale: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    q, k, v = random(tokens, keys=keys)
    want = F.scaled_dot_product_attention(q, k, v, scale=scale)
    calls = []
    ours = attention.attention
    monkeypatch.setattr(attention, "attention", lambda *a, **k: calls.append(1) or ours(*a, **k))
    with HeadByHead():
        got = F.scaled_dot_product_attention(q, k, v, dropout_p=0.0, scale=scale)
    assert calls
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


def test_masks_and_small_inputs_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError

    monkeypatch.setattr(attention, "attention", never)
    q, k, v = random(300)
    mask = torch.ones(300, 300, dtype=torch.bool).tril()
    with HeadByHead():
        masked = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        causal = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        F.scaled_dot_product_attention(*random(49))
    torch.testing.assert_close(masked, causal, atol=1e-5, rtol=1e-5)
