"""Choosing folders and files in the desktop's own dialogs, and what is dropped on the window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

Chosen = Callable[[Path], object]


def ask_folder(parent: QWidget, chosen: Chosen, *, title: str = "Open a folder of photos") -> None:
    """Let the user choose a folder; returns at once."""
    dialog = _dialog(parent, title, chosen)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.open()


def ask_csv(parent: QWidget, folder: Path, chosen: Chosen, *, tiles: bool) -> None:
    """Let the user choose where results go; named after the folder, and beside it."""
    dialog = _dialog(parent, "Export results", chosen)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilter("CSV (*.csv)")
    dialog.setDefaultSuffix("csv")
    dialog.setDirectory(str(folder.parent))
    dialog.selectFile(f"{folder.name}{'-tiles' if tiles else ''}.csv")
    dialog.open()


def ask_picture(parent: QWidget, name: str, chosen: Chosen) -> None:
    """Let the user choose where a picture goes."""
    dialog = _dialog(parent, "Save picture", chosen)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilter("PNG (*.png)")
    dialog.setDefaultSuffix("png")
    dialog.selectFile(name)
    dialog.open()


def ask_sheet(parent: QWidget, chosen: Chosen) -> None:
    """Let the user choose a sheet of depths for the photos of the open folder."""
    dialog = _dialog(parent, "Depths from a sheet", chosen)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilter("Sheets (*.csv *.tsv *.txt *.xlsx)")
    dialog.open()


def ask_measurements(
    parent: QWidget, folder: Path, chosen: Chosen, *, title: str, suffix: str
) -> None:
    """Let the user choose where measurements go: a file, or a folder when ``suffix`` is empty."""
    dialog = _dialog(parent, title, chosen)
    dialog.setDirectory(str(folder.parent))
    if suffix:
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(f"{title} (*{suffix})")
        dialog.setDefaultSuffix(suffix.removeprefix("."))
        dialog.selectFile(f"{folder.name}-sizes{suffix}")
    else:
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.open()


def ask_list(
    parent: QWidget, folder: Path, chosen: Chosen, *, title: str, kinds: Sequence[tuple[str, str]]
) -> None:
    """Let the user choose where a list goes; ``kinds`` are words and suffixes to choose from."""
    filters = {f"{words} (*{suffix})": suffix for words, suffix in kinds}
    dialog = _dialog(parent, title, chosen)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setNameFilters(list(filters))
    dialog.setDefaultSuffix(kinds[0][1].removeprefix("."))
    dialog.filterSelected.connect(
        lambda chosen: dialog.setDefaultSuffix(filters[chosen].removeprefix("."))
    )
    dialog.setDirectory(str(folder.parent))
    dialog.selectFile(f"{folder.name}-{title.lower().replace(' ', '-')}")
    dialog.open()


def ask_table(parent: QWidget, title: str, chosen: Chosen) -> None:
    """Let the user choose a CSV or Excel sheet."""
    dialog = _dialog(parent, title, chosen)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilter("Sheets (*.csv *.tsv *.txt *.xlsx)")
    dialog.open()


def ask_model(parent: QWidget, chosen: Chosen) -> None:
    """Let the user choose a model file."""
    dialog = _dialog(parent, "Add a model", chosen)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilter("GeoView models (*.safetensors)")
    dialog.open()


def _dialog(parent: QWidget, title: str, chosen: Chosen) -> QFileDialog:
    dialog = QFileDialog(parent, title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda name: chosen(Path(name)))
    return dialog


def open_file(path: Path) -> None:
    """Show a file in the program that the desktop opens it with."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def dropped_folder(urls: Sequence[QUrl]) -> Path | None:
    """The folder that was dropped, or that of the file that was."""
    for url in urls:
        path = Path(url.toLocalFile()) if url.isLocalFile() else None
        if path is not None and path.exists():
            return path if path.is_dir() else path.parent
    return None
