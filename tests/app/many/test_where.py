"""`reprocess --where` on a real Tiled, served or in a folder: the runs that are meant, to the same bits."""

from __future__ import annotations

import csv
import gc
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from following import content_of
from many_runs import recorded_runs
from operando.app.export import export_documents

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(params=["server", "folder"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    of = pytest.importorskip("tiled.server", reason="extra [embedded]")
    pytest.importorskip("bluesky_tiled_plugins", reason="extra [catalog]")
    if request.param == "folder":
        yield "catalog:runs"
    else:
        with of.SimpleTiledServer(tmp_path / "tiled", api_key="abcdef") as running:
            yield running.uri
        del running
    gc.collect()


def operando(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "operando", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_runs_that_are_meant_give_the_results_of_their_logs(
    catalog: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    logs = recorded_runs(tmp_path, 2)
    for log in logs:
        assert export_documents(str(log), catalog) == 1
    fit = ("--references", "library.toml", "--workers", "1")
    where = ("--where", "sample=simulated lixv2o5, seed 1", "--where", "plan_args.until.cycles=2")
    done = operando("reprocess", catalog, *where, *fit, "--output", "found", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert operando("reprocess", str(logs[1]), *fit, "--output", "log", folder=tmp_path).returncode == 0
    (found,), (expected,) = ([*(tmp_path / name).glob("*.h5")] for name in ("found", "log"))
    assert content_of(found) == content_of(expected)
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert row["sample"] == "simulated lixv2o5, seed 1"
    said = done.stdout + done.stderr + (tmp_path / "found" / "reprocess.ledger").read_text()
    assert "abcdef" not in said
    nobody = operando("reprocess", catalog, "--where", "sample=nobody", *fit, folder=tmp_path)
    assert nobody.returncode == 4
    assert "has no run with sample=nobody" in nobody.stderr
