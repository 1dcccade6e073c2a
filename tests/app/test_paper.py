"""Pictures and tables of a results file: every panel, with units and run, and the same as the screen's."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from operando.app.paper import put_on_paper
from operando.app.paper.maps import map_sheet
from operando.cell import CellRecord
from operando.cli import Exit, app
from operando.io.curves_csv import COLUMNS, curves_csv
from operando.io.results_tables import record_of
from operando.io.results_writer import ResultsWriter
from operando.regions import Marks, Outline, Region
from operando.view.choices import Choices
from operando.view.colours import colour_table
from operando.view.example import Stage, Story, records_until, snapshot_at, with_marks
from operando.view.history import HistoryBook
from operando.view.maps import map_levels, present_map
from operando.view.orders import MapOrder, orders_of
from operando.view.quantities import choices_of, quantity
from operando.view.session import Session
from operando.view.theme import LIGHT

STORY = Story(shape=(20, 24), findings=(), pause_s=300.0)
MARKS = Marks((Region("=rim $x$", Outline.RECTANGLE, ((1.0, -2.0), (1.6, -1.4))),))
RECORDS = [with_marks(record, MARKS, STORY) for record in records_until(4, STORY)]
RUN = RECORDS[0].plan.run


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("paper") / "run.h5"
    writer = ResultsWriter(path, RECORDS[0].plan, RECORDS[0].phases, {"i0_mode": "blank", "version": "1"})
    for record in RECORDS:
        writer.write(record.map, record.i0, record.curve, record_of(record))
    return path


def called(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("panel", "words"),
    [
        ("lithium", ("lithium content x", "x (µm)")),
        ("fraction:1", ("fraction of FePO₄",)),
        ("phase", ("LiFePO₄", "FePO₄")),
        ("od:2", ("optical density at 708.25 eV",)),
        ("residual", ("residual / σ at 704.40 eV",)),
        ("change", ("x less x of the cycle before",)),
        ("age", ("age of the oldest energy (s)",)),
        ("spectrum", ("photon energy (eV)", "optical density", "residual / σ", "χ²/dof")),
        ("time", ("time since the start of the run (min)", "mean x ± σ", "pause 5 min", "field")),
    ],
)
def test_every_panel_says_what_it_shows_with_its_unit_and_of_which_run(results, tmp_path, panel, words):
    path = tmp_path / "panel.svg"
    assert called("picture", results, path, "--panel", panel).exit_code == Exit.DONE
    text = path.read_text(encoding="utf-8")
    for word in (*words, f"run {RUN}", "cycle 4"):
        assert word in text, word
    before = path.read_bytes()
    assert called("picture", results, path, "--panel", panel).exit_code == Exit.CONFIGURATION
    assert path.read_bytes() == before


def test_a_png_has_300_dots_an_inch_and_the_same_bytes_each_time(results, tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for path in paths:
        assert called("picture", results, path).exit_code == Exit.DONE
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with Image.open(paths[0]) as image:
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("choice", choices_of(RECORDS[-1]), ids=lambda choice: choice.key)
def test_a_map_on_paper_has_the_colours_of_the_screen(choice):
    snapshot = RECORDS[-1]
    levels = map_levels(snapshot, choice, None)
    sheet = map_sheet(MapOrder(snapshot, choice, levels))
    index = present_map(snapshot, choice, levels).index
    table = colour_table(LIGHT, quantity(choice, snapshot).colouring, "viridis")
    np.testing.assert_allclose(sheet.axes[0].images[0].get_array(), table[index] / 255.0)
    assert "100 nm" in [text.get_text() for text in sheet.axes[0].texts]


def test_a_spectrum_is_of_the_pixel_or_the_region_that_is_named(results, tmp_path):
    for name, options, words in (
        ("pixel", ("--at", "1.24,-1.52"), "Pixel 6, 12, at 1.24, -1.52 µm"),
        ("region", ("--region", "=rim $x$"), "=rim $x$"),
    ):
        path = tmp_path / f"{name}.svg"
        assert called("picture", results, path, "--panel", "spectrum", *options).exit_code == Exit.DONE
        assert words in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--panel", "lithum"), Exit.CONFIGURATION, "'lithum' is no panel; expected spectrum, time, lithium"),
        (("--panel", "od:9"), Exit.CONFIGURATION, "no panel"),
        (("--panel", "od:9"), Exit.CONFIGURATION, "od (to od:"),
        (("--cycle", "9"), Exit.CONFIGURATION, "it has: 1, 2, 3, 4"),
        (("--panel", "spectrum", "--at", "99,0"), Exit.CONFIGURATION, "outside the field"),
        (("--panel", "spectrum", "--at", "1"), Exit.CONFIGURATION, "write x,y in µm"),
        (("--panel", "spectrum", "--at", "here"), Exit.CONFIGURATION, "write x,y in µm"),
        (("--panel", "spectrum", "--region", "none"), Exit.CONFIGURATION, "no region 'none'"),
        (("--panel", "change", "--cycle", "1"), Exit.CONFIGURATION, "cycle 0"),
    ],
)
def test_what_is_not_there_is_named(results, tmp_path, options, code, words):
    found = called("picture", results, tmp_path / "x.png", *options)
    assert found.exit_code == code
    assert words in " ".join(found.output.split())
    assert not list(tmp_path.iterdir())


def test_a_picture_of_another_kind_is_refused_before_anything_is_read(tmp_path):
    assert called("picture", tmp_path / "none.h5", tmp_path / "x.pdf").exit_code == Exit.CONFIGURATION
    assert called("picture", tmp_path / "none.h5", tmp_path / "x.png").exit_code == Exit.UNREACHABLE


def test_a_table_is_not_called_a_workbook(results, tmp_path):
    found = called("curves", results, tmp_path / "curves.xlsx")
    assert found.exit_code == Exit.CONFIGURATION
    assert "written as .csv" in " ".join(found.output.split())
    assert not list(tmp_path.iterdir())


def table_of(text: str) -> tuple[list[str], list[dict[str, str]]]:
    lines = text.splitlines()
    header = [line for line in lines if line.startswith("#")]
    return header, list(csv.DictReader(lines[len(header) :]))


def test_the_table_has_every_curve_to_the_bit_and_says_what_its_numbers_are(results, tmp_path):
    path = tmp_path / "curves.csv"
    assert called("curves", results, path).exit_code == Exit.DONE
    header, rows = table_of(path.read_text(encoding="utf-8"))
    assert f"# run: {RUN}" in header
    assert "# setting i0_mode: blank" in header
    assert any(
        line.startswith("# region =rim $x$: rectangle, corners (x, y) in µm: (1.0000") for line in header
    )
    assert tuple(rows[0]) == COLUMNS
    for name, curve in (("field", RECORDS[-1].curve), ("'=rim $x$", RECORDS[-1].regions[0].curve)):
        own = [row for row in rows if row["name"] == name]
        assert [float(row["mean lithium content x"]) for row in own] == curve.lithium.tolist()
        assert [float(row["standard deviation of x"]) for row in own] == curve.lithium_error.tolist()
        assert [int(row["cycle (from 1)"]) for row in own] == (curve.cycle + 1).tolist()
    assert called("curves", results, path).exit_code == Exit.CONFIGURATION


def test_what_is_undetermined_is_an_empty_cell_of_the_table():
    snapshot = RECORDS[-1]
    lithium = np.where(snapshot.curve.cycle == 1, np.nan, snapshot.curve.lithium)
    _, rows = table_of(curves_csv(replace(snapshot, curve=replace(snapshot.curve, lithium=lithium)), {}))
    assert [row["mean lithium content x"] == "" for row in rows[:4]] == [False, True, False, False]


def test_all_that_stands_in_a_window_goes_on_paper_and_over_nothing(tmp_path):
    book = HistoryBook()
    for record in RECORDS:
        book.note(record)
    session = Session(Choices(pane_count=2), book.read)
    session.take(with_marks(snapshot_at(Stage(cycles=4, frames=2, rows=9), STORY), MARKS, STORY))
    orders = orders_of(session)
    assert orders is not None
    made = put_on_paper(orders, tmp_path, {"version": "1"})
    names = [path.name.removeprefix(f"operando-{RUN[:8]}-cycle-5-") for path in made]
    kinds = ("lithium", "lithium_error", "spectrum", "time")
    assert names == [*(f"{kind}{suffix}" for kind in kinds for suffix in (".png", ".svg")), "curves.csv"]
    assert "provisional" in made[1].read_text(encoding="utf-8")
    again = put_on_paper(orders, tmp_path, {})
    assert not set(again) & set(made)
    assert all(path.is_file() for path in (*made, *again))


def test_voltage_and_charge_are_on_the_axis_of_time_of_the_curves(tmp_path):
    snapshot = RECORDS[-1]
    time_s = np.linspace(snapshot.plan.started_s, snapshot.progress.last_line_s, 50)
    none = np.empty(0)
    ramp = np.linspace(3.0, 4.0, 50)
    cell = CellRecord(time_s, ramp, ramp, ramp - 3.0, ramp, None, none, none, none)
    session = Session(Choices())
    session.take(replace(snapshot, cell=cell))
    orders = orders_of(session)
    assert orders is not None
    made = put_on_paper(orders, tmp_path, {})
    (time,) = (path for path in made if path.name.endswith("time.svg"))
    text = time.read_text(encoding="utf-8")
    assert "voltage (V)" in text
    assert "charge (mAh)" in text


LETTERS = st.text(st.sampled_from("ab=+-@,;\"' \t\n\x00σ"), max_size=12)


@settings(max_examples=100, deadline=None)
@given(sample=LETTERS, phase=LETTERS, said=LETTERS)
def test_no_name_above_the_table_becomes_a_formula(sample: str, phase: str, said: str) -> None:
    snapshot = RECORDS[-1]
    named = replace(
        snapshot,
        plan=replace(snapshot.plan, sample=sample, plan_name=sample),
        phases=replace(snapshot.phases, names=(phase, *snapshot.phases.names[1:])),
        regions=(),
    )
    notes = [line for line in curves_csv(named, {"i0": said}).splitlines() if line.startswith("#")]
    assert len(notes) == 7
    for parted in (",", ";"):
        cells = [cell.strip(' "') for row in csv.reader(notes, delimiter=parted) for cell in row]
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
