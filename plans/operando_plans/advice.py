"""Advice to a running series: what may be suggested, by whom, and within which limits it is obeyed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

__all__ = [
    "ACTIONS",
    "DETAILS",
    "Action",
    "Advice",
    "AdviceLimits",
    "AdviceList",
    "Answer",
    "Asked",
    "Suggestion",
    "SuggestionSource",
]

Action: TypeAlias = Literal["same", "stop", "dwell", "next_region", "dense_region", "shift", "focus"]

ACTIONS: tuple[Action, ...] = ("same", "stop", "dwell", "next_region", "dense_region", "shift", "focus")
"""What can be suggested."""

DETAILS: Mapping[str, tuple[str, ...]] = {
    "dwell": ("energy_index", "dwell_ms"),
    "dense_region": ("centre_um", "size_um"),
    "shift": ("shift_um",),
    "focus": ("focus_um",),
}
"""What each action has to say besides; the others nothing."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One thing to do next.

    Attributes
    ----------
    action
        "same" goes on as before; "stop" ends the series; "dwell" measures one energy longer from now on;
        "next_region" visits this region no more; "dense_region" visits a smaller field once, with pixels that
        lie closer; "shift" moves the field after the sample; "focus" moves the focus.
    reason
        Why, in words.
    energy_index, dwell_ms
        Of "dwell".
    centre_um, size_um
        Of "dense_region", in the frame that the region's documents have.
    shift_um
        Of "shift": how far the sample has moved, x and y.
    focus_um
        Of "focus": how far to move it.
    """

    action: Action
    reason: str = ""
    energy_index: int = 0
    dwell_ms: float = 0.0
    centre_um: tuple[float, float] = (0.0, 0.0)
    size_um: tuple[float, float] = (0.0, 0.0)
    shift_um: tuple[float, float] = (0.0, 0.0)
    focus_um: float = 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a suggestion source is asked about.

    Attributes
    ----------
    run, region
        Uid of the run and name of its region.
    cycle
        The cycle of the run that has just been finished.
    """

    run: str
    region: str
    cycle: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a suggestion source says.

    Attributes
    ----------
    suggestions
        What to do next; none means the same again.
    is_ready
        Whether this is the answer about the cycle asked for. If not, it is asked again until time is up.
    note
        Why there is no suggestion, or why there is none yet; may be empty.
    """

    suggestions: tuple[Suggestion, ...] = ()
    is_ready: bool = True
    note: str = ""


class SuggestionSource(Protocol):
    """Whoever is asked between cycles. It returns at once and does not raise."""

    def suggest(self, asked: Asked) -> Answer:
        """Return what to do after the cycle that was finished."""
        ...


@dataclass(frozen=True, slots=True)
class AdviceLimits:
    """How far a series follows advice. What is not allowed here is refused.

    Attributes
    ----------
    min_cycles
        The series may be stopped, and a region be left, after so many cycles; None never.
    max_dwell_ms
        Longest dwell at any energy; None changes none. Advice can make a dwell longer, not shorter than the
        user gave it.
    max_shift_um
        Farthest from where the user put a field that it may be moved.
    max_focus_um
        Farthest from where it was that the focus may be moved.
    dense_pitch_um
        Distance of pixels in denser fields; None visits none. A denser field lies within its region's.
    max_dense
        How many denser fields are visited in the whole series at most.
    max_dense_points
        Most pixels of one of them.
    regions
        Names of the regions that advice may change; None for all.
    wait_s
        How long the series waits for advice between two cycles at most.
    poll_s
        How often it asks while it waits.

    Raises
    ------
    ValueError
        A limit makes no sense.
    """

    min_cycles: int | None = None
    max_dwell_ms: float | None = None
    max_shift_um: float = 0.0
    max_focus_um: float = 0.0
    dense_pitch_um: float | None = None
    max_dense: int = 1
    max_dense_points: int = 65536
    regions: tuple[str, ...] | None = None
    wait_s: float = 2.0
    poll_s: float = 0.1

    def __post_init__(self) -> None:
        least = {
            "min_cycles": 1 if self.min_cycles is None else self.min_cycles - 1,
            "max_dwell_ms": self.max_dwell_ms or 0.0,
            "max_shift_um": self.max_shift_um,
            "max_focus_um": self.max_focus_um,
            "dense_pitch_um": self.dense_pitch_um or 0.0,
            "max_dense": self.max_dense,
            "max_dense_points": self.max_dense_points - 4,
            "wait_s": self.wait_s,
        }
        wrong = [name for name, value in least.items() if not 0 <= value < float("inf")]
        if wrong or not self.poll_s > 0:
            words = ", ".join(f"{name} = {getattr(self, name)}" for name in [*wrong, "poll_s"])
            msg = f"the limits of advice have {words}; give finite numbers of 0 or more, and poll_s above 0"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Advice:
    """Whom a series asks, and how far it follows.

    Attributes
    ----------
    source
        Whom.
    limits
        How far.
    """

    source: SuggestionSource
    limits: AdviceLimits = field(default_factory=AdviceLimits)


class AdviceList:
    """Suggestions that were decided beforehand, for rehearsals.

    Parameters
    ----------
    by_cycle
        What to do after the first cycle, the second, …; nothing after the last of them.
    """

    def __init__(self, by_cycle: Sequence[Sequence[Suggestion]]) -> None:
        self._by_cycle = [tuple(suggestions) for suggestions in by_cycle]

    def suggest(self, asked: Asked) -> Answer:
        """Return what was decided for the cycle."""
        if asked.cycle < len(self._by_cycle):
            return Answer(self._by_cycle[asked.cycle])
        return Answer(note="nothing was decided for this cycle")
