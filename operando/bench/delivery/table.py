"""The whole table, in the order in which it is read."""

from __future__ import annotations

from dataclasses import dataclass

from operando.bench.delivery.faults import Delivery, fault_rows, throughput_rows
from operando.bench.delivery.figures import DeliveryRow
from operando.bench.delivery.recorder import engine_rows, recorder_rows

__all__ = ["Scale", "delivery_rows"]


_WHOLE = Delivery(per_s=1000.0, stopped_s=30.0, cuts=5, cut_s=2.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured.

    Attributes
    ----------
    lines, frames
        That are recorded as fast as they can be handed over.
    engine_lines, engine_frames
        That a RunEngine reads.
    delivery
        The run that suffers faults.
    """

    lines: int = 40_000
    frames: int = 1_000
    engine_lines: int = 3_000
    engine_frames: int = 800
    delivery: Delivery = _WHOLE

    @classmethod
    def quick(cls) -> Scale:
        """Return the scale of half a minute, which says less."""
        return cls(4_000, 100, 300, 100, Delivery(per_s=1000.0, stopped_s=3.0, cuts=1, cut_s=1.0))


def delivery_rows(scale: Scale | None = None) -> list[DeliveryRow]:
    """Measure what arrives and what it takes, ours and bluesky's 0MQ side by side."""
    scale = scale or Scale()
    return [
        *recorder_rows(scale.lines, scale.frames),
        *engine_rows(scale.engine_lines, scale.engine_frames),
        *throughput_rows(scale.lines),
        *fault_rows(scale.delivery),
    ]
