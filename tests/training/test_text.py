"""Label embeddings from a text model in a local folder, in the hub's own format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from geoview.errors import DataError
from geoview.models import mend_torchvision
from geoview.training import begin, data
from geoview.training.recipe import Recipe
from geoview.training.split import split
from geoview.training.text import embed_labels


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    mend_torchvision()
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "mudstone", "lime", "##stone"]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
    return folder


def test_names_become_vectors_whatever_their_company(bert: Path) -> None:
    both = embed_labels(["mudstone", "limestone"], str(bert))
    assert both.shape == (2, 24)
    assert not torch.allclose(both[0], both[1])
    alone = embed_labels(["mudstone"], str(bert))
    torch.testing.assert_close(both[0], alone[0], atol=1e-5, rtol=1e-4)


def test_they_travel_with_the_model_and_stay_fixed(
    bert: Path, well: Path, tiny_recipe: Callable[..., Recipe]
) -> None:
    r = tiny_recipe()
    options = {**r.model.options, "label_embedding": "text", "text_model": str(bert)}
    r = r.model_copy(update={"model": r.model.model_copy(update={"options": options})})
    dataset = data.load(well)
    parts = split(dataset.items, r.split, seed=0)
    card = begin.new_card(r, dataset, parts)
    module, card = begin.new_module(r, card, dataset, parts, lambda *a, **k: None)
    expected = embed_labels(dataset.classes, str(bert))
    assert torch.equal(module.label_embeddings, expected)
    assert "label_embeddings" not in dict(module.named_parameters())
    assert "label_embeddings" in module.state_dict()
    assert card.options["label_dim"] == 24


def test_a_missing_text_model_is_told_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="learned"):
        embed_labels(["shale"], str(tmp_path / "bert"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="learned"):
        embed_labels(["shale"], str(tmp_path / "empty"))
