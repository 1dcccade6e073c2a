"""What the recorder takes and what it holds: documents per second into the log, and time per document."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from operando.bench.delivery.documents import frames, lines
from operando.bench.delivery.figures import DeliveryRow
from operando.live.recorder import Recorder

__all__ = ["engine_rows", "recorder_rows"]

_PATIENCE_S = 300.0
_MEMORY_MB = 4000.0
"""More than is ever waiting, so that nothing is given up while it is timed."""
_SIDE = 256
_PIXELS = (64, 256)

Callback = Callable[[str, Mapping[str, Any]], None]


def recorder_rows(line_count: int, frame_count: int) -> list[DeliveryRow]:
    """Time documents from the callback into the log, as fast as one thread can hand them over."""
    rows = [_recorded(f"line of {pixels} px", list(lines(line_count, pixels))) for pixels in _PIXELS]
    return [*rows, _recorded(f"frame of {_SIDE}²", list(frames(frame_count, _SIDE)))]


def engine_rows(line_count: int, frame_count: int) -> list[DeliveryRow]:
    """Time each document in a real RunEngine's thread, beside bluesky's publisher and nothing at all."""
    from bluesky.callbacks.zmq import Publisher  # noqa: PLC0415 - bluesky takes a second to import

    rows: list[DeliveryRow] = []
    for what, count, read in (("line of 256 px", line_count, _line), ("frame of 256²", frame_count, _frame)):
        with tempfile.TemporaryDirectory() as folder:
            with Recorder(Path(folder) / "log", memory_mb=_MEMORY_MB) as recorder:
                rows.append(_timed("operando", what, count, read, recorder))
            # Nobody listens there: what is timed is its copy and its pickling.
            publisher: Any = Publisher("127.0.0.1:9")
            rows.append(_timed("bluesky_0mq", what, count, read, publisher))
            publisher.close()
            rows.append(_timed("nothing", what, count, read, _nothing))
    return rows


def _recorded(what: str, documents: list[tuple[str, dict[str, Any]]]) -> DeliveryRow:
    with (
        tempfile.TemporaryDirectory() as folder,
        Recorder(Path(folder) / "log", memory_mb=_MEMORY_MB) as recorder,
    ):
        began_s = time.perf_counter()
        for name, document in documents:
            recorder(name, document)
        is_written = recorder.flush(_PATIENCE_S)
        took_s = time.perf_counter() - began_s
        status = recorder.status
    lost = len(documents) - status.written if is_written else len(documents)
    return DeliveryRow("operando", f"recorded, {what}", len(documents), lost, len(documents) / took_s)


def _timed(name: str, what: str, count: int, read: Callable[[], Any], callback: Callback) -> DeliveryRow:
    """Run a plan of so many readings and time the callback, document by document."""
    import bluesky.plan_stubs as bps  # noqa: PLC0415
    import bluesky.preprocessors as bpp  # noqa: PLC0415
    from bluesky import RunEngine  # noqa: PLC0415
    from ophyd.sim import SynSignal  # noqa: PLC0415

    detector: Any = SynSignal(func=read, name="detector")
    took_s: list[float] = []

    def timed(kind: str, document: Mapping[str, Any]) -> None:
        began_s = time.perf_counter()
        callback(kind, document)
        took_s.append(time.perf_counter() - began_s)

    def readings() -> Iterable[Any]:
        for _ in range(count):
            yield from bps.trigger_and_read([detector])

    engine: Any = RunEngine({}, context_managers=[])
    engine.subscribe(timed)
    engine(bpp.run_wrapper(readings()))
    p50, p99 = np.percentile(took_s, (50.0, 99.0)) * 1e3
    return DeliveryRow(
        name, f"RunEngine, {what}", len(took_s), p50_ms=round(float(p50), 4), p99_ms=round(float(p99), 4)
    )


def _line() -> list[float]:
    return np.linspace(0.0, 5000.0, 256).tolist()


_IMAGE = np.zeros((_SIDE, _SIDE))


def _frame() -> np.ndarray[Any, Any]:
    return _IMAGE


def _nothing(name: str, document: Mapping[str, Any]) -> None:
    del name, document
