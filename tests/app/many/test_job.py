"""A job is answered for every run of its recording, and question and answer survive being JSON."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from many_runs import done_of, recorded_runs
from operando.app.ending import Exit
from operando.app.many.job import Job, answer, done_from, fit, text_of
from operando.app.work import Options
from operando.io.results import read_results
from operando.io.runlog import LogReader, LogWriter


@pytest.fixture(scope="module")
def two_in_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of two runs, with their references beside it."""
    folder = tmp_path_factory.mktemp("logs")
    both = folder / "both.runlog"
    with LogWriter(both) as writer:
        for log in recorded_runs(folder, 2):
            with LogReader(log) as reader:
                documents = [(logged.name, logged.document) for logged in reader.read(0, 10_000)]
            writer.append(documents, 1.0)
    return both


def test_every_run_of_a_recording_has_its_answer_and_its_file(two_in_one: Path, tmp_path: Path) -> None:
    options = Options(references=two_in_one.with_name("library.toml"))
    job = Job(str(two_in_one), tmp_path / "both-lithiation.h5", options)
    done = done_from(answer(text_of(job), lambda: ("said meanwhile",)))
    assert (done.source, done.code, done.remarks) == (job.source, Exit.DONE, ("said meanwhile",))
    assert done.has_results
    assert len({run.run for run in done.runs}) == len({run.results for run in done.runs}) == 2
    for run in done.runs:
        assert run.results is not None
        assert read_results(tmp_path / run.results).plan.run == run.run
        assert run.measures["cycles"] == 2
    again = fit(replace(job, results=tmp_path / "again" / job.results.name))
    assert done == replace(again, remarks=done.remarks)


TEXT = st.text(max_size=20)


@given(TEXT, st.none() | st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3))
def test_a_job_is_one_line_whatever_it_is_called(name: str, energies: list[float] | None) -> None:
    options = Options(energies_ev=None if energies is None else tuple(energies), i0=name)
    assert "\n" not in text_of(Job(name, Path("x.h5"), options))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"source": 1}', '{"source": "a", "code": 99}'])
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        done_from(text)


def test_a_recording_without_results_has_none() -> None:
    assert not done_of("a", results=None).has_results
    assert done_of("a").has_results
