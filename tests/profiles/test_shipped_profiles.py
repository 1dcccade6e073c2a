"""The profiles that come with the project: thin, complete, and running."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest

from howto import ROOT
from operando.app.work import Options, work_of
from operando.errors import ConfigurationError
from operando.io.runlog import LogReader
from operando.settings import load_profile

SMALL = {"name": "small", "centre_um": [0.0, 0.0], "size_um": [1.0, 1.0], "points": [6, 4]}
STARTUP = Path("startup", "00-operando.py")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The simulated profile, opened as IPython opens it."""
    folder = tmp_path_factory.mktemp("profiles") / "simulated"
    shutil.copytree(ROOT / "profiles" / "simulated", folder)
    names = runpy.run_path(str(folder / STARTUP))
    yield names
    names["session"].recorder.close()


@pytest.mark.parametrize("name", ["simulated", "epics"])
def test_a_startup_file_is_thin_and_its_profile_can_be_read(name: str) -> None:
    folder = ROOT / "profiles" / name
    assert len((folder / STARTUP).read_text(encoding="utf-8").splitlines()) < 40
    acquisition = load_profile(folder / "profile.toml").acquisition
    assert acquisition is not None
    assert acquisition.region
    assert work_of(Options(profile=folder / "profile.toml")).library.formula


def test_a_session_foretells_runs_and_records(session: Any) -> None:
    estimate = session["estimate"]([SMALL], cycles=1)
    assert estimate.exposures == 5 * 4
    session["RE"](session["operando_series"]([SMALL], cycles=1, sample_name="B2"))
    recorder = session["session"].recorder
    assert recorder.flush(10.0)
    documents = [(entry.name, entry.document) for entry in LogReader(session["session"].log).read(0, 1000)]
    start = documents[0][1]
    assert start["sample_name"] == "B2"
    assert start["cell"] == "model"
    assert len(start["references_sha256"]) == 64
    assert start["operando"]["region"] == "small"
    assert (
        sum(name in {"event", "event_page"} and "row" in document["data"] for name, document in documents)
        == 20
    )
    assert documents[-1][1]["exit_status"] == "success"


def test_a_stack_is_taken_of_the_region_it_is_given(session: Any) -> None:
    starts: list[dict] = []
    token = session["RE"].subscribe(lambda _name, document: starts.append(document), "start")
    session["RE"](session["energy_stack"](SMALL))
    session["RE"].unsubscribe(token)
    assert starts[0]["stxm"]["shape"] == [5, 4, 6]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"regions": [{**SMALL, "energies_ev": [490.0]}], "cycles": 1}, "region 'small' cannot be fitted"),
        ({"regions": [{**SMALL, "dwell_ms": 0.0}], "cycles": 1}, "dwell"),
        ({"regions": [{**SMALL, "size_um": [0.0, 1.0]}], "cycles": 1}, "size"),
        ({"regions": [{**SMALL, "centre_um": [400.0, 0.0]}], "cycles": 1}, "limits"),
        ({"regions": [], "cycles": 1}, "no region"),
        ({"regions": [SMALL]}, "no end"),
        ({"regions": [SMALL], "cycles": 100000}, "allowed"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_moves(
    session: Any, arguments: dict, words: str
) -> None:
    documents: list[str] = []
    token = session["RE"].subscribe(lambda name, _document: documents.append(name))
    with pytest.raises((ValueError, ConfigurationError), match=words):
        session["RE"](session["operando_series"](**arguments))
    session["RE"].unsubscribe(token)
    assert documents == []


def test_a_profile_without_acquisition_says_what_is_missing(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "profiles" / "simulated", tmp_path / "copy")
    profile = tmp_path / "copy" / "profile.toml"
    profile.write_text('library = "references/library.toml"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"no block \[acquisition\]"):
        runpy.run_path(str(tmp_path / "copy" / STARTUP))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cycles = 3", "'acquisition.cycles' is not a known key"),
        ("dwell_ms = 0", "acquisition.dwell_ms"),
        ("energies_ev = []", "acquisition.energies_ev"),
        ("most = { dose_mgy = 1 }", "dose"),
        ("beam = { floor_ma = -1 }", "acquisition.beam.floor_ma"),
    ],
)
def test_a_wrong_key_or_value_of_the_acquisition_is_named(tmp_path: Path, line: str, words: str) -> None:
    lines = {"energies_ev": "energies_ev = [513.0]", "dwell_ms": "dwell_ms = 1.0"}
    lines[line.split(maxsplit=1)[0]] = line
    path = tmp_path / "profile.toml"
    path.write_text("[acquisition]\n" + "\n".join(lines.values()), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        load_profile(path)
