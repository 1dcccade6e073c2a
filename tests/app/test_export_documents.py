"""Recordings and results as documents: the same maps again, and an analysis run that is valid."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from event_model import DocumentNames, schema_validators
from typer.testing import CliRunner

from following import offline
from operando.app import export as exporting
from operando.app.export import export, export_documents, takes_documents
from operando.app.file_kinds import FileKind, endings_of, kind_of
from operando.app.open_source import open_recording
from operando.cli import Exit, app
from operando.errors import ConfigurationError, DamagedFileError
from operando.io.analysis_run import analysis_documents
from operando.io.results import read_results
from operando.io.runlog import LogWriter
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of

PLAN = plan_of(shape=(4, 5))
DOCUMENTS = documents_of(PLAN, stack_of(PLAN, np.random.default_rng(0)))
WORK = Work(library(), recipe(), LayoutSettings())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "series.runlog"
    with LogWriter(path) as writer:
        writer.append(DOCUMENTS, 0.0)
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    offline(DOCUMENTS, tmp_path / "fitted" / "out.h5", WORK)
    return tmp_path / "fitted" / "out.h5"


def recorded(path: Path) -> list[tuple[str, dict[str, Any]]]:
    source, after = open_recording(str(path)), 0
    found: list[tuple[str, dict[str, Any]]] = []
    while not source.has_ended(after):
        for logged in source.read(after, 50):
            found.append((logged.name, logged.document))
            after = logged.seq
    source.close()
    return found


def test_a_log_as_json_lines_gives_the_same_results(log: Path, tmp_path: Path) -> None:
    assert export_documents(str(log), str(tmp_path / "series.jsonl")) == 1
    found = offline(recorded(tmp_path / "series.jsonl"), tmp_path / "one" / "out.h5", WORK)
    assert found == offline(DOCUMENTS, tmp_path / "two" / "out.h5", WORK)
    with pytest.raises(ConfigurationError, match="exists already"):
        export_documents(str(log), str(tmp_path / "series.jsonl"))


def test_the_analysis_run_is_valid_and_names_the_raw_run(results: Path, tmp_path: Path) -> None:
    output = tmp_path / "analysis.jsonl"
    assert export_documents(str(results), str(output)) == 1
    documents = [json.loads(line) for line in output.read_text().splitlines()]
    for name, document in documents:
        schema_validators[DocumentNames[name]].validate(document)
    (_, start), (_, descriptor), *events, (_, stop) = documents
    held = read_results(results)
    assert start["raw_run"] == PLAN.run
    assert start["analysis"]["phases"] == list(held.phase_names)
    assert start["analysis"]["energies_ev"] == PLAN.energies_ev.tolist()
    assert stop["run_start"] == start["uid"]
    assert stop["num_events"] == {"primary": 2}
    for index, (_, event) in enumerate(events):
        assert event["data"].keys() == descriptor["data_keys"].keys()
        assert event["data"]["cycle"] == held.cycle[index]
        for key in ("lithium", "lithium_error", "chi2", "fraction", "reason"):
            np.testing.assert_array_equal(event["data"][key], getattr(held, key)[index])
            assert list(np.shape(event["data"][key])) == descriptor["data_keys"][key]["shape"]
        assert event["data"]["mean_lithium"] == held.curve.lithium[index]
        assert event["time"] == held.time_s[index]


def test_the_same_results_are_the_same_run(results: Path, tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        export_documents(str(results), str(tmp_path / name))
    assert (tmp_path / "a.jsonl").read_text() == (tmp_path / "b.jsonl").read_text()


def test_another_fit_of_the_same_run_is_another_run(results: Path) -> None:
    there = read_results(results)
    other = replace(there, process={**there.process, "references_sha256": "of others"})
    uids = {next(analysis_documents(each))[1]["uid"] for each in (there, other)}
    assert len(uids) == 2


def test_of_a_damaged_recording_the_good_part_is_written_and_the_rest_said(log: Path, tmp_path: Path) -> None:
    database = sqlite3.connect(log)
    database.execute("UPDATE documents SET blob = x'80' WHERE seq = 7")
    database.commit()
    database.close()
    for output, write in (
        (tmp_path / "a.jsonl", lambda output: export_documents(str(log), str(output))),
        (tmp_path / "a.hdf5", lambda output: export(open_recording(str(log)), output, LayoutSettings())),
    ):
        with pytest.raises(DamagedFileError, match="number 7"):
            write(output)
        assert output.exists()
    assert len(recorded(tmp_path / "a.jsonl")) == len(DOCUMENTS) - 1
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes((tmp_path / "a.jsonl").read_bytes()[:-40])
    with pytest.raises(DamagedFileError, match="has what is good"):
        export_documents(str(cut), str(tmp_path / "b.jsonl"))
    assert len(recorded(tmp_path / "b.jsonl")) == len(DOCUMENTS) - 2


def exported(source: Path, output: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "operando", "export", str(source), output]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_command_writes_documents_and_refuses_other_endings(log: Path, results: Path) -> None:
    done = exported(results, "analysis.jsonl", log.parent)
    assert done.returncode == 0, done.stderr
    assert "1 run is in analysis.jsonl" in done.stderr
    refused = exported(log, "series.csv", log.parent)
    assert refused.returncode == 3
    assert ".jsonl" in refused.stderr


def test_the_key_of_a_catalog_is_not_said(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_written", lambda documents, _output: len(list(documents)) and 1)
    address = "http://127.0.0.1:8000/api/v1?api_key=secret"
    good = CliRunner().invoke(app, ["export", str(log), address])
    database = sqlite3.connect(log)
    database.execute("UPDATE documents SET blob = x'80' WHERE seq = 7")
    database.commit()
    database.close()
    damaged = CliRunner().invoke(app, ["export", str(log), address])
    assert (good.exit_code, damaged.exit_code) == (Exit.DONE, Exit.DAMAGED)
    for said in (good.stderr, damaged.stderr):
        assert "127.0.0.1:8000/api/v1" in said
        assert "secret" not in said


def with_arrays(documents: Iterable[tuple[str, dict[str, Any]]], *, as_suitcase: bool) -> bytes:
    """Return documents as suitcase-msgpack packs them, with lists or with the arrays of msgpack-numpy."""

    def packed(value: object) -> object:
        assert isinstance(value, np.ndarray)
        if not as_suitcase:
            return value.tolist()
        about = {b"nd": True, b"type": value.dtype.str, b"kind": b"", b"shape": value.shape}
        return about | {b"data": value.tobytes()}

    return b"".join(msgpack.packb(each, default=packed) for each in documents)


@pytest.mark.parametrize("as_suitcase", [False, True])
def test_msgpack_of_databroker_1_gives_the_same_results(tmp_path: Path, *, as_suitcase: bool) -> None:
    path = tmp_path / "run.msgpack"
    path.write_bytes(with_arrays(DOCUMENTS, as_suitcase=as_suitcase))
    found = offline(recorded(path), tmp_path / "one" / "out.h5", WORK)
    assert found == offline(DOCUMENTS, tmp_path / "two" / "out.h5", WORK)


def test_what_stands_before_a_cut_is_given_and_pickles_are_refused(tmp_path: Path) -> None:
    whole = with_arrays(DOCUMENTS, as_suitcase=True)
    path = tmp_path / "run.msgpack"
    for cut in (len(whole) - 1, len(whole) // 2, 3, 0):
        path.write_bytes(whole[:cut])
        with pytest.raises(DamagedFileError, match=r"run\.msgpack"):
            recorded(path)
    path.write_bytes(msgpack.packb(DOCUMENTS[0], default=lambda array: array.tolist()) + b"\x80\x04\x95N.")
    source = open_recording(str(path))
    assert len(source.read(0, 4)) == 1
    with pytest.raises(DamagedFileError, match="behind its first 1 documents"):
        source.read(1, 4)


def test_one_table_says_what_an_ending_means() -> None:
    assert kind_of(Path("A.HDR")) is FileKind.SDF
    assert kind_of(Path("a.csv")) is None
    for kind in FileKind:
        assert endings_of(kind)
        assert all(kind_of(Path(f"a{ending}")) is kind for ending in endings_of(kind))
    assert takes_documents("https://tiled.example.org/api/v1")
    assert not takes_documents("a.hdf5")
