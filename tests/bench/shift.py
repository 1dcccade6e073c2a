"""Record, follow and fit a shift of 72 hours: 1.5 million lines with beam losses, top-ups and refills.

python tests/bench/shift.py                    # 72 hours, some minutes
python tests/bench/shift.py --hours 1          # the short form

One process makes the documents of a run an hour, cheaply, and records them; another one follows the log and
fits every cycle. Counts follow the ring current, with every fault of the beam in its place.
"""

# A script: it prints.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from operando.core.incident import IncidentRule
from operando.core.references import resample
from operando.io.runlog import LogReader
from operando.io.sources import FollowedLog
from operando.live.monitor import Monitor, Work
from operando.live.recorder import Recorder
from operando.settings import LayoutSettings
from operando.types import Snapshot
from operando_sim import BeamLoss, BeamSettings, Refill, TopUps, WorldFault
from operando_sim.beam import ring_current_ma
from operando_sim.faults import share_of_current, share_of_light
from scans import ENERGIES_EV, library, recipe

_ROWS, _COLUMNS = 32, 32
_LINE_S = 0.17
_HOUR_S = 3600.0
_I0 = 20_000.0
_MEMORY_MB = 20.0
_LONGEST_S = 600.0
_QUEUE = 2_000
"""Lines that may wait to be written. A scan makes six a second and these come as fast as they can: memory
that a longer queue takes, 20 MB, says only how far the writer was behind at one moment."""

Document = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found.

    Attributes
    ----------
    hours, lines, cycles
        Of the shift: its length, what was recorded, and what was fitted.
    behind
        Documents that were not fitted in the end.
    share_within_3_sigma
        Of all valid pixels of all cycles, how many have x within 3 σ of the truth.
    dark
        Cycles that had so little light that no map was made of them.
    seconds, recorder_cpu_s, monitor_cpu_s
        It took, from the first document to the last fit.
    monitor_grew_mb, recorder_grew_mb
        From a tenth of the shift to its end.
    """

    hours: float
    lines: int
    cycles: int
    behind: int
    share_within_3_sigma: float
    dark: int
    seconds: float
    recorder_cpu_s: float
    monitor_cpu_s: float
    monitor_grew_mb: float
    recorder_grew_mb: float

    @property
    def is_good(self) -> bool:
        """Whether all that was promised held."""
        is_whole = self.behind == 0 and self.share_within_3_sigma > 0.99
        is_small = max(self.monitor_grew_mb, self.recorder_grew_mb) < _MEMORY_MB
        return is_whole and is_small and self.seconds < _LONGEST_S


def faults_of(hours: float) -> tuple[WorldFault, ...]:
    """Return a loss of the beam every five hours, a refill every twelve, and injections all the time."""
    losses = [BeamLoss(h * _HOUR_S + 700.0, h * _HOUR_S + 1000.0) for h in np.arange(0.0, hours, 5.0)]
    refills = [Refill(h * _HOUR_S + 2900.0, h * _HOUR_S + 3200.0) for h in np.arange(0.0, hours, 12.0)]
    return (*losses, *refills, TopUps(every_s=180.0, lasting_s=0.05))


def mixtures() -> tuple[np.ndarray, np.ndarray]:
    """Return the amounts of each phase, shape (phase, y, x), zero outside a disc, and x, shape (y, x)."""
    y, x = np.mgrid[-1.0 : 1.0 : _ROWS * 1j, -1.0 : 1.0 : _COLUMNS * 1j]
    lithium = np.clip(0.5 + 0.4 * x, 0.0, 1.0)
    amount = np.where(x**2 + y**2 < 0.6, 0.8, 0.0)
    return np.stack([amount * (1.0 - lithium), np.zeros_like(amount), amount * lithium]), lithium


def run_of(number: int, cycles: int, faults: Sequence[WorldFault]) -> Iterator[Document]:
    """Yield the documents of one hour."""
    rng = np.random.default_rng(number)
    amounts, _ = mixtures()
    values = np.stack([resample(library(), ENERGIES_EV)[:, s] for s in range(3)], axis=1)
    transmission = np.exp(-np.einsum("es,syx->eyx", values, amounts))
    run, stream = f"run-{number}", f"stream-{number}"
    began_s = number * _HOUR_S
    block = {
        "contract_version": 1,
        "shape": list(transmission.shape),
        "energies": ENERGIES_EV.tolist(),
        "dwell_ms": 1.0,
        "x_extent": [-1.0, 1.0],
        "y_extent": [-1.0, 1.0],
        "data_field": "counter",
    }
    yield "start", {"uid": run, "time": began_s, "stxm": block, "operando": {"cycles": cycles}}
    keys = {"counter": {"source": "test", "dtype": "array", "shape": [_COLUMNS]}}
    yield (
        "descriptor",
        {"uid": stream, "run_start": run, "time": began_s, "name": "primary", "data_keys": keys},
    )
    line = 0
    for cycle in range(cycles):
        times_s = began_s + _LINE_S * (line + 1 + np.arange(ENERGIES_EV.size * _ROWS))
        light = share_of_light(faults, times_s) * ring_current_ma(BeamSettings(), times_s) / 500.0
        current_ma = share_of_current(faults, times_s) * ring_current_ma(BeamSettings(), times_s)
        mean = _I0 * light[:, np.newaxis] * transmission.reshape(-1, _COLUMNS)
        for place, (counts, time_s) in enumerate(
            zip(rng.poisson(mean).tolist(), times_s.tolist(), strict=True)
        ):
            line += 1
            energy, row = divmod(place, _ROWS)
            data = {
                "counter": [float(reading) for reading in counts],
                "cycle": cycle,
                "energy_index": energy,
                "row": row,
                "ring_current_ma": float(current_ma[place]),
            }
            yield (
                "event",
                {
                    "uid": f"{run}-{line}",
                    "descriptor": stream,
                    "seq_num": line,
                    "time": time_s,
                    "data": data,
                    "timestamps": dict.fromkeys(data, time_s),
                    "filled": {},
                },
            )
    yield (
        "stop",
        {"uid": f"stop-{number}", "run_start": run, "time": began_s + _HOUR_S, "exit_status": "success"},
    )


def cycles_an_hour() -> int:
    """Return how many cycles fit into an hour."""
    return int(_HOUR_S / (_LINE_S * ENERGIES_EV.size * _ROWS))


def record(log: str, hours: float) -> None:
    """Record the whole shift as fast as it can be written, and tell what it took."""
    faults, lines, early_mb = faults_of(hours), 0, 0.0
    with Recorder(log) as recorder:
        print("ready", flush=True)
        for number in range(max(round(hours), 1)):
            for name, document in run_of(number, cycles_an_hour(), faults):
                recorder(name, document)
                lines += name == "event"
                while recorder.status.queued > _QUEUE:
                    recorder.flush(0.02)
            if number == round(hours) // 10:
                early_mb = memory_mb()
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {"lines": lines, "grew_mb": memory_mb() - early_mb, "cpu_s": used.ru_utime + used.ru_stime}
    print(json.dumps(figures), flush=True)


class Judge:
    """What the cycles of record say, against what the counts were made of."""

    def __init__(self) -> None:
        self.cycles = self.pixels = self.within = 0
        _, self._truth = mixtures()

    def __call__(self, snapshot: Snapshot) -> None:
        """Take note of a cycle."""
        found = snapshot.map
        assert found is not None
        self.cycles += 1
        pull = np.abs(found.lithium - self._truth)[found.valid] / found.lithium_error[found.valid]
        self.pixels += pull.size
        self.within += int((pull < 3.0).sum())


def campaign(hours: float) -> Outcome:
    """Let one process record and follow it here; return what was found."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        recording = subprocess.Popen(
            [sys.executable, __file__, "record", str(log), str(hours)], stdout=subprocess.PIPE, text=True
        )
        assert recording.stdout is not None
        recording.stdout.readline()
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        said: list[dict[str, float]] = []
        ended = threading.Event()

        def wait() -> None:
            assert recording.stdout is not None
            said.append(json.loads(recording.stdout.readline()))
            recording.wait()
            ended.set()

        threading.Thread(target=wait, daemon=True).start()
        work = Work(library(), replace(recipe(), incident=IncidentRule()), LayoutSettings())
        judge = Judge()
        source = FollowedLog(LogReader(log), "log", ended)
        monitor = Monitor(source, work, judge)
        planned = cycles_an_hour() * max(round(hours), 1)
        early_mb = 0.0
        idle = threading.Event()
        while not (ended.is_set() and monitor.delivery.is_finished):
            if not monitor.pull():
                idle.wait(0.005)
            if not early_mb and judge.cycles >= planned // 10:
                early_mb = memory_mb()
        monitor.finish()
        delivery = monitor.delivery
        source.close()
        return Outcome(
            hours=hours,
            lines=int(said[0]["lines"]),
            cycles=judge.cycles,
            behind=delivery.behind + delivery.lost,
            share_within_3_sigma=round(judge.within / judge.pixels, 4),
            dark=planned - judge.cycles,
            seconds=round(time.monotonic() - began_s, 1),
            recorder_cpu_s=round(said[0]["cpu_s"], 1),
            monitor_cpu_s=round(time.process_time() - began_cpu_s, 1),
            monitor_grew_mb=round(memory_mb() - early_mb, 1),
            recorder_grew_mb=round(said[0]["grew_mb"], 1),
        )


def memory_mb() -> float:
    """Return what this process holds in memory now."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{os.getpid()}/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) / 1e3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print what was found as JSON."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["record"]:
        record(given[1], float(given[2]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=float, default=72.0)
    outcome = campaign(parser.parse_args(given).hours)
    print(json.dumps(asdict(outcome)))
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
