"""The loop closed over a control region: harm by the beam is found with its size, and no harm is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controlled import Controlled, control_settings, controlled, fitted
from operando.app.keeper import Keeper
from operando.app.work import Options, work_of
from operando.cli import app
from operando.io.frozen import freeze, thaw
from operando.io.layouts import DocumentReader
from operando.io.report import report_html
from operando.io.results import read_results
from operando.live.runs import Runs, RunsState
from operando.types import Severity, Snapshot
from operando_sim import static_settings

HARM = 2e8
CYCLES = 5


@pytest.fixture(scope="module")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> Controlled:
    return controlled(tmp_path_factory.mktemp("harmed"), control_settings(HARM), seed=4, cycles=CYCLES)


def beam_finding(snapshot: Snapshot) -> tuple[Severity, str]:
    (found,) = (one for one in snapshot.of_record if one.code == "beam-effect")
    return found.severity, found.message


def test_what_a_harmful_beam_did_is_found_with_its_size(harmed: Controlled) -> None:
    beam = harmed.last.beam
    assert beam is not None
    assert beam.lithium is not None
    truth = harmed.true_effect(beam.from_s, beam.until_s)
    assert truth < -0.03
    # Beyond its last visit the exposed region goes on as before, also in what the beam no longer does.
    goes_on = truth / CYCLES
    assert abs(beam.lithium.change - truth - goes_on / 2) < 3 * beam.lithium.error + abs(goes_on) / 2
    assert beam.lithium.error < 0.2 * abs(truth)
    severity, message = beam_finding(harmed.last)
    assert severity is Severity.WARNING
    assert "the beam changed x by -" in message


def test_a_harmless_beam_is_not_accused(tmp_path: Path) -> None:
    clean = controlled(tmp_path, control_settings(), seed=5, cycles=2)
    beam = clean.last.beam
    assert beam is not None
    assert beam.lithium is not None
    assert abs(beam.lithium.change) < 3.5 * beam.lithium.error
    assert beam.lithium.error < 0.01
    assert beam_finding(clean.last)[0] is Severity.INFO


def test_only_the_last_visit_of_the_control_says_it(harmed: Controlled) -> None:
    said = [snapshot for snapshot in harmed.records if snapshot.beam is not None]
    assert said == [harmed.last]


def test_late_lines_of_an_exposed_region_leave_no_trace(harmed: Controlled) -> None:
    """The last image of the exposed region comes after the control's last visit; what is said is the same."""
    documents = harmed.documents
    (control,) = {one.plan.run for one in harmed.records if one.plan.part.is_control}
    streams = {
        document["uid"]
        for name, document in documents
        if name == "descriptor" and document["name"] == "primary" and document["run_start"] != control
    }
    lines = [
        place
        for place, (name, document) in enumerate(documents)
        if name == "event_page" and document["descriptor"] in streams
    ]
    late = lines[-10:]
    in_time = [one for place, one in enumerate(documents) if place not in late]
    behind = 1 + max(place for place, (name, _) in enumerate(in_time) if name == "event_page")
    shuffled = [*in_time[:behind], *(documents[place] for place in late), *in_time[behind:]]
    again = fitted(shuffled, harmed.references)
    beams = [snapshot.beam for snapshot in again if snapshot.beam is not None]
    assert len(beams) == 2
    assert beams[0] != harmed.last.beam
    assert beams[-1] == harmed.last.beam


def test_results_and_command_say_the_same(harmed: Controlled, tmp_path: Path) -> None:
    work = work_of(Options(references=harmed.references))
    keeper = Keeper(tmp_path / "run.h5", work)
    for snapshot in harmed.records:
        keeper(snapshot)
    keeper.finish()
    paths = {result.snapshot.plan.part.region: result.path for result in keeper.results}
    live = harmed.last.beam
    assert live is not None
    assert live.lithium is not None
    found = CliRunner().invoke(app, ["beam", str(paths["dark"]), str(paths["lit"]), "--json"])
    assert found.exit_code == 0
    said = json.loads(found.stdout)
    assert said["lithium"]["change"] == pytest.approx(live.lithium.change)
    assert said["lithium"]["error"] == pytest.approx(live.lithium.error)
    assert [one["region"] for one in said["regions"]] == ["dark", "lit"]
    people = CliRunner().invoke(app, ["beam", str(paths["dark"]), str(paths["lit"])])
    assert "the beam changed x by" in people.stdout
    results = read_results(str(paths["dark"]))
    assert results.plan.part == harmed.last.plan.part
    assert results.tables["beam"].columns["lithium"] == pytest.approx([live.lithium.change])
    assert "What the beam did" in report_html(results)
    wrong = CliRunner().invoke(app, ["beam", str(paths["lit"]), str(tmp_path / "none.h5")])
    assert wrong.exit_code == 4


def test_a_monitor_that_was_killed_between_the_visits_says_the_same(harmed: Controlled) -> None:
    work = work_of(Options(references=harmed.references, gain=static_settings().detector.variance_to_mean))
    records: list[Snapshot] = []
    reader = DocumentReader(work.layout)
    runs = Runs(work, records.append, lambda _refused: None)
    for number, (name, document) in enumerate(harmed.documents):
        if number in {len(harmed.documents) // 2, len(harmed.documents) - 100}:
            kept = thaw(RunsState, freeze(runs.kept_state()))
            runs = Runs(work, records.append, lambda _refused: None)
            runs.state = kept
        for item in reader.read(name, document):
            runs.take(item)
    (last,) = (snapshot.beam for snapshot in records if snapshot.beam is not None)
    assert last == harmed.last.beam
