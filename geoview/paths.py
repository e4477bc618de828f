"""Where things are: resources shipped with the program and the user's own folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs


def resources() -> Path:
    """The folder of shipped resources, in a checkout, a wheel or a frozen build."""
    frozen = getattr(sys, "_MEIPASS", None)
    if frozen:
        return Path(frozen) / "resources"
    package = Path(__file__).resolve().parent
    inside = package / "resources"
    return inside if inside.is_dir() else package.parent / "resources"


def _user(kind: str) -> Path:
    """A folder of the user's; ``GEOVIEW_HOME`` moves all of them (portable use, tests)."""
    home = os.environ.get("GEOVIEW_HOME")
    if home:
        folder = Path(home) / kind
    else:
        dirs = platformdirs.PlatformDirs("GeoView", appauthor=False)
        folder = {
            "config": dirs.user_config_path,
            "data": dirs.user_data_path,
            "cache": dirs.user_cache_path,
            "log": dirs.user_log_path,
        }[kind]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def config_dir() -> Path:
    return _user("config")


def data_dir() -> Path:
    return _user("data")


def cache_dir() -> Path:
    return _user("cache")


def log_dir() -> Path:
    return _user("log")


def user_models_dir() -> Path:
    folder = data_dir() / "models"
    folder.mkdir(exist_ok=True)
    return folder


def weights_folders() -> list[Path]:
    """Where pretrained backbones lie as ``<name>.safetensors``: the user's, then a checkout's."""
    own = data_dir() / "weights"
    own.mkdir(exist_ok=True)
    beside = resources().parent.parent / "shared" / "weights"
    return [own, beside] if beside.is_dir() else [own]
