"""Stop a subscriber while a real RunEngine goes on, and look at the others' memory and time.

python tests/bench/stopped_subscriber.py                 # stopped for 120 s, some three minutes
python tests/bench/stopped_subscriber.py --stopped 10

A process runs a plan with the recorder subscribed, another one serves the log, a third one reads it and is
stopped (SIGSTOP). The serving process must not grow by 50 MB, a document must take as long from the RunEngine
as before, and when it goes on the subscriber must get all that it missed.
"""

# A script: it prints, and waits in real time.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from operando.bench.delivery.family import Child
from operando.live.recorder import Recorder

_SIDE = 256
_PATIENCE_S = 120.0
_MEMORY_MB = 50.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found."""

    stopped_s: float
    documents: int
    lost: int
    catch_up_s: float
    server_grew_mb: float
    recorder_grew_mb: float
    before_p50_ms: float
    before_p99_ms: float
    stopped_p50_ms: float
    stopped_p99_ms: float

    @property
    def is_good(self) -> bool:
        """Whether all that was promised held; of the times the medians, which other programs shift least."""
        is_small = max(self.server_grew_mb, self.recorder_grew_mb) < _MEMORY_MB
        return self.lost == 0 and is_small and self.stopped_p50_ms < 1.5 * self.before_p50_ms + 0.05


def record(log: str, times: str, per_s: float) -> None:
    """Run a plan of frames until told to end; keep what each document took, and when."""
    import bluesky.plan_stubs as bps  # noqa: PLC0415 - this process alone needs it
    import bluesky.preprocessors as bpp  # noqa: PLC0415
    from bluesky import RunEngine  # noqa: PLC0415
    from ophyd.sim import SynSignal  # noqa: PLC0415

    image = np.random.default_rng(1).poisson(5000.0, (_SIDE, _SIDE)).astype(np.float64)
    camera = SynSignal(func=lambda: image, name="camera")
    is_over = threading.Event()
    took: list[tuple[float, float]] = []
    recorder = Recorder(log)

    def timed(name: str, document: Mapping[str, Any]) -> None:
        began_s = time.perf_counter()
        recorder(name, document)
        took.append((time.time(), time.perf_counter() - began_s))

    def until_told() -> None:
        sys.stdin.readline()
        is_over.set()

    threading.Thread(target=until_told, daemon=True).start()

    def readings() -> Any:
        while not is_over.is_set():
            yield from bps.trigger_and_read([camera])
            yield from bps.sleep(1.0 / per_s)

    engine = RunEngine({}, context_managers=[])
    engine.subscribe(timed)
    print("ready", flush=True)
    engine(bpp.run_wrapper(readings()))
    recorder.close(60.0)
    np.save(times, np.array(took))
    print(json.dumps({"written": recorder.status.written}), flush=True)
    sys.stdin.read()


def campaign(stopped_s: float, before_s: float, per_s: float) -> Outcome:
    """Let all run, stop the subscriber for a while, and return what was found."""
    with tempfile.TemporaryDirectory() as folder:
        log, times = Path(folder) / "log", Path(folder) / "times.npy"
        children = [Child(__file__, "record", str(log), str(times), str(per_s))]
        try:
            children.append(Child("-m", "operando", "serve", log, "--address", "tcp://127.0.0.1:0"))
            engine, server = children
            children.append(Child.of("operando", server.first.removeprefix("tcp://")))
            subscriber = children[-1]
            time.sleep(before_s)
            memory_mb = server.memory_mb(), engine.memory_mb()
            stop_s = time.time()
            subscriber.signal(signal.SIGSTOP)
            time.sleep(stopped_s)
            grown_mb = server.memory_mb() - memory_mb[0], engine.memory_mb() - memory_mb[1]
            go_on_s = time.time()
            subscriber.signal(signal.SIGCONT)
            engine.tell()
            written = int(engine.figures(_PATIENCE_S)["written"])
            subscriber.hear(_PATIENCE_S)
            catch_up_s = time.time() - go_on_s
            grown_mb = max(grown_mb[0], server.memory_mb() - memory_mb[0]), grown_mb[1]
            received = int(subscriber.last_figures()["received"])
            when_s, took_s = np.load(times).T
        finally:
            for child in children:
                child.end()
    before = np.percentile(took_s[when_s < stop_s], (50.0, 99.0)) * 1e3
    during = np.percentile(took_s[(when_s >= stop_s) & (when_s < go_on_s)], (50.0, 99.0)) * 1e3
    return Outcome(
        stopped_s=stopped_s,
        documents=written,
        lost=written - received,
        catch_up_s=round(catch_up_s, 2),
        server_grew_mb=round(grown_mb[0], 1),
        recorder_grew_mb=round(grown_mb[1], 1),
        before_p50_ms=round(before[0], 3),
        before_p99_ms=round(before[1], 3),
        stopped_p50_ms=round(during[0], 3),
        stopped_p99_ms=round(during[1], 3),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print what was found as JSON."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["record"]:
        record(given[1], given[2], float(given[3]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stopped", type=float, default=120.0, help="seconds")
    parser.add_argument("--before", type=float, default=20.0, help="seconds before the subscriber is stopped")
    parser.add_argument("--per-s", type=float, default=20.0, help="frames of 256² per second")
    options = parser.parse_args(given)
    outcome = campaign(options.stopped, options.before, options.per_s)
    print(json.dumps(asdict(outcome)))
    return 0 if outcome.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
