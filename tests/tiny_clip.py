"""Little CLIPs and SigLIPs with random weights, in folders as the model hub gives them."""

from __future__ import annotations

import json
import string
from pathlib import Path

import torch

from geoview.models import mend_torchvision

SIDE = 32
TOWER = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
}  # fmt: skip
VISION = {**TOWER, "image_size": SIDE, "patch_size": 8}
WORDS = ["<pad>", "</s>", "<unk>", "a", "photo", "of", "quartz", "malachite", "iron", "ore", "."]


def make_clip(folder: Path, *, side: int = SIDE) -> Path:
    """A CLIP with 16 dimensions, spelling its prompts letter by letter; all of it is written by
    transformers itself."""
    mend_torchvision()
    from transformers import (
        CLIPConfig,
        CLIPImageProcessor,
        CLIPModel,
        CLIPProcessor,
        CLIPTokenizer,
    )

    letters = string.ascii_lowercase + string.digits + ".,-"
    tokens = [*letters, *(f"{c}</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    start, end = len(tokens) - 2, len(tokens) - 1
    text = {
        **TOWER, "vocab_size": len(tokens), "max_position_embeddings": 48,
        "bos_token_id": start, "eos_token_id": end, "pad_token_id": end,
    }  # fmt: skip
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config=text, vision_config={**VISION, "image_size": side}, projection_dim=16
    )
    model = CLIPModel(config)
    model.logit_scale.data.fill_(3.0)
    model.save_pretrained(folder)
    photos = CLIPImageProcessor(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    )
    words = CLIPTokenizer(vocab=vocabulary, merges=[])
    CLIPProcessor(photos, words).save_pretrained(folder)
    return folder


def make_siglip(folder: Path) -> Path:
    """A SigLIP that knows ``WORDS``, in the files that transformers wrote before version 5; its
    tokeniser's own class needs sentencepiece."""
    mend_torchvision()
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import SiglipConfig, SiglipModel

    torch.manual_seed(1)
    text = {
        **TOWER, "vocab_size": len(WORDS), "max_position_embeddings": 16,
        "bos_token_id": None, "eos_token_id": 1, "pad_token_id": 1,
    }  # fmt: skip
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=VISION))
    model.logit_scale.data.fill_(2.0)
    model.logit_bias.data.fill_(-1.5)
    model.save_pretrained(folder)
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    tokeniser = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokeniser.normalizer = normalizers.Lowercase()  # type: ignore[assignment]
    tokeniser.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    tokeniser.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    tokeniser.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "SiglipTokenizer", "pad_token": "</s>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    processor = {
        "image_processor_type": "SiglipImageProcessor", "size": {"height": SIDE, "width": SIDE},
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
        "do_normalize": True, "do_rescale": True, "rescale_factor": 0.00392156862745098,
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    return folder
