"""From a CLIP or SigLIP on this machine and a list of names to a model file (P2, section 4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import ValidationError
from safetensors import safe_open
from torch import Tensor, nn

from geoview import __version__
from geoview.callbacks import never
from geoview.errors import Cancelled, DataError
from geoview.models import bundle
from geoview.models.card import ModelCard
from geoview.models.clip_zero_shot import Tower, ZeroShotOptions
from geoview.models.registry import build
from geoview.rate import Rate
from geoview.records import ModelRef, Progress
from geoview.training.clip_folder import TextAndVision, read_folder
from geoview.training.data import fold
from geoview.training.events import now_utc

# P2 compares photos with names in words; several wordings give a steadier direction than one.
TEMPLATES = (
    "a photo of {}.",
    "a photo of {}, a type of mineral.",
    "a close-up photo of {}.",
    "a photo of a specimen of {}.",
    "a photo of a piece of raw {}.",
    "a museum photo of {} crystals.",
)
MAX_NAMES = 10_000
BATCH = 128
DESCRIPTION = (
    "Compares photos with {count} names by the text and vision towers of {weights}; "
    "no labelled photo was used."
)
LIMITATIONS = (
    "The right name must be in the list. Nothing was measured yet: run geoview evaluate on "
    "labelled photos first. P2 found the right one of 5193 minerals in 6.5 % of the photos."
)


def make(
    folder: Path,
    *,
    names: Sequence[str],
    out: Path,
    templates: Sequence[str] = TEMPLATES,
    multi_label: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = never,
) -> ModelRef:
    """Write a model file that tells photos by these names; it needs the folder no more.

    Single-label: the names exclude each other (softmax). ``multi_label`` judges each by itself
    (sigmoid), which only a SigLIP has learned. Raises DataError and Cancelled.
    """
    source = read_folder(folder)
    module, card = assemble(
        source,
        names=names,
        name=_identifier(out.stem),
        templates=templates,
        multi_label=multi_label,
        progress=progress,
        cancelled=cancelled,
    )
    return bundle.save(out, module=module, card=card)


def assemble(
    source: TextAndVision,
    *,
    names: Sequence[str],
    name: str,
    templates: Sequence[str] = TEMPLATES,
    multi_label: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = never,
) -> tuple[nn.Module, ModelCard]:
    """As ``make``, from a model in memory to a network and its card called ``name``."""
    names, templates = unique_names(names), _checked(templates)
    if len(names) < 2 and not multi_label:
        raise DataError("Give at least two names: one name alone is always the most probable.")
    if multi_label and source.family == "clip":
        raise DataError(
            f"{source.name} is a CLIP, which only compares names with each other; use a SigLIP "
            "for multi-label, or leave multi-label out."
        )
    card = _card(source, names=names, templates=templates, name=name, multi_label=multi_label)
    embeddings = embed(
        source, names=names, templates=templates, progress=progress, cancelled=cancelled
    )
    module: Any = build(card)
    with torch.no_grad():
        _take_over(module, source)
        module.text_embeddings.copy_(embeddings)
    return module, card


def embed(
    source: TextAndVision,
    *,
    names: Sequence[str],
    templates: Sequence[str],
    progress: Callable[[Progress], None] = lambda _: None,
    cancelled: Callable[[], bool] = never,
) -> Tensor:
    """Embeddings of names, [n, d], of length 1.

    CLIP's recipe for several prompts: the mean of their normalised embeddings, normalised.
    """
    parts, rate = [], Rate()
    for first in range(0, len(names), BATCH):
        some = names[first : first + BATCH]
        total = torch.zeros(())
        for template in templates:
            if cancelled():
                raise Cancelled("The names were not all read; no model was written.")
            total = total + source.text_features([template.replace("{}", n) for n in some]).cpu()
        parts.append(F.normalize(total, dim=-1))
        progress(Progress(first + len(some), len(names), rate.after(len(some))))
    return torch.cat(parts)


def embeddings_of(classes: Sequence[str], *, model: Path) -> Tensor:
    """The text embeddings of classes in a zero-shot model file, [n, d], in their order.

    For fine-tuning it (P2, Table 4). Raises DataError naming the classes that it lacks.
    """
    card, _ = bundle.read_card(model)
    if card.architecture != "clip-zero-shot":
        raise DataError(f"{model.name} is no zero-shot model; make one with geoview zero-shot.")
    row = {fold(name): i for i, name in enumerate(card.classes)}
    unknown = [name for name in classes if fold(name) not in row]
    if unknown:
        raise DataError(
            f"The zero-shot model {model.name} has no names for the classes {', '.join(unknown)}; "
            "make it again with them."
        )
    with safe_open(model, framework="pt") as tensors:
        table: Tensor = tensors.get_tensor("text_embeddings")
    return table[[row[fold(name)] for name in classes]].float()


def unique_names(names: Sequence[str]) -> list[str]:
    """Names as first written, white space tidied, without repetitions that differ by case only.

    Raises DataError when there are none, too many, or one is too long to be a name.
    """
    first: dict[str, str] = {}
    for name in names:
        if name.strip():
            first.setdefault(fold(name), " ".join(name.split()))
    found = list(first.values())
    if not found:
        raise DataError("There are no names; give some, or a file with one name a line.")
    if len(found) > MAX_NAMES:
        raise DataError(f"{len(found)} names are too many; give at most {MAX_NAMES}.")
    long = next((name for name in found if len(name) > 120), None)
    if long is not None:
        raise DataError(f"“{long[:40]}…” is too long for a name; keep one name a line.")
    return found


def read_names(file: Path) -> list[str]:
    """Names from a text file, one a line; empty lines and those that begin with # do not count."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"The names in {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file.name} is no UTF-8 text; save it as UTF-8.") from error
    return [line for line in lines if not line.lstrip().startswith("#")]


def _card(
    source: TextAndVision,
    *,
    names: list[str],
    templates: list[str],
    name: str,
    multi_label: bool,
) -> ModelCard:
    vision = source.model.config.vision_config
    clip = source.family == "clip"
    try:
        options = ZeroShotOptions(
            family=source.family,
            tower=Tower(**{name: getattr(vision, name) for name in Tower.model_fields}),
            dim=source.model.config.projection_dim if clip else vision.hidden_size,
            templates=templates,
            weights=source.name,
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"{source.name} is of an unusual build ({where}: {first['msg']})."
        ) from error
    # Twice as probable as by chance is worth a name where even the best of many stays below half.
    threshold = 0.5 if multi_label else min(0.5, 2 / len(names))
    return ModelCard(
        name=name,
        title=f"Zero-shot, {len(names)} names ({source.name[:60]})",
        architecture="clip-zero-shot",
        backbone=f"{source.family}-vit-{vision.hidden_size}-patch{vision.patch_size}",
        task="multi-label" if multi_label else "single-label",
        classes=names,
        thresholds=[threshold] * len(names),
        preprocess=source.preprocess,
        options=options.model_dump(mode="json"),
        description=DESCRIPTION.format(count=len(names), weights=source.name),
        limitations=LIMITATIONS,
        licence=f"that of the weights of {source.name}",
        created_utc=now_utc(),
        app_version=__version__,
    )


def _take_over(module: Any, source: TextAndVision) -> None:
    """The vision tower, projection and scale of the source."""
    model = source.model
    module.vision.load_state_dict(model.vision_model.state_dict())
    if source.family == "clip":
        module.projection.load_state_dict(model.visual_projection.state_dict())
    else:
        module.logit_bias.copy_(model.logit_bias.reshape(()))
    module.logit_scale.copy_(model.logit_scale.reshape(()))


def _checked(templates: Sequence[str]) -> list[str]:
    """Templates, each with one place for the name. Raises DataError."""
    bad = next((t for t in templates if t.count("{}") != 1), None)
    if bad is not None or not templates:
        raise DataError(f"The template “{bad or ''}” must hold {{}} once, where the name goes.")
    return list(templates)


def _identifier(text: str) -> str:
    """A file's name as the name of a model."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-._")[:120] or "zero-shot"
