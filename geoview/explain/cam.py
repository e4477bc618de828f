"""One entry for every explanation: a photo, a class and a method give a ``Heatmap``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from geoview.callbacks import never
from geoview.errors import Cancelled, GeoViewError, ModelError, PhotoError
from geoview.explain.methods import METHODS, Method, supported
from geoview.explain.stitch import stitch
from geoview.models.bundle import LoadedModel
from geoview.models.engine import Engine
from geoview.models.prefetch import Prepared, prepare
from geoview.models.runner import is_out_of_memory, normalise
from geoview.records import Heatmap, Photo

if TYPE_CHECKING:
    from numpy.typing import NDArray

CPU_BATCH = 4


def methods(source: Engine | LoadedModel) -> list[str]:
    """Names of the methods that a model offers, best first."""
    return supported(_model(source).module)


def explain(
    source: Engine | LoadedModel,
    photo: Photo,
    *,
    class_name: str,
    method: str = "auto",
    cancelled: Callable[[], bool] = never,
) -> Heatmap:
    """Where in a photo the evidence for a class is, in oriented original pixels.

    "auto" is the model's best method. Raises PhotoError when the photo cannot be read,
    ModelError when the model does not know the class or the method, and Cancelled.
    """
    return explain_classes(
        source, photo, class_names=[class_name], method=method, cancelled=cancelled
    )[0]


def explain_classes(
    source: Engine | LoadedModel,
    photo: Photo,
    *,
    class_names: Sequence[str],
    method: str = "auto",
    cancelled: Callable[[], bool] = never,
) -> list[Heatmap]:
    """As ``explain`` for several classes, for little more than the price of one."""
    model = _model(source)
    chosen = _method(model, method)
    classes = [_class_number(model, name) for name in class_names]
    prepared = prepare(photo, card=model.card)
    if prepared.inputs is None or prepared.plan is None:
        raise PhotoError(f"{photo.file}: {prepared.reason}")
    maps = _maps(source, chosen, classes=classes, inputs=prepared.inputs, cancelled=cancelled)
    return [
        _heatmap(maps[:, i], name, prepared=prepared, model=model, method=chosen)
        for i, name in enumerate(class_names)
    ]


def _heatmap(
    maps: NDArray[np.float32],
    class_name: str,
    *,
    prepared: Prepared,
    model: LoadedModel,
    method: Method,
) -> Heatmap:
    assert prepared.plan is not None
    values = stitch(
        maps,
        frames=[tile.frame for tile in prepared.plan.tiles],
        width_px=prepared.width_px,
        height_px=prepared.height_px,
    )
    return Heatmap(
        class_name=class_name,
        method=method.name,
        values=values,
        box_xyxy=(0.0, 0.0, float(prepared.width_px), float(prepared.height_px)),
        peak=float(values.max()),
        model=model.ref,
    )


def _maps(
    source: Engine | LoadedModel,
    method: Method,
    *,
    classes: Sequence[int],
    inputs: NDArray[np.uint8],
    cancelled: Callable[[], bool],
) -> NDArray[np.float32]:
    """The maps of every input, [T, k, gh, gw]; one input at a time when memory runs out."""
    model = _model(source)
    parts: list[NDArray[np.float32]] = []
    for module, batch in _places(source, len(inputs)):
        try:
            while (done := sum(len(part) for part in parts)) < len(inputs):
                if cancelled():
                    raise Cancelled("The heatmap was cancelled.")
                x = normalise(inputs[done : done + batch], model=model, module=module)
                parts.append(method.maps(module, x, classes).detach().float().cpu().numpy())
            return np.concatenate(parts)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
    raise GeoViewError("There is not enough memory for the heatmap; close other programs.")


def _places(source: Engine | LoadedModel, tiles: int) -> list[tuple[nn.Module, int]]:
    """Networks and batch sizes to try in turn.

    The CPU works in fp32 on the model itself; fp16 is left out, where small gradients vanish.
    """
    module = _model(source).module
    places = [(module, min(CPU_BATCH, tiles)), (module, 1)]
    if isinstance(source, Engine) and source.choice.device != "cpu":
        if source.choice.precision != "fp16":
            places.insert(0, (source.runner.module, source.runner.batch))
    return places


def _model(source: Engine | LoadedModel) -> LoadedModel:
    return source.model if isinstance(source, Engine) else source


def _method(model: LoadedModel, name: str) -> Method:
    offered = supported(model.module)
    wanted = offered[0] if name == "auto" and offered else name
    if wanted not in offered:
        raise ModelError(
            f"The model “{model.card.name}” cannot be explained by “{name}”; "
            f"it offers {', '.join(offered) or 'no method'}."
        )
    return METHODS[wanted]


def _class_number(model: LoadedModel, name: str) -> int:
    if name not in model.card.classes:
        known = ", ".join(model.card.classes)
        raise ModelError(f"The model “{model.card.name}” has no class “{name}”; it has {known}.")
    return model.card.classes.index(name)
