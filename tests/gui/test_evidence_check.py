"""The check of the evidence: a job, its warnings in the browser and the panel, kept for later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gui.fakes import FakeEngine
from gui.test_window import analysed, opened, plain, said

from geoview import evidence
from geoview.app.window import MainWindow
from geoview.catalog.evidence import Evidence
from geoview.project import Project
from geoview.records import EvidenceAudit, PlaceEvidence, Progress

Make = Callable[..., MainWindow]
DOUBTFUL = "WELL-A_0030.0m.jpg"


@pytest.fixture(autouse=True)
def label_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose evidence in one photo lies on its label."""

    def audit_folder(
        project: Project, engine: FakeEngine, **_: Any
    ) -> Iterator[tuple[list[EvidenceAudit], Progress]]:
        model = engine.model.ref
        yield [], Progress(0, len(project.photos))
        for number, photo in enumerate(project.photos, start=1):
            place = PlaceEvidence("shale", "text plate", 0.8, 0.1, photo.file == DOUBTFUL)
            audit = EvidenceAudit(photo.file, model, "grad-cam", (place,), "0", "2026-01-01")
            Evidence(project.catalog).save([audit], model=model)
            yield [audit], Progress(number, len(project.photos))

    monkeypatch.setattr(evidence, "audit_folder", audit_folder)


def checked(qtbot: Any, window: MainWindow) -> None:
    with qtbot.waitSignal(window.session.job_done, timeout=20_000):
        window.toolbar.audit.trigger()


def test_doubtful_evidence_is_told_and_shown(qtbot: Any, make_window: Make, photos: Path) -> None:
    window = make_window()
    opened(qtbot, window, photos)
    analysed(qtbot, window)
    assert window.toolbar.analyse_button.isEnabled(), "its menu is of use now"
    checked(qtbot, window)
    assert [plain(text) for text in said(window)] == [
        "The evidence of 8 photos was checked; 1 needs a look."
    ]
    window.show_warned()
    browser = window.photos_page().browser
    assert [result.photo.file for result in browser.model.results()] == [DOUBTFUL]
    browser.select_row(0)
    warning = window.photos_page().predictions.findings.warning
    assert warning.isVisible()
    assert "text plate" in warning.text()
    browser.bar.clear_filters()
    browser.select_row(0)
    assert not warning.isVisible()


def test_warnings_are_there_again_in_the_next_window(
    qtbot: Any, make_window: Make, photos: Path
) -> None:
    first = make_window()
    opened(qtbot, first, photos)
    analysed(qtbot, first)
    checked(qtbot, first)
    first.close()
    second = make_window()
    opened(qtbot, second, photos)
    qtbot.waitUntil(lambda: second.session.warned == {DOUBTFUL}, timeout=10_000)
    second.session.analyse(again=True)
    with qtbot.waitSignal(second.session.job_done, timeout=20_000):
        pass
    assert second.session.warned == set(), "a new answer has not been checked"
