"""``geoview doctor``: is everything there, and does a real photo go through?"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable
from importlib import metadata
from typing import TYPE_CHECKING

import geoview
from geoview import logs, paths
from geoview import settings as user_settings
from geoview.commands import common, console
from geoview.commands.common import Precision
from geoview.errors import GeoViewError
from geoview.records import Photo, Prediction

if TYPE_CHECKING:
    from geoview.models.engine import Engine

log = logging.getLogger(__name__)

LIBRARIES = (
    "torch", "torchvision", "timm", "transformers", "safetensors", "onnxruntime", "numpy", "pillow",
    "pillow-heif", "rawpy", "tifffile", "opencv-python-headless", "sqlalchemy",
    "PySide6-Essentials", "pyqtgraph",
)  # fmt: skip
OPTIONAL = ("rawpy",)


def doctor(*, model: str | None, device: str | None, precision: Precision | None) -> int:
    """Print what GeoView finds and run a real inference; 0 when all is well."""
    checks = [
        _check("program", _program),
        _check("folders", _folders),
        _check("libraries", _libraries),
        _check("devices", _devices),
        _check("inference", lambda: _inference(model, device=device, precision=precision)),
    ]
    well = all(checks)
    console.say("Everything works." if well else "Something is wrong; see the lines marked ✗.")
    return console.DONE if well else console.NOTHING_DONE


def _check(title: str, look: Callable[[], list[tuple[str, str]]]) -> bool:
    """Print one section; False when it holds an error."""
    out = console.out()
    console.line(out, title)
    try:
        rows = look()
    except GeoViewError as error:
        rows = [("✗", str(error))]
    except Exception as error:
        # A broken library can raise anything; the other sections are still worth seeing.
        log.exception("Doctor: %s", title)
        rows = [("✗", f"{type(error).__name__}: {error}")]
    for label, text in rows:
        console.line(out, f"  {label:<24} {console.shown(text)}")
    return not any(label.startswith("✗") for label, _ in rows)


def _program() -> list[tuple[str, str]]:
    return [
        ("GeoView", geoview.__version__),
        ("Python", platform.python_version()),
        ("system", f"{platform.platform()}, {os.cpu_count()} CPU cores"),
    ]


def _folders() -> list[tuple[str, str]]:
    return [
        ("resources", str(paths.resources())),
        ("settings", str(user_settings.settings_file())),
        ("data", str(paths.data_dir())),
        ("cache", str(paths.cache_dir())),
        ("log", str(logs.log_file())),
    ]


def _libraries() -> list[tuple[str, str]]:
    rows = []
    for name in LIBRARIES:
        try:
            rows.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            mark = name if name in OPTIONAL else f"✗ {name}"
            rows.append((mark, "not installed"))
    return rows


def _devices() -> list[tuple[str, str]]:
    from geoview.models.device import available_devices

    return [(found.device, found.label) for found in available_devices()]


def _inference(
    model: str | None, *, device: str | None, precision: Precision | None
) -> list[tuple[str, str]]:
    """One shipped photo through the real model, timed after a first warm-up run."""
    settings = user_settings.load()
    chosen = common.choose_model(model, settings=settings)
    photo = _sample_photo()
    engine = common.open_engine(chosen.path, device=device, precision=precision, settings=settings)
    try:
        _run(engine, photo)
        start = time.perf_counter()
        made = _run(engine, photo)
        seconds = time.perf_counter() - start
        label = engine.choice.label
    finally:
        engine.close()
    best = made.dominant or "cannot tell"
    return [
        ("model", f"{chosen.ref.name} ({chosen.ref.sha256[:12]})"),
        ("device", label),
        (photo.file, f"{best}, {1000 * seconds:.0f} ms"),
    ]


def _sample_photo() -> Photo:
    folder = paths.resources() / "samples" / "cuttings"
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
            found = path.stat()
            return Photo(path, path.name, found.st_size, found.st_mtime_ns)
    raise GeoViewError(f"The sample photos in {folder} are missing; install GeoView again.")


def _run(engine: Engine, photo: Photo) -> Prediction:
    (result,) = engine.run([photo])
    if result.prediction is None:
        raise GeoViewError(f"The sample photo {photo.file} failed: {result.reason}")
    return result.prediction
