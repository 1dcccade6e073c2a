"""A region of the sample: where it is, at which energies it is visited, how long each takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operando_plans.field import Field

__all__ = ["CONTROL_VISITS", "Region", "regions_of"]

CONTROL_VISITS = 2
"""How often a control region is visited: in the first cycle, and after the last one."""

_PLAIN_KEYS = {
    "name",
    "centre_um",
    "size_um",
    "points",
    "energies_ev",
    "dwell_ms",
    "coarse_um",
    "every",
    "is_control",
}
_NEEDED_KEYS = {"name", "centre_um", "size_um", "points", "energies_ev", "dwell_ms"}


@dataclass(frozen=True, slots=True)
class Region:
    """What is scanned in one place.

    Attributes
    ----------
    name
        Its name in the documents.
    field
        Its pixels, in the frame of the fine stage.
    energies_ev
        In the order of acquisition within a cycle.
    dwell_ms
        Time per pixel: one for all energies, or one each.
    coarse_um
        Where the coarse stage has to be, x and y; None leaves it.
    every
        In which cycles each energy is visited: every one (1), every second (2), … One each, or empty for
        every cycle. All energies are visited in the first cycle.
    is_control
        Whether this is the beam-off control: it is visited in the first cycle and once more at the end,
        and no light reaches it between, so that what differs elsewhere is of the beam.

    Raises
    ------
    ValueError
        Something about it makes no sense.
    """

    name: str
    field: Field
    energies_ev: Sequence[float]
    dwell_ms: float | Sequence[float]
    coarse_um: tuple[float, float] | None = None
    every: Sequence[int] = ()
    is_control: bool = False

    def __post_init__(self) -> None:
        if not self.name.strip():
            msg = "a region has no name; give it one, as the documents tell regions apart by it"
            raise ValueError(msg)
        if not self.energies_ev or not all(0 < energy < 1e6 for energy in self.energies_ev):
            msg = (
                f"the energies of region '{self.name}' are {list(self.energies_ev)}; "
                "give one or more, in eV, above 0"
            )
            raise ValueError(msg)
        if len(self.dwells_ms) != len(self.energies_ev):
            msg = (
                f"region '{self.name}' has {len(self.dwells_ms)} dwells for "
                f"{len(self.energies_ev)} energies; give one dwell for all, or one each"
            )
            raise ValueError(msg)
        if not all(0 < dwell < 1e6 for dwell in self.dwells_ms):
            msg = f"the dwell of region '{self.name}' is {self.dwell_ms} ms; it must be above 0"
            raise ValueError(msg)
        if self.every and (len(self.every) != len(self.energies_ev) or min(self.every) < 1):
            msg = (
                f"region '{self.name}' is to be visited every {list(self.every)} cycles at "
                f"{len(self.energies_ev)} energies; give one whole number from 1 on for each energy"
            )
            raise ValueError(msg)

    @property
    def dwells_ms(self) -> tuple[float, ...]:
        """One dwell for each energy."""
        if isinstance(self.dwell_ms, Sequence):
            return tuple(float(dwell) for dwell in self.dwell_ms)
        return (float(self.dwell_ms),) * len(self.energies_ev)

    def visited_in(self, cycle: int) -> tuple[int, ...]:
        """Return which of the energies a cycle visits, in order."""
        every = self.every or (1,) * len(self.energies_ev)
        return tuple(index for index, step in enumerate(every) if cycle % step == 0)

    @property
    def plain(self) -> dict[str, Any]:
        """What `regions_of` makes this region of again; for documents and queues."""
        return {
            "name": self.name,
            "centre_um": list(self.field.centre_um),
            "size_um": list(self.field.size_um),
            "points": list(self.field.points),
            "energies_ev": [float(energy) for energy in self.energies_ev],
            "dwell_ms": list(self.dwells_ms),
            "coarse_um": None if self.coarse_um is None else list(self.coarse_um),
            "every": list(self.every),
            "is_control": self.is_control,
        }


def regions_of(plain: Iterable[Mapping[str, Any]]) -> tuple[Region, ...]:
    """Return the regions that plain values describe, as a queue server or a file has them.

    Parameters
    ----------
    plain
        Mappings of `name`, `centre_um`, `size_um`, `points`, `energies_ev`, `dwell_ms`, and if wanted
        `coarse_um`, `every` and `is_control`.

    Raises
    ------
    ValueError
        A region lacks something, has a key that nobody knows, or makes no sense.
    """
    return tuple(_region_of(entry) for entry in plain)


def _region_of(entry: Mapping[str, Any]) -> Region:
    missing, unknown = _NEEDED_KEYS - set(entry), set(entry) - _PLAIN_KEYS
    if missing or unknown:
        words = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        words += [f"has {', '.join(sorted(unknown))}, which nobody knows"] if unknown else []
        msg = f"a region {' and '.join(words)}; its keys are {', '.join(sorted(_PLAIN_KEYS))}"
        raise ValueError(msg)
    coarse_um = entry.get("coarse_um")
    return Region(
        name=str(entry["name"]),
        field=Field(_pair(entry, "centre_um"), _pair(entry, "size_um"), _points(entry)),
        energies_ev=tuple(float(energy) for energy in entry["energies_ev"]),
        dwell_ms=entry["dwell_ms"],
        coarse_um=None if coarse_um is None else _pair(entry, "coarse_um"),
        every=tuple(int(step) for step in entry.get("every", ())),
        is_control=bool(entry.get("is_control", False)),
    )


def _pair(entry: Mapping[str, Any], key: str) -> tuple[float, float]:
    value = entry[key]
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        msg = f"{key} of region '{entry['name']}' is {value!r}; give two numbers, x and y"
        raise ValueError(msg)
    return float(value[0]), float(value[1])


def _points(entry: Mapping[str, Any]) -> tuple[int, int]:
    columns, rows = _pair(entry, "points")
    if columns != int(columns) or rows != int(rows):
        msg = f"points of region '{entry['name']}' is {entry['points']!r}; give two whole numbers"
        raise ValueError(msg)
    return int(columns), int(rows)
