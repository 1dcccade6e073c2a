"""Every job is answered, whatever becomes of the process that does it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from operando.app.ending import Exit
from operando.app.many.job import Job
from operando.app.many.processes import fit_in_processes
from operando.app.work import Options

ANSWERS = """
import json, os, signal, sys
for line in sys.stdin:
    source = json.loads(line)["source"]
    if source.startswith("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    if source.startswith("leaves"):
        sys.exit(3)
    if source.startswith("breaks off"):
        print('{"source": "br', end="", flush=True)
        sys.exit(4)
    if source.startswith("babbles"):
        print("one moment", flush=True)
    print(json.dumps({"source": source, "code": 0, "remarks": [os.environ["OMP_NUM_THREADS"]]}), flush=True)
"""


def jobs(*sources: str) -> list[Job]:
    return [Job(source, Path("x.h5"), Options()) for source in sources]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_a_process_that_ends_costs_its_own_job(workers: int) -> None:
    asked = jobs("a", "dies", "b", "leaves", "dies too", "c", "breaks off", "babbles", "d")
    done = {each.source: each for each in fit_in_processes(asked, workers, (sys.executable, "-c", ANSWERS))}
    assert set(done) == {job.source for job in asked}
    for source, each in done.items():
        fails = source.startswith(("dies", "leaves", "breaks off", "babbles"))
        assert each.code == (Exit.FAILED if fails else Exit.DONE)
    assert done["a"].remarks == ("1",)
    assert "by SIGKILL" in done["dies"].reasons[0]
    assert "with exit code 3" in done["leaves"].reasons[0]
    assert "with exit code 4" in done["breaks off"].reasons[0]
    assert "answered 'one moment'" in done["babbles"].reasons[0]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_processes_that_end_one_after_another_leave_no_pipe() -> None:
    fitted = fit_in_processes(jobs(*["leaves"] * 12), 1, (sys.executable, "-I", "-S", "-c", ANSWERS))
    next(fitted)
    before = open_files()
    most = max(open_files() for _ in fitted)
    assert most <= before + 6


def test_who_takes_no_more_ends_the_processes() -> None:
    asked = jobs(*map(str, range(20)))
    fitted = fit_in_processes(asked, 2, (sys.executable, "-c", ANSWERS))
    assert next(fitted).code == Exit.DONE
    fitted.close()


def test_a_command_that_is_none_is_said_for_each() -> None:
    done = list(fit_in_processes(jobs("a", "b"), 2, ("/no/such/program",)))
    assert [each.code for each in done] == [Exit.FAILED] * 2
    assert all("no process can be started" in each.reasons[0] for each in done)
