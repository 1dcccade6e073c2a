"""CLS runs: one image each, in any order, and one series of maps from all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cls_runs import Documents, cls_image
from following import killed_and_started_again, offline, record
from operando.app.open_source import open_recording
from operando.errors import FrameRejected, RunRejected
from operando.io.layouts import DocumentReader, Item, Rejection
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.types import Line, RunClosed, ScanPlan, Snapshot
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
COUNTS = stack_of(PLAN, np.random.default_rng(0))
WORK = Work(library(), recipe(), LayoutSettings())
ENERGIES = PLAN.energies_ev.size


def runs_of(cycles: int = 2, channel: str | None = None) -> list[Documents]:
    """Return the images of all cycles in the order of their acquisition."""
    return [
        cls_image(PLAN, energy, COUNTS[cycle, energy], began_s=2000.0 + 20.0 * n, channel=channel)
        for n, (cycle, energy) in enumerate(np.ndindex(cycles, ENERGIES))
    ]


def joined(runs: Iterable[Documents]) -> Documents:
    return [document for run in runs for document in run]


def read(documents: Documents) -> list[Item]:
    reader = DocumentReader()
    return [item for name, document in documents for item in reader.read(name, document)]


def counts_in(items: Iterable[Item]) -> np.ndarray:
    found = np.full(COUNTS.shape, np.nan)
    for item in items:
        if isinstance(item, Line):
            found[item.cycle, item.energy, item.row] = item.counts
    return found


def said_in(items: Iterable[Item]) -> list[str]:
    return [str(item.error) for item in items if isinstance(item, Rejection)]


def maps_of(documents: Documents) -> list[Snapshot]:
    """Return the cycles of record that a monitor makes of documents, the last of each."""
    kept: dict[int, Snapshot] = {}

    def keep(snapshot: Snapshot) -> str:
        assert snapshot.map is not None
        kept[snapshot.progress.cycle] = snapshot
        return ""

    monitor = Monitor(DocumentSource(iter(documents), "memory"), WORK, keep)
    while monitor.pull():
        pass
    monitor.finish()
    assert monitor.newest is not None
    assert monitor.newest.progress.exit_status == "success"
    return [kept[cycle] for cycle in sorted(kept)]


@pytest.mark.parametrize("channel", [None, "counter0"])
def test_three_runs_out_of_time_order_make_one_map(channel: str | None) -> None:
    plan = plan_of(shape=(4, 5), energies_ev=PLAN.energies_ev[:3])
    counts = COUNTS[:1, :3]
    runs = [
        cls_image(plan, energy, counts[0, energy], began_s=2000.0 + 20.0 * energy, channel=channel)
        for energy in range(3)
    ]
    items = read(joined([runs[2], runs[0], runs[1]]))
    (found,) = [item for item in items if isinstance(item, ScanPlan)]
    assert found.energies_ev.tolist() == plan.energies_ev.tolist()
    assert found.dwell_ms.tolist() == [2.0, 2.0, 2.0]
    np.testing.assert_allclose(found.grid.x_um, plan.grid.x_um)
    assert found.run == runs[2][0][1]["uid"]
    assert not said_in(items)
    np.testing.assert_array_equal(counts_in(items)[0, :3], counts[0])
    times_s = {(line.energy, line.time_s) for line in items if isinstance(line, Line)}
    assert times_s == {(0, 2010.0), (1, 2030.0), (2, 2050.0)}


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(ENERGIES)), later=st.permutations(range(ENERGIES)))
def test_the_order_of_the_runs_within_a_stack_does_not_matter(
    order: Sequence[int], later: Sequence[int]
) -> None:
    runs = runs_of()
    items = read(joined(runs[n] for n in [*order, *(ENERGIES + n for n in later)]))
    np.testing.assert_array_equal(counts_in(items), COUNTS)
    assert not said_in(items)


@settings(max_examples=5, deadline=None)
@given(order=st.permutations(range(ENERGIES)))
def test_the_maps_are_those_of_the_same_counts_in_one_run(order: Sequence[int]) -> None:
    runs = runs_of()
    found = maps_of(joined(runs[n] for n in [*order, *range(ENERGIES, 2 * ENERGIES)]))
    in_one_run = documents_of(PLAN, COUNTS)
    in_one_run[0][1]["stxm"]["dwell_ms"] = 2.0
    expected = maps_of(in_one_run)
    assert len(found) == len(expected) == 2
    for one, other in zip(found, expected, strict=True):
        assert one.map is not None
        assert other.map is not None
        # The maps look at times, which differ; what was seen is the same.
        np.testing.assert_array_equal(one.od, other.od)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    order=st.permutations(range(ENERGIES)),
    pulls=st.lists(st.integers(0, 12), max_size=3),
    most=st.integers(1, 9),
)
def test_live_and_replayed_are_the_same_bits_also_after_a_kill(
    tmp_path_factory: pytest.TempPathFactory, order: Sequence[int], pulls: list[int], most: int
) -> None:
    folder = tmp_path_factory.mktemp("cls")
    runs = runs_of()
    documents = joined(runs[n] for n in [*order, *range(ENERGIES, 2 * ENERGIES)])
    log = record(folder / "run.log", documents)
    found = killed_and_started_again(log, folder / "live" / "out.h5", WORK, pulls, most)
    assert found == offline(documents, folder / "offline" / "out.h5", WORK)


def test_a_file_of_documents_is_read_as_the_log_is(tmp_path: Path) -> None:
    documents = joined(runs_of())
    path = tmp_path / "cls.jsonl"
    path.write_text("\n".join(json.dumps(document) for document in documents))
    source = open_recording(str(path))
    found: list[tuple[str, dict]] = []
    while not source.has_ended(len(found)):
        found += [(each.name, each.document) for each in source.read(len(found), 50)]
    np.testing.assert_array_equal(counts_in(read(found)), COUNTS)


def test_a_late_run_goes_where_it_belongs_and_one_that_has_no_place_is_named() -> None:
    runs = runs_of()
    late = [*runs[:3], *runs[4:6], runs[3], *runs[6:]]
    items = read(joined(late))
    np.testing.assert_array_equal(counts_in(items), COUNTS)
    again = cls_image(PLAN, 1, COUNTS[0, 1] + 1, began_s=2001.0)
    items = read(joined([*runs, again]))
    np.testing.assert_array_equal(counts_in(items), COUNTS)
    assert said_in(items) == [
        "an image at 708.000 eV came late: cycle 1 of its series has another one at this energy already; "
        "it is left out"
    ]


def test_what_is_missing_is_named_when_another_scan_begins() -> None:
    runs = runs_of()
    other = documents_of(plan_of(shape=(4, 5)), COUNTS)
    other[0][1]["time"] = 5000.0
    del runs[6]
    items = read(joined([*runs, other]))
    closed = next(item for item in items if isinstance(item, RunClosed))
    assert (closed.run, closed.exit_status) == (runs[0][0][1]["uid"], "incomplete")
    assert closed.reason == "cycle 1 has no image at 710.000 eV"
    late = cls_image(PLAN, 2, COUNTS[1, 2], began_s=2120.0)
    items = read(joined([*runs, other, late]))
    assert said_in(items) == [
        "an image at 710.000 eV came after another scan had ended its series; it is left out"
    ]
    later = [cls_image(PLAN, e, COUNTS[0, e], began_s=6000.0 + 20 * e) for e in range(ENERGIES)]
    items = read(joined([*runs, other, *later]))
    assert len({item.run for item in items if isinstance(item, ScanPlan)}) == 3
    assert not said_in(items)


def test_entries_of_one_scan_are_series_of_their_own() -> None:
    runs: list[Documents] = []
    for energy in range(ENERGIES):
        for entry, shift in (("entry0", 0.0), ("entry1", 5.0)):
            began_s = 2000.0 + 20 * energy + shift
            runs.append(cls_image(PLAN, energy, COUNTS[0, energy] + shift, began_s=began_s, entry=entry))
    items = read(joined(runs))
    plans = [item for item in items if isinstance(item, ScanPlan)]
    assert len(plans) == 2
    for plan, shift in zip(plans, (0.0, 5.0), strict=True):
        own = [item for item in items if isinstance(item, Line) and item.run == plan.run]
        np.testing.assert_array_equal(counts_in(own)[0], COUNTS[0] + shift)
    assert not [item for item in items if isinstance(item, RunClosed)]


def changed(documents: Documents, change: dict[str, object]) -> Documents:
    start = documents[0][1]
    about = json.loads(start["metadata"]) | change
    return [("start", {**start, "metadata": json.dumps(about)}), *documents[1:]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scan_type": 5}, "maps are made of type 6"),
        ({"img_idx_map": json.dumps({"e_idx": 9})}, "e_idx 9; EV_ROIS has 4 set points"),
        ({"img_idx_map": "{"}, "'img_idx_map' is no JSON"),
        ({"wdg_com": "{}"}, "have no rois"),
        ({"img_idx_map": json.dumps({"e_idx": 0, "sp_id": 7})}, "names the region '7'"),
    ],
)
def test_what_contradicts_itself_is_refused_in_words(change: dict[str, object], said: str) -> None:
    items = read(changed(runs_of()[0], change))
    (refusal,) = [item.error for item in items if isinstance(item, Rejection)]
    assert isinstance(refusal, RunRejected)
    assert said in str(refusal)


def test_a_line_that_is_too_long_costs_itself_and_metadata_of_others_cost_nothing() -> None:
    documents = runs_of()[0]
    documents[3][1]["data"]["counter0_waveform_rbv"].append(1.0)
    items = read(documents)
    (refusal,) = [item.error for item in items if isinstance(item, Rejection)]
    assert isinstance(refusal, FrameRejected)
    assert len([item for item in items if isinstance(item, Line)]) == 3
    other = documents_of(PLAN, COUNTS)
    for value in ("not JSON", json.dumps({"beamtime": 3}), "[1]"):
        other[0][1]["metadata"] = value
        np.testing.assert_array_equal(counts_in(read(other)), COUNTS)


def test_of_several_channels_the_counter_is_found_or_asked_for() -> None:
    documents = runs_of(channel="counter0")[0]
    for name, document in documents:
        if name == "event":
            values = document["data"]["counter0_waveform_rbv"]
            document["data"]["counter0_waveform_rbv"] = {"diode": [0.0] * 5, **values}
    np.testing.assert_array_equal(counts_in(read(documents))[0, 0], COUNTS[0, 0])
    items = read(changed(documents, {"primary_det": "apd"}))
    assert "name it in the profile" in said_in(items)[0]
    assert "which of counter0, diode is the counter" in said_in(items)[0]
