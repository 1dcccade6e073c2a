"""How much faster two workers fit many recorded runs than one, and that the results are the same bytes.

    python tests/bench/reprocess_speed.py [--runs 100] [--pixels 64] [--cycles 6] [--replays 10] [--logs DIR]

Simulates the runs, fits them with one worker and with two, each into an empty folder, and some of them with
`operando replay`; prints one JSON object, and fails where bytes differ or the ratio is below 1.7.
Elapsed times are of a machine that may be shared: `processor_s` is what the workers took of its cores.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from operando.app.simulate import Cell, energies_of, simulate
from operando_sim import LIXV2O5
from operando_sim.references import write_references

WANTED = 1.7
OPERANDO = (sys.executable, "-m", "operando")


def recorded(folder: Path, runs: int, pixels: int, cycles: int) -> list[Path]:
    """Simulate so many runs, each of another sample, unless they are there."""
    folder.mkdir(exist_ok=True)
    write_references(folder, LIXV2O5)
    logs = [folder / f"run{number:03d}.runlog" for number in range(runs)]
    for seed, log in enumerate(logs):
        if log.exists():
            continue
        simulate(
            Cell(
                material="lixv2o5",
                seed=seed,
                started_s=1.7e9 + 1000.0 * seed,
                pixels=pixels,
                cycles=cycles,
                dwell_ms=1.0,
                energies_ev=energies_of("lixv2o5"),
                elapsed_s=600.0,
            ),
            log,
            speed=None,
        )
    return logs


def reprocessed(logs: Path, output: Path, workers: int) -> tuple[float, float]:
    """Fit all; return the seconds it took, and those it took of the cores."""
    before, began_s = _processor_s(), time.perf_counter()
    _run(
        "reprocess",
        logs,
        "--references",
        logs / "library.toml",
        "--output",
        output,
        "--workers",
        str(workers),
    )
    return time.perf_counter() - began_s, _processor_s() - before


def replayed(log: Path, output: Path) -> Path:
    """Fit one run with `operando replay`."""
    results = output / f"{log.stem}-lithiation.h5"
    references = log.with_name("library.toml")
    _run("replay", log, "--references", references, "--output", results, "--headless")
    return results


def differing(logs: Sequence[Path], one: Path, other: Path) -> int:
    """Count the runs whose results are not the same bytes in both folders."""
    names = [f"{log.stem}-lithiation{ending}" for log in logs for ending in (".h5", "-curve.csv")]
    return sum((one / name).read_bytes() != (other / name).read_bytes() for name in names)


def _run(*words: str | Path) -> None:
    done = subprocess.run([*OPERANDO, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Measure, and print what was found."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--runs", type=int, default=100)
    asked.add_argument("--pixels", type=int, default=64)
    asked.add_argument("--cycles", type=int, default=6)
    asked.add_argument("--replays", type=int, default=10)
    asked.add_argument("--logs", type=Path, default=None)
    given = asked.parse_args()
    with TemporaryDirectory() as made:
        folder = Path(made)
        where = given.logs or folder / "logs"
        logs = recorded(where, given.runs, given.pixels, given.cycles)
        # The fit is compiled, once on a machine, before anything is timed.
        replayed(logs[0], folder / "warm")
        one_s, one_processor_s = reprocessed(where, folder / "one", 1)
        two_s, two_processor_s = reprocessed(where, folder / "two", 2)
        some = logs[:: max(1, given.runs // max(1, given.replays))] if given.replays else []
        for log in some:
            replayed(log, folder / "replayed")
        found = {
            "runs": given.runs,
            "one_worker_s": round(one_s, 2),
            "two_workers_s": round(two_s, 2),
            "ratio": round(one_s / two_s, 3),
            "one_worker_processor_s": round(one_processor_s, 2),
            "two_workers_processor_s": round(two_processor_s, 2),
            "differ_between_one_and_two": differing(logs, folder / "one", folder / "two"),
            "differ_from_replay": differing(some, folder / "two", folder / "replayed"),
            "replayed": len(some),
        }
    print(json.dumps(found))  # noqa: T201 - the answer itself
    is_same = not found["differ_between_one_and_two"] and not found["differ_from_replay"]
    return 0 if is_same and found["ratio"] >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
