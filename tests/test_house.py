"""The house rules that a machine can check: who may import whom, and what stays out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "geoview"
BASE = {
    "records",
    "measured",
    "masks",
    "taxonomy",
    "settings",
    "paths",
    "errors",
    "files",
    "callbacks",
    "rate",
    "__init__",
}
# Who each part may import besides itself and the base; what is not named here composes.
MAY = {
    "photos": set(),
    "models": {"photos"},
    "explain": {"photos", "models"},
    "measure": {"photos", "models"},
    "catalog": {"photos"},
    "export": set(),
    "training": {"photos", "models"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(module: str) -> str:
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else "__init__"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_run_one_way(path: Path) -> None:
    home = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    named = {name for name in imports(path) if name.split(".")[0] == "geoview" and "." in name}
    parts = {part_of(name) for name in named if (PACKAGE / part_of(name)).exists()
             or (PACKAGE / f"{part_of(name)}.py").exists()}  # fmt: skip
    if home in MAY:
        assert parts <= MAY[home] | BASE | {home}
    elif home in BASE:
        assert parts <= BASE
    if home not in ("app", "cli", "commands", "__main__"):
        assert "app" not in parts
        assert not {n for n in imports(path) if n.split(".")[0] in ("PySide6", "pyqtgraph")}


def test_no_pickle_is_ever_read() -> None:
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert "torch.load(" not in text, path
        assert "import pickle" not in text, path
        assert "allow_pickle=True" not in text, path


def test_no_file_grows_too_long() -> None:
    lengths = {p.name: len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES}
    assert {name: n for name, n in lengths.items() if n > 420} == {}
