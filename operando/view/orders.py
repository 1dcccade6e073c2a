"""What the window, or a command, wants on paper: what the panels show, as data; knows no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from operando.types import Snapshot
from operando.view.maps import Surroundings, map_levels
from operando.view.quantities import LITHIUM, MapChoice
from operando.view.scales import Levels
from operando.view.session import Session
from operando.view.spectrum import Spectrum, spectrum_at, spectrum_of_region
from operando.view.timeline import Timeline, present_timeline

__all__ = ["MapOrder", "Order", "Orders", "SpectrumOrder", "TimeOrder", "orders_of", "tag_of"]


@dataclass(frozen=True, slots=True)
class MapOrder:
    """A map.

    Attributes
    ----------
    snapshot, choice
        Of what moment, and which quantity.
    levels, palette
        Its scale, and the colours where the quantity is sequential.
    around
        Masks, the cycle before, and whether pixels fade.
    """

    snapshot: Snapshot
    choice: MapChoice
    levels: Levels
    palette: str = "viridis"
    around: Surroundings = Surroundings()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class SpectrumOrder:
    """The spectrum of a pixel or a region, and the moment it is of."""

    snapshot: Snapshot
    spectrum: Spectrum


@dataclass(frozen=True, slots=True)
class TimeOrder:
    """The curves against time; without levels their axis fits them."""

    snapshot: Snapshot
    timeline: Timeline
    levels: Levels | None = None


Order: TypeAlias = MapOrder | SpectrumOrder | TimeOrder


@dataclass(frozen=True, slots=True)
class Orders:
    """All that stands in a window.

    Attributes
    ----------
    snapshot
        The newest: its curves go into the table.
    stem
        What the names of the files begin with.
    panels
        By what the names end with.
    """

    snapshot: Snapshot
    stem: str
    panels: Mapping[str, Order]


def orders_of(session: Session) -> Orders | None:
    """Return what a session shows; None before the first snapshot."""
    live, shown = session.live, session.shown
    if live is None or shown is None:
        return None
    panels: dict[str, Order] = {
        choice.key.replace(":", "-"): MapOrder(
            shown, choice, session.levels_of(choice), session.choices.palette, session.around
        )
        for choice in session.panes
    }
    spectrum = _spectrum_of(session, shown)
    if spectrum is not None:
        panels["spectrum"] = SpectrumOrder(shown, spectrum)
    levels = None if session.choices.is_fitted else map_levels(live, LITHIUM, None)
    panels["time"] = TimeOrder(live, present_timeline(live, session.history), levels)
    cycle = "" if shown.map is None else f"-cycle-{shown.map.cycle + 1}"
    return Orders(live, f"operando-{tag_of(live.plan.run)}{cycle}", panels)


def tag_of(run: str) -> str:
    """Return what of a run's uid goes into the name of a file: eight ASCII letters and digits at most."""
    return "".join(letter for letter in run if letter.isascii() and letter.isalnum())[:8]


def _spectrum_of(session: Session, shown: Snapshot) -> Spectrum | None:
    if session.pick is not None:
        result = session.result_of(session.pick)
        return None if result is None else spectrum_of_region(shown, result)
    return None if session.pixel is None else spectrum_at(shown, *session.pixel)
