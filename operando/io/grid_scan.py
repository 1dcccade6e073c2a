"""What the start document of a grid scan says: which motors move, over what, and which run to and fro.

`grid_scan`, `rel_grid_scan` and their list forms of bluesky: x, y and perhaps the energy, in any order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from operando.errors import FrameRejected, RunRejected
from operando.io.readings import numbers_of, text
from operando.io.startdoc import check_size, floats_of
from operando.types import FloatArray

__all__ = ["Axis", "Grid", "grid_of", "position_of"]

_PATTERNS = frozenset({"outer_product", "outer_list_product"})
_SET_POINTS = ("_setpoint", "_user_setpoint", "-setpoint", "-user_setpoint")


@dataclass(frozen=True, slots=True)
class Axis:
    """One motor of a grid scan.

    Attributes
    ----------
    motor
        Its name.
    positions
        Where it stops, shape (n,), in its own unit; from the place where it stood if `is_relative`.
    is_relative
        Whether it starts from where it stood.
    """

    motor: str
    positions: FloatArray
    is_relative: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """The points of a grid scan, in the order of the plan: the slowest motor first.

    Attributes
    ----------
    axes
        All motors.
    snaking
        Which of them run back where they came; empty where the document does not say it.
    """

    axes: tuple[Axis, ...]
    snaking: tuple[bool, ...]

    def place(self, number: int, data: Mapping[str, Any]) -> tuple[int, ...]:
        """Return which stop of each axis a point is.

        Parameters
        ----------
        number
            Of its event, from 1.
        data
            The readings; used where the document does not say which axes snake.

        Raises
        ------
        FrameRejected
            It lies beyond the scan.
        """
        sizes = [axis.positions.size for axis in self.axes]
        if number > math.prod(sizes):
            msg = f"an event has seq_num {number}; the scan has {math.prod(sizes)} points"
            raise FrameRejected(msg)
        if not self.snaking:
            return tuple(_nearest(axis, data) for axis in self.axes)
        place: list[int] = []
        repeats = math.prod(sizes)
        for size, is_snaking in zip(sizes, self.snaking, strict=True):
            sweep, rest = divmod(number - 1, repeats)
            repeats //= size
            stop = rest // repeats
            place.append(size - 1 - stop if is_snaking and sweep % 2 else stop)
        return tuple(place)


def grid_of(start: Mapping[str, Any]) -> Grid | None:
    """Return the grid of a start document, or None if it is of another plan.

    Raises
    ------
    RunRejected
        It contradicts itself, or is too large.
    """
    if start.get("plan_pattern") not in _PATTERNS:
        return None
    motors, shape = start.get("motors"), start.get("shape")
    if not isinstance(motors, list | tuple) or not isinstance(shape, list | tuple):
        return None
    names = [text(motor) for motor in cast("list[Any]", motors)]
    sizes = floats_of(shape, "shape")
    if len(names) < 2 or sizes.shape != (len(names),):
        return None
    counts = _whole_sizes(sizes)
    is_relative = text(start.get("plan_name", "")).startswith("rel_")
    positions = _positions(start, counts)
    axes = tuple(Axis(name, at, is_relative) for name, at in zip(names, positions, strict=True))
    return Grid(axes, _snaking(start, len(axes)))


def position_of(data: Mapping[str, Any], motor: str) -> float:
    """Return where a motor was sent, or if that was not read, where it was.

    Raises
    ------
    FrameRejected
        Neither was read.
    """
    key = next((motor + ending for ending in _SET_POINTS if motor + ending in data), motor)
    value = numbers_of(data, key)
    if value.size != 1 or not math.isfinite(value.item()):
        msg = f"'{key}' is no position; expected one number"
        raise FrameRejected(msg)
    return value.item()


def _nearest(axis: Axis, data: Mapping[str, Any]) -> int:
    return int(np.argmin(np.abs(axis.positions - position_of(data, axis.motor))))


def _whole_sizes(sizes: FloatArray) -> list[int]:
    for size in sizes.tolist():
        check_size(np.array([1.0, 1.0, size]))
    return [int(size) for size in sizes.tolist()]


def _positions(start: Mapping[str, Any], sizes: list[int]) -> list[FloatArray]:
    """Return the stops of each motor: evenly between its ends, or as the plan's arguments list them."""
    if start["plan_pattern"] == "outer_product":
        ends = floats_of(start.get("extents"), "extents")
        if ends.shape != (len(sizes), 2) or not np.isfinite(ends).all():
            msg = (
                f"the start document has extents of shape {ends.shape}; expected first and last of each motor"
            )
            raise RunRejected(msg)
        return [np.linspace(first, last, size) for (first, last), size in zip(ends, sizes, strict=True)]
    arguments = start.get("plan_pattern_args")
    listed = arguments.get("args") if isinstance(arguments, Mapping) else None
    lists = (
        [item for item in listed if isinstance(item, list | tuple)]
        if isinstance(listed, list | tuple)
        else []
    )
    positions = [floats_of(item, "plan_pattern_args") for item in lists]
    if [at.shape for at in positions] != [(size,) for size in sizes]:
        msg = "the start document does not list the positions of its motors (plan_pattern_args.args)"
        raise RunRejected(msg)
    return positions


def _snaking(start: Mapping[str, Any], axes: int) -> tuple[bool, ...]:
    snaking = start.get("snaking")
    if snaking is None:
        return ()
    if not isinstance(snaking, list | tuple) or len(cast("list[Any]", snaking)) != axes:
        msg = f"the scan has snaking {text(snaking)}; expected true or false for each of {axes} motors"
        raise RunRejected(msg)
    return tuple(bool(each) for each in cast("list[Any]", snaking))
