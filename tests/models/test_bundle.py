"""The one-file bundle: what goes in comes out, and nothing else gets in."""

from __future__ import annotations

import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from geoview.errors import ModelError
from geoview.models import bundle, store
from geoview.models.card import ModelCard, Preprocess
from geoview.models.registry import build


def tiny_card(**changes: object) -> ModelCard:
    fields: dict[str, object] = {
        "name": "tiny", "title": "Tiny", "architecture": "timm-classifier",
        "backbone": "resnet10t", "task": "multi-label", "classes": ["mudstone", "grès"],
        "thresholds": [0.4, 0.6], "preprocess": Preprocess(input_px=64),
    }  # fmt: skip
    return ModelCard.model_validate({**fields, **changes})


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    card = tiny_card()
    bundle.save(path, module=build(card), card=card, half=False)
    return path


def test_round_trip_gives_the_same_outputs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    card = tiny_card(
        architecture="geolayer", backbone="vit_tiny_patch16_224", layers=["a", "b"],
        options={"num_layers": 2, "area_head": True},
    )  # fmt: skip
    module = build(card)
    module.proportions += 3  # type: ignore[operator]
    path = tmp_path / "modèle é.safetensors"
    ref = bundle.save(path, module=module, card=card, half=False)
    loaded = bundle.load(path)
    assert loaded.card == card
    assert loaded.ref == ref
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        for mine, theirs in ((module(x), loaded.module(x)),):
            assert torch.equal(mine.logits, theirs.logits)
            assert torch.equal(mine.layer_logits, theirs.layer_logits)


def test_half_precision_file_is_half_the_size_and_close(saved: Path, tmp_path: Path) -> None:
    model = bundle.load(saved)
    small = tmp_path / "half.safetensors"
    bundle.save(small, module=model.module, card=model.card)
    assert small.stat().st_size < 0.52 * saved.stat().st_size
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        difference = model.module(x).logits - bundle.load(small).module(x).logits
    assert difference.abs().max() < 0.02


def test_reading_a_card_needs_no_torch(saved: Path) -> None:
    code = (
        "import sys, pathlib; from geoview.models.bundle import read_card;"
        f"card, ref = read_card(pathlib.Path({str(saved)!r}));"
        "assert card.classes == ['mudstone', 'grès'], card;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_flipped_byte_is_noticed(saved: Path, tmp_path: Path) -> None:
    blob = saved.read_bytes()
    (length,) = struct.unpack("<Q", blob[:8])
    places = [0, 7, 9, 8 + length // 2, 8 + length - 60, 8 + length + 5, len(blob) - 1]
    for place in places:
        bad = bytearray(blob)
        bad[place] ^= 0x11
        path = tmp_path / "bad.safetensors"
        path.write_bytes(bad)
        with pytest.raises(ModelError):
            bundle.read_card(path)


@pytest.mark.parametrize("keep", [0, 4, 8, 200, 0.5, 0.999])
def test_truncated_file_is_refused(saved: Path, tmp_path: Path, keep: float) -> None:
    blob = saved.read_bytes()
    path = tmp_path / "cut.safetensors"
    path.write_bytes(blob[: int(len(blob) * keep) if 0 < keep < 1 else int(keep)])
    with pytest.raises(ModelError, match=r"cut\.safetensors"):
        bundle.load(path)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("import pathlib; pathlib.Path('executed').touch()",))


def test_pickles_are_refused_and_not_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = tmp_path / "model.pt"
    plain.write_bytes(pickle.dumps(_Bomb()))
    archive = tmp_path / "model.safetensors"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(_Bomb()))
    archive.write_bytes(buffer.getvalue())
    for path in (plain, archive):
        with pytest.raises(ModelError, match="pickle"):
            bundle.load(path)
    assert not (tmp_path / "executed").exists()


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    photo = tmp_path / "photo.safetensors"
    photo.write_bytes(b"\xff\xd8\xff\xe0" + bytes(500))
    with pytest.raises(ModelError, match="not a GeoView model"):
        bundle.load(photo)
    plain = tmp_path / "weights.safetensors"
    save_file({"a": torch.zeros(3)}, plain)
    with pytest.raises(ModelError, match="no GeoView model card"):
        bundle.load(plain)
    with pytest.raises(ModelError, match="cannot be read"):
        bundle.load(tmp_path / "absent.safetensors")


def rewrite(path: Path, target: Path, **changes: object) -> Path:
    """A file whose digest is right but whose card says something else."""
    model = bundle.load(path)
    card = model.card.model_copy(update=changes)
    bundle.save(target, module=model.module, card=card)
    return target


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "os.system"}, "not known"),
        ({"backbone": "vit_huge_patch14_224"}, "do not fit"),
        ({"backbone": "hf-hub-someone.model"}, "not known"),
        ({"thresholds": [0.5]}, "not valid"),
        ({"classes": ["same", "same"]}, "not valid"),
    ],
)
def test_cards_that_lie_are_refused(
    saved: Path, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    path = rewrite(saved, tmp_path / "lie.safetensors", **changes)
    with pytest.raises(ModelError, match=words):
        bundle.load(path)


def test_weights_that_are_no_numbers_are_refused(saved: Path, tmp_path: Path) -> None:
    model = bundle.load(saved)
    next(model.module.parameters()).data.fill_(float("nan"))
    path = tmp_path / "nan.safetensors"
    bundle.save(path, module=model.module, card=model.card, half=False)
    with pytest.raises(ModelError, match="no numbers"):
        bundle.load(path)


def test_huge_header_length_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    path.write_bytes(struct.pack("<Q", 2**40) + b"{}")
    with pytest.raises(ModelError):
        bundle.read_card(path)


def test_deeply_nested_header_is_refused(tmp_path: Path) -> None:
    head = json.dumps("x").encode().join([b"[" * 50000, b"]" * 50000])
    path = tmp_path / "deep.safetensors"
    path.write_bytes(struct.pack("<Q", len(head)) + head)
    with pytest.raises(ModelError):
        bundle.read_card(path)


def test_store_lists_refused_files_with_their_reason(
    saved: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "good.safetensors").write_bytes(saved.read_bytes())
    (tmp_path / "bad.safetensors").write_bytes(saved.read_bytes()[:-9])
    monkeypatch.setattr(store, "folders", lambda: [tmp_path])
    bad, good = store.available()
    assert good.card is not None
    assert good.card.name == "tiny"
    assert bad.card is None
    assert "bad.safetensors" in bad.error
    assert store.resolve("tiny") == store.resolve("good") == tmp_path / "good.safetensors"
    with pytest.raises(ModelError, match="tiny"):
        store.resolve("nothing")
