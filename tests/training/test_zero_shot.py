"""Names become a model: its numbers are transformers' own, its file needs nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_clip
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file

from geoview.errors import Cancelled, DataError, ModelError
from geoview.explain.cam import explain
from geoview.models import bundle
from geoview.models.backbone import transfer
from geoview.models.device import cpu
from geoview.models.engine import Engine
from geoview.models.registry import build
from geoview.models.runner import normalise
from geoview.records import Photo, Progress
from geoview.training import zero_shot
from geoview.training.clip_folder import download, read_folder

NAMES = ["quartz", "malachite", "iron ore"]
ONE = ["a photo of {}"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip.make_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip.make_siglip(tmp_path_factory.mktemp("siglip"))


@pytest.fixture
def photo(tmp_path: Path) -> Photo:
    path = tmp_path / "specimen.png"
    rng = np.random.default_rng(3)
    Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(path)
    info = path.stat()
    return Photo(path, path.name, info.st_size, info.st_mtime_ns)


def pixels(count: int) -> NDArray[np.uint8]:
    shape = (count, tiny_clip.SIDE, tiny_clip.SIDE, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def own_logits(folder: Path, photos: NDArray[np.uint8]) -> torch.Tensor:
    module, card = zero_shot.assemble(read_folder(folder), names=NAMES, name="words", templates=ONE)
    model: Any = type("Loaded", (), {"card": card})
    with torch.no_grad():
        logits: torch.Tensor = module(normalise(photos, model=model, module=module)).logits
    return logits


def test_logits_are_those_of_clip(clip: Path) -> None:
    from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

    photos = pixels(4)
    seen = CLIPImageProcessor.from_pretrained(clip)(images=list(photos), return_tensors="pt")
    words = CLIPTokenizer.from_pretrained(clip)(
        [f"a photo of {name}" for name in NAMES], padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        wanted = CLIPModel.from_pretrained(clip).eval()(**seen, **words).logits_per_image
    torch.testing.assert_close(own_logits(clip, photos), wanted, atol=1e-4, rtol=0)


def test_logits_are_those_of_siglip(siglip: Path) -> None:
    from transformers import SiglipImageProcessor, SiglipModel

    photos = pixels(4)
    seen = SiglipImageProcessor.from_pretrained(siglip)(images=list(photos), return_tensors="pt")
    number = {word: i for i, word in enumerate(tiny_clip.WORDS)}
    rows = [[number[w] for w in f"a photo of {name}".split()] + [1] for name in NAMES]
    ids = torch.tensor([row + [1] * (16 - len(row)) for row in rows])
    with torch.no_grad():
        model = SiglipModel.from_pretrained(siglip).eval()
        wanted = model(**seen, input_ids=ids).logits_per_image
    torch.testing.assert_close(own_logits(siglip, photos), wanted, atol=1e-4, rtol=0)


def test_several_templates_are_averaged_on_the_sphere(clip: Path) -> None:
    """Mean of the normalised embeddings, normalised again, here in numpy."""
    from transformers import CLIPModel, CLIPTokenizer

    templates = ["a photo of {}", "{} crystals"]
    model, tokeniser = CLIPModel.from_pretrained(clip).eval(), CLIPTokenizer.from_pretrained(clip)
    wanted = []
    for name in NAMES:
        prompts = [f"a photo of {name}", f"{name} crystals"]
        with torch.no_grad():
            found = model.text_model(**tokeniser(prompts, padding=True, return_tensors="pt"))
            vectors = model.text_projection(found.pooler_output).numpy()
        mean = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(0)
        wanted.append(mean / np.linalg.norm(mean))
    got = zero_shot.embed(read_folder(clip), names=NAMES, templates=templates)
    np.testing.assert_allclose(got.numpy(), np.stack(wanted), atol=1e-5)


def test_the_file_runs_like_any_model_without_its_folder(tmp_path: Path, photo: Photo) -> None:
    folder = tiny_clip.make_clip(tmp_path / "tiny-clip")
    out = tmp_path / "Ma collection.safetensors"
    zero_shot.make(folder, names=NAMES, out=out)
    for file in folder.iterdir():
        file.unlink()
    model = bundle.load(out)
    assert model.card.name == "Ma-collection"
    assert model.card.classes == NAMES
    assert model.card.options["templates"] == list(zero_shot.TEMPLATES)
    assert model.card.options["weights"] == "tiny-clip"
    assert str(tmp_path) not in model.card.model_dump_json()
    with Engine(model, choice=cpu()) as engine:
        (result,) = engine.run([photo])
        heat = explain(engine, photo, class_name="malachite")
    assert result.prediction is not None
    assert sum(result.prediction.probabilities) == pytest.approx(1)
    assert not result.prediction.multi_label
    assert heat.method == "grad-cam"
    assert heat.box_xyxy == (0, 0, 64, 48)


def test_a_siglip_may_judge_each_name_by_itself(siglip: Path, tmp_path: Path, photo: Photo) -> None:
    out = tmp_path / "many.safetensors"
    zero_shot.make(siglip, names=["quartz"], out=out, multi_label=True)
    model = bundle.load(out)
    assert model.card.task == "multi-label"
    with Engine(model, choice=cpu()) as engine:
        (result,) = engine.run([photo])
    assert result.prediction is not None
    assert result.prediction.multi_label


def test_names_composed_and_decomposed_are_one() -> None:
    assert zero_shot.unique_names(["Gr\u00fcn", "gru\u0308n", "rot"]) == ["Gr\u00fcn", "rot"]


def test_names_are_tidied_once_and_keep_their_order() -> None:
    given = [" Quartz ", "iron  ore", "quartz", "", "Iron Ore", "malachite\n"]
    assert zero_shot.unique_names(given) == ["Quartz", "iron ore", "malachite"]


def test_thousands_of_names_go_in_batches(clip: Path) -> None:
    names = [f"mineral {i}" for i in range(6000)]
    seen: list[Progress] = []
    module, card = zero_shot.assemble(
        read_folder(clip), names=names, name="all", templates=ONE, progress=seen.append
    )
    assert len(card.classes) == 6000
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert (seen[-1].done, seen[-1].total) == (6000, 6000)
    alone = zero_shot.embed(read_folder(clip), names=names[4321:4322], templates=ONE)
    torch.testing.assert_close(module.text_embeddings[4321:4322], alone, atol=1e-5, rtol=0)


def test_a_stop_leaves_no_file(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "never.safetensors"
    with pytest.raises(Cancelled):
        zero_shot.make(clip, names=NAMES, out=out, cancelled=lambda: True)
    assert not out.exists()


def test_fine_tuning_takes_each_class_its_own_words(clip: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    zero_shot.make(clip, names=NAMES, out=start)
    rows = zero_shot.embeddings_of(["Iron ore", "quartz"], model=start)
    table = load_file(start)["text_embeddings"].float()
    assert torch.equal(rows, table[[2, 0]])
    card, _ = bundle.read_card(start)
    fewer = card.model_copy(update={"classes": ["Iron ore", "quartz"], "thresholds": [0.5, 0.5]})
    found = transfer(build(fewer), load_file(start))
    assert found.unused == ["text_embeddings"]
    assert found.missing == ["text_embeddings"]
    with pytest.raises(DataError, match="azurite"):
        zero_shot.embeddings_of(["quartz", "azurite"], model=start)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": []}, "no names"),
        ({"names": ["quartz", "Quartz"]}, "two names"),
        ({"names": ["quartz", "x" * 121]}, "too long"),
        ({"names": [str(i) for i in range(10_001)]}, "too many"),
        ({"templates": ["a photo"]}, "template"),
        ({"templates": ["{} and {}"]}, "template"),
        ({"multi_label": True}, "SigLIP"),
    ],
)
def test_wrong_wishes_are_told(
    clip: Path, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        zero_shot.make(clip, **{"names": NAMES, "out": tmp_path / "x.safetensors", **change})


def test_folders_that_hold_no_usable_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.*config\.json.*--download"):
        read_folder(tmp_path / "nowhere")
    folder = tiny_clip.make_clip(tmp_path / "clip")
    weights = folder / "model.safetensors"
    whole = load_file(weights)
    save_file({k: v for k, v in whole.items() if "layers.1" not in k}, weights, {"format": "pt"})
    with pytest.raises(DataError, match="lack"):
        read_folder(folder)
    weights.write_bytes(b"\x80\x04not weights")
    with pytest.raises(DataError, match="cannot be loaded"):
        read_folder(folder)
    weights.unlink()
    torch.save(whole, folder / "pytorch_model.bin")
    with pytest.raises(DataError, match="safetensors"):
        read_folder(folder)
    (folder / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(DataError, match="bert"):
        read_folder(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": 9}), encoding="utf-8")
    with pytest.raises(DataError, match="image_mean"):
        read_folder(folder)
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text('{"image_processor": {}}', encoding="utf-8")
    with pytest.raises(DataError, match=r"\bprocessor_config\.json.*image_processor\.image_mean"):
        read_folder(folder)
    (folder / "processor_config.json").unlink()
    with pytest.raises(DataError, match=r"preprocessor_config\.json cannot be read"):
        read_folder(folder)


def test_a_download_says_what_it_fetches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    asked: list[Any] = []

    def fetch(name: str, *, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    told: list[str] = []
    assert download("openai/clip-vit-base-patch32", say=told.append) == tmp_path
    ((name, patterns),) = asked
    assert name == "openai/clip-vit-base-patch32"
    assert not any(p.endswith((".bin", ".pt", ".py", ".pkl", "*")) for p in patterns)
    assert "openai/clip-vit-base-patch32" in told[0]


def test_a_download_that_fails_is_one_sentence() -> None:
    with pytest.raises(DataError, match="could not be fetched"):
        download("nobody/nothing")


def test_other_models_have_no_words(samples: Path) -> None:
    with pytest.raises(ModelError):
        zero_shot.embeddings_of(["quartz"], model=samples / "missing.safetensors")
