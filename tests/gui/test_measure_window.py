"""The Measure page in the real window: measure, correct by hand, undo, export, reopen."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gui.measure_fakes import (
    CUBE,
    SPECIMEN,
    USER,
    FakeTool,
    write_specimen,
    write_specimens,
)
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor

from geoview.app.measure_page import MeasurePage
from geoview.app.window import MainWindow
from geoview.measured import Measurement

Make = Callable[..., MainWindow]


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


def shown(qtbot: Any, window: MainWindow, folder: Path) -> MeasurePage:
    """The Measure page with a folder opened."""
    with qtbot.waitSignal(window.session.results_replaced, timeout=20_000):
        window.session.open(folder)
    window.show_page("measure")
    page = window.measure_page()
    qtbot.waitUntil(lambda: page.desk.measuring is not None and page.desk.pending >= 0)
    qtbot.waitUntil(lambda: page.table.model.total > 0)
    return page


def measured(qtbot: Any, window: MainWindow, folder: Path) -> MeasurePage:
    page = shown(qtbot, window, folder)
    qtbot.waitUntil(lambda: page.tools.measure.isEnabled())
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        qtbot.mouseClick(page.tools.measure_button, Qt.MouseButton.LeftButton)
    return page


def chosen(qtbot: Any, page: MeasurePage, file: str) -> Measurement:
    """A photo shown with its outline and decoded; its measurement."""
    page.go_to(file)

    def ready() -> bool:
        one = page.editor.measurement()
        return bool(
            page.editor.file() == file
            and one is not None
            and one.outline_px
            and page.editor.canvas.photo.best() is not None
        )

    qtbot.waitUntil(ready, timeout=10_000)
    qtbot.wait(50)
    one = page.editor.measurement()
    assert one is not None
    return one


def in_table(page: MeasurePage, file: str) -> Measurement:
    """What the table holds of a photo."""
    row = page.table.model.find(file)
    assert row is not None
    assert row.measurement is not None
    return row.measurement


def drag(
    qtbot: Any, page: MeasurePage, start: tuple[float, float], by: tuple[float, float]
) -> None:
    """Drag a place of the photo with the real mouse, by photo pixels."""
    canvas = page.editor.canvas
    view = canvas.viewport()
    a = canvas.to_widget(start).toPoint()
    b = canvas.to_widget((start[0] + by[0], start[1] + by[1])).toPoint()
    qtbot.mouseMove(view, a)
    qtbot.wait(30)
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=a)
    for share in (0.3, 0.7, 1.0):
        qtbot.wait(20)
        qtbot.mouseMove(view, QPoint(*(round(p + (q - p) * share) for p, q in
                                       zip(a.toTuple(), b.toTuple(), strict=True))))  # fmt: skip
    qtbot.wait(20)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=b)


def saved(qtbot: Any, page: MeasurePage) -> None:
    """Whatever was moved has been computed and is in the catalogue."""
    qtbot.waitUntil(lambda: not page.editor.busy and not page.desk.saving, timeout=20_000)


def test_measure_all_fills_the_table_the_counts_and_the_jobs_bar(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    (drawer / "QM-099.jpg").write_bytes(b"")
    window = make_window()
    page = shown(qtbot, window, drawer)
    qtbot.waitUntil(lambda: plain(page.tools.measure.text()) == "Measure 7")
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        page.tools.measure.trigger()
    assert plain(window.jobs.text.text()) == "7 of 7 measured: 3 accepted, 3 to review, 1 rejected"
    assert plain(page.table.shows["review"].text()) == "To review\n3"
    model = page.table.model
    assert model.index(0, 1).data() == "Accepted"
    assert plain(model.index(0, 2).data()) == "50.8 × 30.5 ± 0.6 mm"
    no_scale = model.place_of("QM-005.jpg")
    assert model.index(no_scale, 2).data() == "No scale"
    broken = model.find("QM-099.jpg")
    assert broken is not None
    assert broken.measurement is not None
    assert "cannot be read" in broken.measurement.reasons[0]
    qtbot.waitUntil(lambda: not page.tools.measure.isEnabled())


def test_a_dragged_corner_changes_the_size_is_undone_and_done_again(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    before = chosen(qtbot, page, "QM-001.jpg")
    assert before.size_mm is not None
    live: list[Measurement] = []
    page.editor.draft_changed.connect(live.append)
    drag(qtbot, page, SPECIMEN[2], (20, 0))
    saved(qtbot, page)
    after = page.editor.measurement()
    assert after is not None
    assert after.size_mm is not None
    assert len(live) > 1
    assert after.size_mm.length == pytest.approx(before.size_mm.length * 1.2, rel=0.02)
    assert after.size_mm.width == pytest.approx(before.size_mm.width, rel=0.02)
    assert after.user == USER
    row = in_table(page, "QM-001.jpg")
    assert row.size_mm == after.size_mm
    assert plain(page.result.both.text()).startswith(f"{after.size_mm.length:.1f}")

    page.go_to("QM-004.jpg")
    qtbot.keyClick(page.table.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: page.editor.file() == "QM-001.jpg")
    saved(qtbot, page)
    undone = page.editor.measurement()
    assert undone is not None
    assert undone.size_mm == before.size_mm
    assert page.editor.stage.place.said.text() == "Undone: outline of QM-001"
    assert not page.tools.undo.isEnabled()
    page.tools.redo.trigger()
    qtbot.waitUntil(lambda: page.tools.undo.isEnabled())
    saved(qtbot, page)
    again = page.editor.measurement()
    assert again is not None
    assert again.size_mm == after.size_mm


def test_a_correction_is_there_in_a_copy_of_the_folder_with_new_dates(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool, tmp_path: Path
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-001.jpg")
    drag(qtbot, page, SPECIMEN[2], (20, 0))
    saved(qtbot, page)
    after = page.editor.measurement()
    copy = shutil.copytree(drawer, tmp_path / "copy", copy_function=shutil.copyfile)
    page = shown(qtbot, window, copy)
    qtbot.waitUntil(lambda: page.desk.measuring.project.folder == copy, timeout=10_000)
    assert chosen(qtbot, page, "QM-001.jpg") == after
    qtbot.waitUntil(lambda: page.desk.pending == 0)
    page.tools.undo.trigger()
    saved(qtbot, page)
    qtbot.waitUntil(lambda: page.tools.redo.isEnabled())
    undone = page.editor.measurement()
    assert undone is not None
    assert undone.user == ""


def test_one_drag_is_one_step(qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-001.jpg")
    drag(qtbot, page, CUBE[2], (10, 10))
    saved(qtbot, page)
    assert page.desk.measuring is not None
    steps = [step for step in page.desk.measuring.history("QM-001.jpg") if step.measurement.user]
    assert len(steps) == 1
    scale = steps[0].measurement.scale
    assert scale is not None
    assert scale.source == "cube"
    assert scale.reference_px[2] == pytest.approx((90, 210), abs=1)


def test_a_correction_outlives_the_window_and_can_be_undone_in_the_next(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    first = make_window()
    page = measured(qtbot, first, drawer)
    before = chosen(qtbot, page, "QM-001.jpg")
    drag(qtbot, page, SPECIMEN[2], (20, 0))
    first.close()  # at once: what was dragged last is saved on the way out
    assert before.size_mm is not None

    second = make_window()
    page = shown(qtbot, second, drawer)
    after = chosen(qtbot, page, "QM-001.jpg").size_mm
    assert after is not None
    assert after.length == pytest.approx(1.2 * before.size_mm.length, rel=0.02)
    qtbot.waitUntil(lambda: page.tools.undo.isEnabled())
    page.tools.undo.trigger()
    qtbot.waitUntil(
        lambda: (m := page.editor.measurement()) is not None and m.size_mm == before.size_mm
    )


def test_the_csv_holds_what_was_corrected(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool, tmp_path: Path
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-001.jpg")
    drag(qtbot, page, SPECIMEN[2], (20, 0))
    saved(qtbot, page)
    after = page.editor.measurement()
    assert after is not None
    assert after.size_mm is not None
    target = tmp_path / "sizes.csv"
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        page.desk.export("csv", target)
    with target.open(encoding="utf-8-sig", newline="") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    assert float(rows["QM-001.jpg"]["length_mm"]) == pytest.approx(after.size_mm.length)
    assert rows["QM-005.jpg"]["length_mm"] == ""
    assert window.jobs.link.isVisible()


def test_an_export_says_first_what_it_would_miss(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    asked: list[str] = []
    monkeypatch.setattr(page.strip, "ask_where", asked.append)
    page.ask_export("darwin-core")
    qtbot.waitUntil(page.strip.isVisible)
    assert "not accepted" in page.strip.text.text()
    assert not asked
    qtbot.mouseClick(page.strip.write, Qt.MouseButton.LeftButton)
    assert asked == ["darwin-core"]
    assert not page.strip.isVisible()


def test_the_queue_with_the_keyboard_alone(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    """Nudge a corner, accept, and be at the next doubtful photo."""
    window = make_window()
    page = measured(qtbot, window, drawer)
    qtbot.mouseClick(window.jobs.link, Qt.MouseButton.LeftButton)
    assert page.table.model.rowCount() == 3
    before = chosen(qtbot, page, "QM-003.jpg")
    canvas = page.editor.canvas
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_Tab)
    assert page.editor.stage.loupe.isVisible()
    qtbot.keyClick(canvas, Qt.Key.Key_Left)
    qtbot.keyClick(canvas, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(canvas, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert page.editor.drawing.points("box")[0] == pytest.approx((109.0, 79.9))
    qtbot.keyClick(canvas, Qt.Key.Key_Return)
    saved(qtbot, page)
    assert page.editor.file() == "QM-005.jpg"
    kept = in_table(page, "QM-003.jpg")
    assert kept.status == "accepted"
    assert kept.size_mm != before.size_mm
    # A photo without a scale is not accepted by Enter, and says why.
    qtbot.keyClick(canvas, Qt.Key.Key_Return)
    saved(qtbot, page)
    assert page.editor.file() == "QM-005.jpg"
    assert "no size to accept" in page.editor.stage.place.said.text()
    doubtful = in_table(page, "QM-005.jpg")
    assert doubtful.status == "review"


def test_tab_leaves_the_photo_after_its_last_handle(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-001.jpg")
    canvas = page.editor.canvas
    canvas.setFocus()
    for _ in range(9):  # four corners, the knob, four corners of the cube
        qtbot.keyClick(canvas, Qt.Key.Key_Tab)
        assert canvas.hasFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_Tab)
    assert not canvas.hasFocus()


def test_points_of_the_outline_are_added_moved_and_removed(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-001.jpg")
    page.editor.set_mode("outline")
    canvas, drawing = page.editor.canvas, page.editor.drawing
    points = drawing.spots("outline")
    assert 4 <= points <= 32
    middle = canvas.to_widget((170.0, 140.0)).toPoint()
    qtbot.mouseDClick(canvas.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    assert drawing.spots("outline") == points + 1
    added = next(
        p for p in drawing.points("outline") if abs(p[0] - 170) < 2 and abs(p[1] - 140) < 2
    )
    drag(qtbot, page, added, (0, 40))
    saved(qtbot, page)
    wider = page.editor.measurement()
    assert wider is not None
    assert wider.size_px is not None
    assert wider.size_px.width == pytest.approx(100, abs=3)
    qtbot.keyClick(canvas, Qt.Key.Key_Delete)
    saved(qtbot, page)
    narrow = page.editor.measurement()
    assert narrow is not None
    assert narrow.size_px is not None
    assert narrow.size_px.width == pytest.approx(60, abs=2)


def test_a_line_of_known_length_gives_a_scale_once_it_is_used(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    assert chosen(qtbot, page, "QM-005.jpg").scale is None
    page.editor.set_mode("line")
    ends = page.editor.drawing.points("line")
    drag(qtbot, page, ends[0], (100 - ends[0][0], 0))
    drag(qtbot, page, ends[1], (200 - ends[1][0], 0))
    page.editor.bar.line_mm.setValue(40.0)
    assert page.editor.pending()
    assert not page.desk.saving
    row = in_table(page, "QM-005.jpg")
    assert row.scale is None
    qtbot.mouseClick(page.editor.bar.use, Qt.MouseButton.LeftButton)
    saved(qtbot, page)
    row = in_table(page, "QM-005.jpg")
    assert row.scale is not None
    assert row.scale.source == "line"
    assert row.scale.mm_per_px == pytest.approx(0.4, rel=0.02)
    assert row.size_mm is not None
    assert row.size_mm.length == pytest.approx(40.0, rel=0.02)


def test_a_cube_that_was_not_found_can_be_marked(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-005.jpg")
    assert page.editor.bar.mark_cube.isVisible()
    qtbot.mouseClick(page.editor.bar.mark_cube, Qt.MouseButton.LeftButton)
    for which, corner in enumerate(CUBE):
        place = page.editor.drawing.spot("cube", which)
        drag(qtbot, page, place, (corner[0] - place[0], corner[1] - place[1]))
    row = in_table(page, "QM-005.jpg")
    assert row.scale is None
    page.accept_and_go_on()
    saved(qtbot, page)
    row = in_table(page, "QM-005.jpg")
    assert row.scale is not None
    assert row.status == "accepted"
    assert row.scale.mm_per_px == pytest.approx(25.4 / 50, rel=0.05)


def test_the_scale_of_one_photo_serves_those_without(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-001.jpg")
    tool.seen.clear()
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        qtbot.keyClick(page.table.view, Qt.Key.Key_S)
    assert tool.seen == ["QM-005.jpg"]
    assert page.editor.stage.place.said.text() == "1 photo now uses the scale of QM-001."
    row = in_table(page, "QM-005.jpg")
    assert row.size_mm is not None
    qtbot.waitUntil(lambda: page.tools.undo.isEnabled())
    page.tools.undo.trigger()
    qtbot.waitUntil(lambda: in_table(page, "QM-005.jpg").size_mm is None)
    assert page.editor.stage.place.said.text().startswith("Undone: ")
    page.tools.redo.trigger()
    qtbot.waitUntil(lambda: in_table(page, "QM-005.jpg").size_mm is not None)


def test_a_corrected_scale_is_passed_on_when_asked(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-001.jpg")
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        qtbot.keyClick(page.table.view, Qt.Key.Key_S)
    drag(qtbot, page, page.editor.drawing.points("cube")[0], (-12, -12))
    saved(qtbot, page)
    told = page.editor.stage.place.said.text
    qtbot.waitUntil(lambda: told().startswith("1 photo uses the old scale of this one"))
    corrected = in_table(page, "QM-001.jpg").scale.mm_per_px
    assert in_table(page, "QM-005.jpg").scale.mm_per_px != corrected
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        qtbot.keyClick(page.table.view, Qt.Key.Key_S)
    heir = in_table(page, "QM-005.jpg")
    assert heir.scale.mm_per_px == pytest.approx(corrected)
    assert heir.size_mm.length == pytest.approx(heir.size_px.length * corrected)


def test_closing_in_the_middle_keeps_what_is_measured(
    qtbot: Any, make_window: Make, tmp_path: Path, tool: FakeTool
) -> None:
    folder = write_specimens(tmp_path / "drawer", 30)
    tool.seconds_per_photo = 0.05
    window = make_window()
    page = shown(qtbot, window, folder)
    page.desk.measure()
    qtbot.waitUntil(lambda: len(tool.seen) > 4, timeout=20_000)
    window.close()
    begun = len(tool.seen)
    assert begun < 30
    tool.seconds_per_photo = 0.0
    tool.seen.clear()
    window = make_window()
    page = shown(qtbot, window, folder)
    kept = sum(n for show, n in page.table.model.counts().items() if show != "all")
    assert 0 < kept <= begun
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        page.desk.measure()
    assert len(tool.seen) == 30 - kept


def test_measuring_is_paused_resumed_and_cancelled_from_the_jobs_bar(
    qtbot: Any, make_window: Make, tmp_path: Path, tool: FakeTool
) -> None:
    folder = write_specimens(tmp_path / "drawer", 60)
    tool.seconds_per_photo = 0.05
    window = make_window()
    page = shown(qtbot, window, folder)
    page.desk.measure()
    qtbot.waitUntil(lambda: plain(window.jobs.text.text()).startswith("Measuring "))
    qtbot.waitUntil(lambda: len(tool.seen) > 3, timeout=20_000)
    qtbot.mouseClick(window.jobs.pause, Qt.MouseButton.LeftButton)
    assert plain(window.jobs.text.text()).startswith("Paused at")
    qtbot.wait(400)
    held = len(tool.seen)
    qtbot.wait(300)
    assert len(tool.seen) == held
    qtbot.mouseClick(window.jobs.pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(tool.seen) > held, timeout=20_000)
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        qtbot.mouseClick(window.jobs.cancel, Qt.MouseButton.LeftButton)
    assert len(tool.seen) < 60
    assert window.jobs.link.text() == "Continue"
    tool.seconds_per_photo = 0.0
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        qtbot.mouseClick(window.jobs.link, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.desk.pending == 0)
    assert sorted(set(tool.seen)) == sorted(path.name for path in folder.glob("*.jpg"))


def test_another_folder_gives_up_the_job_and_shows_its_own_photos(
    qtbot: Any, make_window: Make, tmp_path: Path, tool: FakeTool
) -> None:
    tool.seconds_per_photo = 0.05
    window = make_window()
    page = shown(qtbot, window, write_specimens(tmp_path / "one", 30))
    page.desk.measure()
    qtbot.waitUntil(lambda: len(tool.seen) > 1, timeout=20_000)
    with qtbot.waitSignal(window.session.opened, timeout=20_000):
        window.session.open(write_specimens(tmp_path / "two", 2))
    qtbot.waitUntil(lambda: page.table.model.total == 2, timeout=20_000)
    assert page.isVisible()
    assert not page.desk.running
    assert page.table.model.counts()["accepted"] == 0


@pytest.mark.parametrize("orientation", [1, 6])
def test_shapes_lie_on_the_right_pixels_of_the_upright_photo(
    qtbot: Any, make_window: Make, tmp_path: Path, tool: FakeTool, orientation: int
) -> None:
    """In the painted window the specimen's red is inside the rectangle, grey is outside."""
    folder = write_specimens(tmp_path / "drawer", 1, orientation=orientation)
    window = make_window()
    page = measured(qtbot, window, folder)
    chosen(qtbot, page, "QM-001.jpg")
    canvas = page.editor.canvas
    assert (canvas.photo_size.width(), canvas.photo_size.height()) == (320, 240)
    picture = canvas.grab().toImage()
    ratio = picture.devicePixelRatio()

    def colour(x: float, y: float) -> QColor:
        at = canvas.to_widget((x, y)) * ratio
        return picture.pixelColor(QPointF(at).toPoint())

    x0, y0, x1, y1 = *SPECIMEN[0], *SPECIMEN[2]
    for x, y in ((x0 + 10, y0 + 10), (x1 - 10, y0 + 10), (x0 + 10, y1 - 10), (x1 - 10, y1 - 10)):
        assert colour(x, y).red() > colour(x, y).green() + 80
    for x, y in ((x0 - 10, y0 + 20), (x1 + 10, y0 + 20), (x0 + 20, y1 + 10)):
        assert abs(colour(x, y).red() - colour(x, y).green()) < 40
    assert colour(55, 175).green() > colour(55, 175).red() + 60
    box = page.editor.drawing.points("box")
    assert box == SPECIMEN


def test_a_broken_photo_is_a_row_with_its_reason_and_nothing_to_move(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    (drawer / "QM-000.jpg").write_bytes(b"")
    window = make_window()
    page = measured(qtbot, window, drawer)
    page.go_to("QM-000.jpg")
    qtbot.waitUntil(lambda: "could not be read" in page.editor.canvas.message.text())
    assert page.editor.drawing.places() == []
    qtbot.waitUntil(lambda: "cannot be read" in page.result.reasons.text())
    assert not page.result.buttons["accepted"].isEnabled()
    page.accept_and_go_on()
    row = in_table(page, "QM-000.jpg")
    assert row.status == "rejected"


def test_the_catalogue_number_is_edited_and_undone(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    chosen(qtbot, page, "QM-002.jpg")
    page.result.number.setFocus()
    page.result.number.selectAll()
    qtbot.keyClicks(page.result.number, "NHM 1907.23")
    qtbot.keyClick(page.result.number, Qt.Key.Key_Return)
    saved(qtbot, page)
    row = page.table.model.find("QM-002.jpg")
    assert row is not None
    assert row.name == "NHM 1907.23"
    assert page.editor.file() == "QM-002.jpg"  # Enter in the field does not accept the photo
    page.tools.undo.trigger()
    qtbot.waitUntil(lambda: page.result.number.text() == "QM-002")
    assert "catalogue number" in page.editor.stage.place.said.text()


def test_units_are_display_only(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    before = chosen(qtbot, page, "QM-001.jpg")
    page.tools.unit.setCurrentIndex(1)
    page.tools.unit.activated.emit(1)
    assert plain(page.result.both.text()) == "5.08 × 3.05 cm"
    assert plain(page.table.model.index(0, 2).data()) == "5.08 × 3.05 ± 0.06 cm"
    assert page.editor.measurement() == before


def test_boxes_and_register_follow_the_measurements(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool, tmp_path: Path
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    qtbot.waitUntil(lambda: bool(page.side.boxes.chart.bars()), timeout=10_000)
    assert page.table.model.box_of("QM-001.jpg")
    bars = page.side.boxes.chart.bars
    qtbot.waitUntil(lambda: sum(needed for _, needed, _ in bars()) == 3, timeout=10_000)
    page.side.boxes.boxes_changed.emit([("Drawer", 200.0, 200.0, None, 1)])
    qtbot.waitUntil(lambda: page.side.boxes.chart.bars() == [("Drawer", 3, 2)], timeout=10_000)
    sheet = tmp_path / "register.csv"
    sheet.write_text("number,length_mm,width_mm\nQM-001,5.08,3.05\nQM-002,50.8,30.5\n")
    page.side.use_register(sheet)
    qtbot.waitUntil(lambda: page.side.register.list.count() == 1, timeout=10_000)
    item = page.side.register.list.item(0)
    assert item.text().startswith("QM-001: Recorded 5.08 mm × 3.05 mm, measured")
    assert "10 times" in item.text()
    page.go_to("QM-003.jpg")
    page.side.register.list.itemClicked.emit(item)
    assert page.editor.file() == "QM-001.jpg"


def test_before_anything_is_measured_the_page_says_what_to_do(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    window.show_page("measure")
    assert window.start.isVisible()
    page = shown(qtbot, window, drawer)
    assert page.result.measure.isVisible()
    page.table.show_only("review")
    assert page.table.empty_text.isVisible()
    assert page.table.empty_action.text() == "Measure all"
    with qtbot.waitSignal(page.desk.job_done, timeout=20_000):
        qtbot.mouseClick(page.table.empty_action, Qt.MouseButton.LeftButton)
    assert page.table.model.rowCount() == 3


def test_a_replaced_photo_is_measured_anew(
    qtbot: Any, make_window: Make, drawer: Path, tool: FakeTool
) -> None:
    window = make_window()
    page = measured(qtbot, window, drawer)
    write_specimen(drawer / "QM-001.jpg")
    with (drawer / "QM-001.jpg").open("ab") as stream:
        stream.write(b"\0")
    with qtbot.waitSignal(page.desk.rows_replaced, timeout=20_000):
        window.session.reload()
    qtbot.waitUntil(lambda: page.desk.pending == 1, timeout=10_000)
