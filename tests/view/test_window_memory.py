"""What is chosen and marked in a window is there in the next one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from operando.errors import ConfigurationError
from operando.regions import Marks
from operando.view.qt import require_qt

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)


from desk import LIVE, SQUARE
from operando.view.choices import Choices
from operando.view.quantities import choice_of


def test_choices_and_regions_come_back_and_can_be_reset(open_desk, tmp_path):
    path = tmp_path / "dashboard.json"
    desk = open_desk(choices_file=path)
    for key in ("B", "C", "O", "D", "Y"):
        desk.press(key)
    desk.press("R")
    desk.drag((1.3, -1.7), (2.1, -0.9))
    marks = desk.session.album.marks
    desk.window.close()
    again = open_desk(choices_file=path)
    chosen = again.session.choices
    assert (chosen.pane_count, chosen.palette, chosen.is_faded, chosen.theme) == (2, "cividis", True, "light")
    assert again.session.album.marks == marks
    assert again.sent[-1] == marks
    again.press("Ctrl+0")
    assert again.session.choices == Choices(marks_by_run=chosen.marks_by_run)
    assert again.session.album.marks == marks
    again.window.close()


def test_what_is_marked_is_kept_within_seconds_and_a_broken_file_is_survived(open_desk, tmp_path):
    path = tmp_path / "dashboard.json"
    path.write_text('{"panes": 7, "palette": ["viridis"], "marks_by_run": {"x": 3}')
    desk = open_desk(choices_file=path)
    desk.mark(SQUARE)
    desk.now_s += 3.0
    desk.window.refresh()
    stored = json.loads(path.read_text())
    assert stored["marks_by_run"][LIVE.plan.run]["regions"][0]["name"] == "region 1"


def test_marks_stay_on_the_same_field_and_go_with_another(desk):
    desk.mark(SQUARE)
    follows = replace(LIVE, plan=replace(LIVE.plan, run="next"))
    desk.waiting.append(follows)
    desk.window.refresh()
    assert desk.session.album.marks.regions == (SQUARE,)
    grid = replace(LIVE.plan.grid, x_um=LIVE.plan.grid.x_um + 50.0)
    desk.waiting.append(replace(LIVE, plan=replace(LIVE.plan, run="elsewhere", grid=grid)))
    desk.window.refresh()
    assert desk.session.album.marks == Marks()
    assert desk.sent[-1] == Marks()


def test_a_map_that_another_run_lacks_is_replaced(open_desk, tmp_path):
    path = tmp_path / "dashboard.json"
    path.write_text(json.dumps({"panes": ["od:99", "fraction:7", "lithium", "phase"], "pane_count": 2}))
    desk = open_desk(choices_file=path)
    assert len(set(desk.session.panes)) == 2
    assert choice_of("od:99") not in desk.session.panes
