"""What is remembered comes back, and whatever is in the file, the window starts."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.regions import Marks, Outline, Region
from operando.view.choices import (
    PALETTES,
    PANES,
    Choices,
    folder_of_choices,
    forget,
    read_choices,
    with_marks,
    write_choices,
)

coordinate = st.floats(-1e3, 1e3)
regions = st.builds(
    Region,
    st.text(min_size=1, max_size=40),
    st.just(Outline.POLYGON),
    st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=6).map(tuple),
    st.booleans(),
)
marks = st.builds(Marks, st.lists(regions, max_size=3).map(tuple), st.lists(regions, max_size=3).map(tuple))
choices = st.builds(
    Choices,
    panes=st.permutations(("lithium", "od:3", "fraction:1", "age")).map(tuple),
    pane_count=st.sampled_from(PANES),
    palette=st.sampled_from(PALETTES),
    is_faded=st.booleans(),
    is_outlined=st.booleans(),
    theme=st.sampled_from((None, "dark", "light")),
    is_fitted=st.booleans(),
    left_share=st.none() | st.floats(0.2, 0.8),
    tab=st.sampled_from(("findings", "regions")),
    marks_by_run=st.dictionaries(st.text(max_size=9), marks, max_size=4).map(lambda by: tuple(by.items())),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("choices") / "new" / "dashboard.json"


@settings(max_examples=60, deadline=None)
@given(chosen=choices)
def test_what_is_written_is_read(path, chosen):
    assert write_choices(path, chosen)
    assert read_choices(path) == chosen
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@settings(max_examples=100, deadline=None)
@given(damage=st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_a_damaged_file_never_prevents_the_start(path, damage):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(damage)
    assert isinstance(read_choices(path), Choices)


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from([*Choices.__dataclass_fields__, "unknown"]),
    value=json_values,
)
def test_one_bad_entry_does_not_take_the_others_along(path, name, value):
    write_choices(path, Choices(palette="cividis", tab="regions"))
    stored = json.loads(path.read_text())
    stored[name] = value
    path.write_text(json.dumps(stored))
    found = read_choices(path)
    assert found.palette == "cividis" or name == "palette"
    assert found.tab == "regions" or name == "tab"
    assert found.pane_count in PANES
    assert len(found.panes) == 4


def test_nothing_is_remembered_without_a_file_and_a_disk_that_refuses_is_survived(tmp_path, caplog):
    assert read_choices(None) == Choices()
    assert write_choices(None, Choices())
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with caplog.at_level(logging.WARNING):
        assert not write_choices(in_the_way / "dashboard.json", Choices())
    assert "not remembered" in caplog.text


def test_reset_keeps_what_is_marked_and_old_runs_are_forgotten():
    chosen = replace(Choices(), palette="cividis", pane_count=4)
    for number in range(25):
        chosen = with_marks(chosen, f"run {number}", Marks())
    assert [run for run, _ in chosen.marks_by_run] == [f"run {number}" for number in range(5, 25)]
    assert forget(chosen) == Choices(marks_by_run=chosen.marks_by_run)
    assert chosen.marks_of("run 7") == Marks()
    assert chosen.marks_of("run 3") is None


@pytest.mark.parametrize(
    ("environment", "platform", "folder"),
    [
        ({"HOME": "/h"}, "linux", "/h/.config/operando"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "linux", "/x/operando"),
        ({"HOME": "/h"}, "darwin", "/h/Library/Application Support/Operando"),
        ({"APPDATA": "/a"}, "win32", "/a/Operando"),
    ],
)
def test_each_platform_has_its_place(environment, platform, folder):
    assert folder_of_choices(environment, platform) == Path(folder)
