"""A Dask cluster that is there fits the same bytes as processes of this machine."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from many_runs import recorded_runs

CLUSTER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""
OPERANDO = (sys.executable, "-m", "operando", "reprocess")

needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="Dask (the extra [dask]) is not installed"
)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a cluster of two processes, elsewhere than here."""
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as child:
        assert child.stdout is not None
        yield child.stdout.readline().strip()
        child.communicate(timeout=60)


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*OPERANDO, *words], check=False, capture_output=True, text=True, timeout=120)


@needs_dask
@pytest.mark.slow
def test_a_cluster_fits_the_same_bytes(scheduler: str, tmp_path: Path) -> None:
    logs = recorded_runs(tmp_path, 3)
    (tmp_path / "bad.runlog").write_text("no log")
    words = (tmp_path, "--references", tmp_path / "library.toml")
    here = run(*words, "--output", tmp_path / "here", "--workers", "2")
    there = run(*words, "--output", tmp_path / "there", "--scheduler", scheduler)
    assert (here.returncode, there.returncode) == (6, 6), there.stderr
    assert here.stdout == there.stdout
    for log in logs:
        name = f"{log.stem}-lithiation.h5"
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


@needs_dask
@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_said(tmp_path: Path) -> None:
    (log,) = recorded_runs(tmp_path, 1)
    words = (log, "--references", tmp_path / "library.toml", "--output", tmp_path / "out")
    done = run(*words, "--scheduler", "tcp://127.0.0.1:9")
    assert done.returncode == 4, done.stderr
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in " ".join(done.stderr.split())
    assert run(*words, "--scheduler", "tcp://127.0.0.1:9", "--workers", "2").returncode == 3
