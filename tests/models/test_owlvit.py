"""The object detector: a tiny OWL-ViT with random weights, from a local folder only."""

from __future__ import annotations

import json
import string
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from geoview.errors import ModelError
from geoview.models import mend_torchvision
from geoview.models.owlvit import PHRASES, Detector, nms

SIDE = 32
TOWER = {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
}  # fmt: skip


def make(folder: Path, kind: str = "owlvit") -> Path:
    """A detector of 4 × 4 boxes, with the files of one from the hub."""
    mend_torchvision()
    import transformers as t

    letters = string.ascii_lowercase
    tokens = [*letters, *(f"{c}</w>" for c in letters), "<|startoftext|>", "<|endoftext|>", "!"]
    text = {
        **TOWER, "vocab_size": len(tokens), "max_position_embeddings": 16, "pad_token_id": 54,
        "bos_token_id": 52, "eos_token_id": 53,
    }  # fmt: skip
    vision = {**TOWER, "image_size": SIDE, "patch_size": 8}
    config, model = {
        "owlvit": (t.OwlViTConfig, t.OwlViTForObjectDetection),
        "owlv2": (t.Owlv2Config, t.Owlv2ForObjectDetection),
    }[kind]
    torch.manual_seed(0)
    made = model(config(text_config=text, vision_config=vision, projection_dim=16))
    made.save_pretrained(folder)
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokeniser = t.CLIPTokenizer(
        vocab=vocabulary, merges=[], pad_token="!", model_max_length=16, unk_token="!"
    )
    tokeniser.save_pretrained(folder)
    name = {"owlvit": "OwlViT", "owlv2": "Owlv2"}[kind]
    processor = {
        "image_processor_type": f"{name}ImageProcessor", "size": {"height": SIDE, "width": SIDE},
        "do_resize": True, "do_normalize": True, "do_rescale": True, "do_center_crop": False,
        "do_pad": kind == "owlv2", "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    return folder


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (60, 100, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["owlvit", "owlv2"])
def test_boxes_are_those_of_transformers_in_the_photos_pixels(
    kind: str, tmp_path: Path, pixels: NDArray[np.uint8], one_core: None
) -> None:
    detector = Detector(make(tmp_path / "owl", kind))
    found = detector.detect(pixels, threshold=0.0)
    assert found
    processor, model = detector._processor, detector._model
    inputs = processor(text=[list(PHRASES)], images=pixels, return_tensors="pt")
    with torch.no_grad():
        output = model(**inputs)
    # OWLv2 pads to a square, which its own post-processing undoes by itself.
    processing = processor.image_processor
    (expected,) = processing.post_process_object_detection(
        output, threshold=0.0, target_sizes=[(60, 100)]
    )
    boxes = expected["boxes"].numpy().clip(0, (100, 60, 100, 60))
    scores = expected["scores"].numpy()
    for box, score, phrase in found:
        near = np.flatnonzero(np.isclose(scores, score, atol=1e-6))
        errors = [np.abs(boxes[i] - box).max() for i in near]
        assert min(errors) < 0.01
        assert phrase == PHRASES[int(expected["labels"][near[int(np.argmin(errors))]])]
    assert [score for _, score, _ in found] == sorted((s for _, s, _ in found), reverse=True)
    assert detector.name == f"{kind} owl"


def test_the_threshold_and_the_phrases_are_the_callers(
    tmp_path: Path, pixels: NDArray[np.uint8], one_core: None
) -> None:
    detector = Detector(make(tmp_path))
    every = detector.detect(pixels, phrases=["a rock"], threshold=0.0)
    middle = every[len(every) // 2][1]
    some = detector.detect(pixels, phrases=["a rock"], threshold=middle)
    assert {phrase for _, _, phrase in every} == {"a rock"}
    assert some == [one for one in every if one[1] >= middle]
    assert detector.detect(pixels, threshold=1.1) == []


def test_nms_keeps_the_surest_of_overlapping_boxes() -> None:
    boxes = np.array(
        [[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30], [0, 0, 10, 4], [0, 0, 10, 10]],
        np.float32,
    )
    scores = np.array([0.6, 0.9, 0.3, 0.5, 0.2], np.float32)
    # overlaps with the second: 90 / 110 and 36 / 104
    assert nms(boxes, scores).tolist() == [1, 3, 2]
    assert nms(boxes, scores, max_overlap=0.3).tolist() == [1, 2]
    assert nms(boxes[:0], scores[:0]).tolist() == []


@pytest.mark.parametrize("trouble", ["empty", "other", "no weights", "pickle only"])
def test_a_folder_without_a_detector_is_refused(trouble: str, tmp_path: Path) -> None:
    folder = tmp_path / "owl"
    if trouble in ("no weights", "pickle only"):
        make(folder)
        weights = folder / "model.safetensors"
        if trouble == "pickle only":
            weights.rename(folder / "pytorch_model.bin")
        else:
            weights.unlink()
    else:
        folder.mkdir()
        if trouble == "other":
            (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="owl"):
        Detector(folder)


def test_no_code_of_the_folder_is_run(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    folder = make(tmp_path)
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Model", "AutoProcessor": "evil.Processor"}
    (folder / "config.json").write_text(json.dumps(config))
    assert Detector(folder).detect(pixels, threshold=0.0)
