"""How a training begins: what it takes over, what it tells, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from geoview.errors import DataError, ModelError
from geoview.models import bundle, hub
from geoview.training import begin, data, recipe, worker
from geoview.training.recipe import Recipe
from geoview.training.split import split

MakeRecipe = Callable[..., Recipe]


def started(r: Recipe, well: Path) -> tuple[Any, list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []

    def emit(kind: str, **fields: Any) -> None:
        told.append({"event": kind, **fields})

    dataset = data.load(well)
    parts = split(dataset.items, r.split, seed=0)
    card = begin.new_card(r, dataset, parts)
    module, _ = begin.new_module(r, card, dataset, parts, emit)
    return module, told


def saved(r: Recipe, well: Path, path: Path) -> Path:
    """The network of a recipe as a model file, not yet trained."""
    dataset = data.load(well)
    card = begin.new_card(r, dataset, split(dataset.items, r.split, seed=0))
    module, card = begin.new_module(r, card, dataset, {"train": (0,)}, lambda *_, **__: None)
    bundle.save(path, module=module, card=card)
    return path


def with_model(r: Recipe, **update: object) -> Recipe:
    return r.model_copy(update={"model": r.model.model_copy(update=update)})


def test_it_says_which_tensors_were_taken_over(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    first, _ = started(tiny_recipe(), well)
    tensors = {f"conv.{k}": v for k, v in {"extra": torch.zeros(2)}.items()}
    tensors |= {k: v.half() for k, v in first.backbone.network.state_dict().items()}
    left_out = next(k for k in tensors if k.endswith("conv1.0.weight") or "conv1" in k)
    del tensors[left_out]
    save_file(tensors, tmp_path / "weights.safetensors")
    second, told = started(
        with_model(tiny_recipe(), pretrained=str(tmp_path / "weights.safetensors")), well
    )
    (event,) = [e for e in told if e["event"] == "pretrained"]
    assert event["unused"] == ["conv.extra"]
    assert event["used"] == len(tensors) - 1
    assert any(name.endswith(left_out) for name in event["missing"])
    assert any("label_embeddings" in name for name in event["missing"])
    kept = "layer1.0.conv1.weight"
    own = second.backbone.network.state_dict()[kept]
    assert torch.equal(own, first.backbone.network.state_dict()[kept].half().float())


def test_weights_of_another_network_are_refused(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    save_file({"other.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match=r"other\.safetensors fit the backbone"):
        started(with_model(tiny_recipe(), pretrained=str(tmp_path / "other.safetensors")), well)


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_a_pickle_is_called_one_and_never_read(
    name: str, well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    torch.save({"a": torch.zeros(2)}, tmp_path / name)
    r = with_model(tiny_recipe(), pretrained=str(tmp_path / name))
    with pytest.raises(ModelError, match=rf"{name} is a pickle .* only opens \.safetensors"):
        started(r, well)
    with pytest.raises(ModelError, match="is a pickle"):
        begin.parent_of(r)


def test_a_damaged_model_is_not_taken_for_weights_of_others(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    """Else nothing would tell which photos it has seen."""
    path = saved(tiny_recipe(), well, tmp_path / "first.safetensors")
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(ModelError, match="damaged"):
        begin.parent_of(with_model(tiny_recipe(), pretrained=str(path)))


def test_weights_that_are_no_numbers_are_refused(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    """Only those that would be used: a mask of infinities elsewhere in the file is no matter."""
    first, _ = started(tiny_recipe(), well)
    tensors = dict(first.backbone.network.state_dict())
    path = tmp_path / "weights.safetensors"
    r = with_model(tiny_recipe(), pretrained=str(path))
    save_file(tensors | {"mask": torch.tensor([-torch.inf])}, path)
    started(r, well)
    name = next(iter(tensors))
    save_file(tensors | {name: torch.full_like(tensors[name], torch.nan)}, path)
    with pytest.raises(DataError, match=rf"weights\.safetensors hold .* no numbers \({name}\)"):
        started(r, well)


def test_the_hub_is_asked_only_when_the_user_allows_it(
    tmp_path: Path, tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    r = with_model(tiny_recipe(), pretrained="hub", backbone="resnet18")
    with pytest.raises(DataError, match="--download"):
        worker.with_weights(r, download=False)
    asked: list[tuple[str, str]] = []

    def fetch(repository: str, file: str) -> str:
        asked.append((repository, file))
        return str(tmp_path / file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    found = worker.with_weights(r, download=True)
    assert found.model.pretrained == str(tmp_path / "model.safetensors")
    assert asked[0][0].startswith("timm/resnet18.")
    assert asked[0][1] == "model.safetensors"


def test_a_hub_that_cannot_be_reached_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(repository: str, file: str) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    with pytest.raises(ModelError, match="check the connection"):
        hub.download("resnet18")
    with pytest.raises(ModelError, match="no weights"):
        hub.download("test_no_such_net")


def test_weights_of_another_network_than_the_name_stands_for_are_not_fetched(
    tiny_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GeoView builds mobilenetv2_100 as Google padded it, the hub's are padded otherwise."""
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *given: asked.append(given))
    r = with_model(tiny_recipe(), pretrained="hub", backbone="mobilenetv2_100")
    with pytest.raises(ModelError, match=r"name mobilenetv2_100\.ra_in1k as the backbone"):
        worker.with_weights(r, download=True)
    assert asked == []


def test_local_weights_named_like_the_backbone_answer_for_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEOVIEW_HOME", str(tmp_path))
    shipped = recipe.find("deeprock.paper")
    assert recipe.read(shipped).model.pretrained == "hub"
    file = tmp_path / "data" / "weights" / "densenet121.tv_in1k.safetensors"
    save_file({"w": torch.zeros(1)}, file)
    assert recipe.read(shipped).model.pretrained == str(file)


@pytest.mark.parametrize("mode", ["frozen", "head-only", "partly", "none"])
def test_freezing_modes_reach_the_network(mode: str, well: Path, tiny_recipe: MakeRecipe) -> None:
    module, _ = started(with_model(tiny_recipe(), freeze=mode), well)
    learns = {n: p.requires_grad for n, p in module.backbone.network.named_parameters()}
    assert any(learns.values()) == (mode in ("partly", "none"))
    assert all(learns.values()) == (mode == "none")
    assert all(p.requires_grad for n, p in module.named_parameters() if n.startswith("fusion"))


def test_fine_tuning_a_model_takes_its_head_too(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    first, _ = started(tiny_recipe(), well)
    dataset = data.load(well)
    card = begin.new_card(tiny_recipe(), dataset, {"train": (0,), "val": (1,), "test": ()})
    torch.nn.init.constant_(first.classifier, 0.5)
    path = tmp_path / "first.safetensors"
    bundle.save(path, module=first, card=card)
    second, told = started(with_model(tiny_recipe(), pretrained=str(path)), well)
    assert torch.equal(second.classifier, first.classifier)  # one half is exact in fp16
    assert not float(second.proportions.sum())
    assert next(e for e in told if e["event"] == "pretrained")["missing"] == []


def normalised_by(r: Recipe, *values: float) -> Recipe:
    found = r.preprocess.model_copy(update={"mean": values, "std": values})
    return r.model_copy(update={"preprocess": found})


def test_fine_tuning_keeps_to_the_photos_that_a_model_knows(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    path = saved(normalised_by(tiny_recipe(), 0.5, 0.5, 0.5), well, tmp_path / "first.safetensors")
    r = with_model(tiny_recipe(), pretrained=str(path))
    dataset = data.load(well)
    card = begin.new_card(r, dataset, {"train": (0,)}, parent=begin.parent_of(r))
    assert card.preprocess.mean == card.preprocess.std == (0.5, 0.5, 0.5)
    assert card.preprocess.tiling == r.preprocess.tiling


@pytest.mark.parametrize("fits", [True, False])
def test_photos_normalised_otherwise_than_for_the_published_weights_are_told(
    fits: bool, well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    r = with_model(tiny_recipe(), backbone="test_vit.r160_in1k")  # half, as timm tells
    first, _ = started(r, well)
    path = tmp_path / "weights.safetensors"
    save_file(first.backbone.network.state_dict(), path)
    r = with_model(normalised_by(r, 0.5, 0.5, 0.5) if fits else r, pretrained=str(path))
    _, told = started(r, well)
    notices = [event["message"] for event in told if event["event"] == "notice"]
    wanted = (
        "The weights of test_vit.r160_in1k were made for photos normalised by mean 0.5, 0.5, 0.5 "
        "and std 0.5, 0.5, 0.5; set preprocess.mean and preprocess.std to them."
    )
    assert notices == ([] if fits else [wanted])


def renamed(dataset: data.Dataset, classes: list[str], layers: list[str]) -> data.Dataset:
    """The same photos with other classes, of which the first is in all of them, and layers."""
    labels = (1.0, *[0.0] * (len(classes) - 1))
    items = tuple(
        replace(i, labels=labels, states=tuple(2 * int(x) for x in labels), area=labels)
        for i in dataset.items
    )
    return replace(dataset, items=items, classes=tuple(classes), layers=tuple(layers))


def test_fine_tuning_goes_on_with_the_classes_of_the_same_name(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    """Limestone and mudstone, and the layers, come in another order and with others."""
    path = saved(tiny_recipe(), well, tmp_path / "first.safetensors")
    first: Any = bundle.load(path).module
    names, layers = ["Mudstone", "chalk", "limestone"], ["Layer2", "Layer9", "Layer1"]
    dataset = renamed(data.load(well), names, layers)
    parts = split(dataset.items, tiny_recipe().split, seed=0)
    r = with_model(tiny_recipe(), pretrained=str(path))
    told: list[dict[str, Any]] = []
    second, _ = begin.new_module(
        r, begin.new_card(r, dataset, parts), dataset, parts,
        lambda kind, **fields: told.append({"event": kind, **fields}),
    )  # fmt: skip
    was = data.load(well).classes.index
    for name, row in (("mudstone", 0), ("limestone", 2)):
        for part in ("classifier", "label_embeddings", "area.weight", "area.bias"):
            new, old = second.get_parameter(part), first.get_parameter(part)
            torch.testing.assert_close(new[row], old[was(name)])
    assert torch.equal(second.layer_head.weight[[2, 0]], first.layer_head.weight)
    assert torch.equal(second.area.bias[-1], first.area.bias[-1])
    said = [e["message"] for e in told if e["event"] == "notice"]
    assert said == [
        "2 classes taken over from first.safetensors: Mudstone, limestone; 1 new: chalk.",
        "2 layers taken over from first.safetensors: Layer2, Layer1; 1 new: Layer9.",
    ]


def test_a_head_for_other_classes_is_not_taken_although_it_has_the_size(
    well: Path, tmp_path: Path, tiny_recipe: MakeRecipe
) -> None:
    path = saved(tiny_recipe(), well, tmp_path / "first.safetensors")
    dataset = renamed(data.load(well), ["quartz", "pyrite"], ["Layer1", "Layer2"])
    parts = split(dataset.items, tiny_recipe().split, seed=0)
    r = with_model(tiny_recipe(), pretrained=str(path))
    told: list[dict[str, Any]] = []
    begin.new_module(
        r, begin.new_card(r, dataset, parts), dataset, parts,
        lambda kind, **fields: told.append({"event": kind, **fields}),
    )  # fmt: skip
    (event,) = [e for e in told if e["event"] == "pretrained"]
    assert {"classifier", "label_embeddings", "area.weight"} <= set(event["unused"])
    said = [e["message"] for e in told if e["event"] == "notice"]
    assert said[0] == "No classes taken over from first.safetensors; 2 new: quartz, pyrite."


@pytest.mark.parametrize("tiled", [True, False])
def test_areas_of_whole_photos_are_not_learned_from_tiles(
    tiled: bool, well: Path, tiny_recipe: MakeRecipe
) -> None:
    photos = sorted(well.glob("*.png"))
    rows = [f"{p.name},1,2,{n / 20},{1 - n / 20}" for n, p in enumerate(photos)]
    (well / "truth_tiles.csv").unlink()
    head = "file,state_limestone,state_mudstone,area_limestone,area_mudstone"
    (well / "labels.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    r = tiny_recipe()
    if not tiled:
        whole = r.preprocess.model_copy(update={"tiling": None})
        r = r.model_copy(update={"preprocess": whole})
    module, told = started(r, well)
    assert (module.area is None) == tiled
    notices = [event["message"] for event in told if event["event"] == "notice"]
    assert ["cannot be learned from tiles" in text for text in notices] == [True] * tiled


def test_areas_of_tiles_are_learned(well: Path, tiny_recipe: MakeRecipe) -> None:
    module, told = started(tiny_recipe(), well)
    assert module.area is not None
    assert told == []


def test_a_size_that_the_backbone_does_not_take_is_named(
    well: Path, tiny_recipe: MakeRecipe
) -> None:
    with pytest.raises(DataError, match=r"efficientformer_l1 does not take photos of 64 px"):
        started(with_model(tiny_recipe(), backbone="efficientformer_l1"), well)
