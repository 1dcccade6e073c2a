"""How a plan scans, apart from what it scans."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from operando_plans.plan import Clock

__all__ = ["BeamGuard", "ScanOptions"]


@dataclass(frozen=True, slots=True)
class BeamGuard:
    """What counts as a lost beam, and what is done about it.

    Attributes
    ----------
    floor_ma
        Below this ring current the beam is lost: a line is not begun, and one that has just been taken is
        taken again.
    resume_ma
        The beam is back from this ring current on; None for `floor_ma`.
    repeats
        How often one line is taken again at most. After that it is recorded as it came.
    wait_s
        How long to wait for the beam before the plan ends, or None for as long as it takes.
    poll_s
        How often to look while waiting.

    Raises
    ------
    ValueError
        A number makes no sense.
    """

    floor_ma: float
    resume_ma: float | None = None
    repeats: int = 3
    wait_s: float | None = None
    poll_s: float = 1.0

    def __post_init__(self) -> None:
        if not self.floor_ma > 0:
            msg = f"the beam counts as lost below {self.floor_ma} mA; give more than 0"
            raise ValueError(msg)
        if self.resume_ma is not None and not self.resume_ma >= self.floor_ma:
            msg = f"the beam is lost below {self.floor_ma} mA but back at {self.resume_ma} mA; give no less"
            raise ValueError(msg)
        if self.repeats < 0 or not self.poll_s > 0 or (self.wait_s is not None and not self.wait_s >= 0):
            msg = (
                f"repeats is {self.repeats}, poll_s {self.poll_s} and wait_s {self.wait_s}; "
                "give repeats and wait_s of 0 or more, and poll_s above 0"
            )
            raise ValueError(msg)

    @property
    def back_ma(self) -> float:
        """Ring current from which on the beam is back."""
        return self.floor_ma if self.resume_ma is None else self.resume_ma


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How to scan.

    Attributes
    ----------
    flyer
        Which flyer scans, "line" or "frame"; "any" takes the line flyer where there is one.
    beam
        What to do when the beam is lost; None leaves that to suspenders.
    polarization
        What it is set to before anything is scanned, as the undulator counts it; None leaves it as it is.
    is_returning
        Whether energy, polarization, stages and focus go back to where they were, however the plan ends.
    clock
        The clock of durations and of waiting.
    cleanup_s
        How long each step of the cleanup may take before the next one is tried.
    """

    flyer: Literal["any", "line", "frame"] = "any"
    beam: BeamGuard | None = None
    polarization: float | None = None
    is_returning: bool = False
    clock: Clock = field(default_factory=Clock)
    cleanup_s: float = 60.0
