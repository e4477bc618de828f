"""Label embeddings from a text model in a local folder, in the hub's own format."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from geoview import paths
from geoview.errors import DataError
from geoview.models import mend_torchvision
from geoview.training import begin, data, recipe, resuming, worker
from geoview.training.recipe import Recipe, changed
from geoview.training.split import split
from geoview.training.text import embed_labels, name_of

MakeRecipe = Callable[..., Recipe]


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


def with_text(r: Recipe, name: str) -> Recipe:
    return changed(r, {"model.options.label_embedding": "text", "model.options.text_model": name})


def test_a_text_model_among_the_weights_is_found_by_its_name(
    bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOVIEW_HOME", str(tmp_path))
    file, settings = recipe.find("geolayer.paper"), {"model.pretrained": ""}
    assert recipe.read(file, settings).model.options["text_model"] == "bert-base-uncased"
    folder = shutil.copytree(bert, paths.weights_folders()[0] / "bert-base-uncased")
    found = recipe.read(file, settings)
    assert found.model.options["text_model"] == str(folder)
    assert worker.with_weights(found, download=False) == found


def test_a_text_model_is_fetched_only_when_the_user_allows_it(
    tmp_path: Path, tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its weights as safetensors only, before any photo is looked at."""
    r = with_text(tiny_recipe(), "bert-base-uncased")
    with pytest.raises(DataError, match=r"“bert-base-uncased”, which is not there; .*--download"):
        worker.with_weights(r, download=False)
    snapshot = tmp_path / "models--google-bert--bert-base-uncased" / "snapshots" / "86b5e0"
    asked: list[str] = []

    def fetch(name: str, *, allow_patterns: list[str]) -> str:
        asked.extend([name, *allow_patterns])
        return str(snapshot)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    found = worker.with_weights(r, download=True)
    assert found.model.options["text_model"] == str(snapshot)
    assert asked == ["bert-base-uncased", "*.json", "*.txt", "model*.safetensors"]
    assert name_of(str(snapshot)) == "google-bert/bert-base-uncased"


def test_a_training_goes_on_wherever_its_text_model_lies(
    tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    plan = {"recipe": with_text(tiny_recipe(), "bert-base-uncased").model_dump(mode="json")}
    (tmp_path / "job.json").write_text(json.dumps(plan), encoding="utf-8")
    resuming.check_recipe(tmp_path, with_text(tiny_recipe(), "/elsewhere/bert-base-uncased"))
    with pytest.raises(DataError, match="bert-base-uncased instead of scibert"):
        resuming.check_recipe(tmp_path, with_text(tiny_recipe(), "scibert"))


def test_they_travel_with_the_model_and_stay_fixed(
    bert: Path, well: Path, tiny_recipe: MakeRecipe
) -> None:
    r = with_text(tiny_recipe(), str(bert))
    dataset = data.load(well)
    parts = split(dataset.items, r.split, seed=0)
    card = begin.new_card(r, dataset, parts)
    module, card = begin.new_module(r, card, dataset, parts, lambda *a, **k: None)
    expected = embed_labels(dataset.classes, str(bert))
    assert torch.equal(module.label_embeddings, expected)
    assert "label_embeddings" not in dict(module.named_parameters())
    assert "label_embeddings" in module.state_dict()
    assert card.options["label_dim"] == 24
    assert card.options["text_model"] == bert.name
    assert str(bert) not in card.model_dump_json()


def test_a_missing_text_model_is_told_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="learned"):
        embed_labels(["shale"], str(tmp_path / "bert"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="learned"):
        embed_labels(["shale"], str(tmp_path / "empty"))


@pytest.mark.parametrize("damaged", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_text_model_that_is_none_is_refused_before_any_photo_is_looked_for(
    bert: Path, tmp_path: Path, tiny_recipe: MakeRecipe, damaged: str
) -> None:
    folder = shutil.copytree(bert, tmp_path / "bert")
    (folder / damaged).write_text("{}", encoding="utf-8")
    plan = {
        "recipe": with_text(tiny_recipe(), str(folder)).model_dump(mode="json"),
        "data": [str(tmp_path / "nowhere")], "out": "", "cache": "",
    }  # fmt: skip
    (tmp_path / "job.json").write_text(json.dumps(plan), encoding="utf-8")
    with pytest.raises(DataError, match=r"text model in .* cannot be loaded .*learned"):
        worker.run(tmp_path, lambda *a, **k: None)
