"""Many pixels at once: arithmetic written for one number, compiled for a vector of them.

A *program* is an ordinary Python function from lists of numbers to a list of numbers, without a
branch on their values. Called with numpy arrays it computes; `loops` calls it once with
`Lanes`, which write down each operation as one vector instruction. So the plain and the fast
form are one text, and every pixel sees the same IEEE operations in the same order, none of them
fused or reordered: the bits depend neither on the pixels around it nor on the machine.

(Leaving vectorisation to the compiler instead was tried: pointers that might overlap and branches
that might be taken stopped it in about half of the loops, silently; `docs/decisions/0010`.)
"""

# llvmlite has no types.
# ruff: noqa: ANN401

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba.core import cgutils

__all__ = ["Lanes", "Number", "Program", "root", "where"]

Number: TypeAlias = Any
"""What programs compute with: `Lanes`, a numpy array or a float."""

Program: TypeAlias = Callable[..., Sequence[Number]]
"""`program(shape, scalars, *rows)` returns the new rows; see `loops`."""


class Lanes:
    """A vector inside a function under construction: one number or one truth value a pixel."""

    def __init__(self, builder: Any, kind: Any, value: Any) -> None:
        self.builder = builder
        self.kind = kind  # the type of the numbers, also where this is a truth value
        self.value = value

    def number(self, other: Number) -> Any:
        """Return the vector of `other`, which may be a float for all lanes."""
        if isinstance(other, Lanes):
            return other.value
        return ir.Constant(self.kind, [float(other)] * self.kind.count)

    def _new(self, operation: str, *operands: Any) -> Lanes:
        return Lanes(self.builder, self.kind, getattr(self.builder, operation)(*operands))

    def __add__(self, other: Number) -> Lanes:
        return self._new("fadd", self.value, self.number(other))

    def __sub__(self, other: Number) -> Lanes:
        return self._new("fsub", self.value, self.number(other))

    def __mul__(self, other: Number) -> Lanes:
        return self._new("fmul", self.value, self.number(other))

    def __truediv__(self, other: Number) -> Lanes:
        return self._new("fdiv", self.value, self.number(other))

    def __radd__(self, other: Number) -> Lanes:
        return self._new("fadd", self.number(other), self.value)

    def __rsub__(self, other: Number) -> Lanes:
        return self._new("fsub", self.number(other), self.value)

    def __rmul__(self, other: Number) -> Lanes:
        return self._new("fmul", self.number(other), self.value)

    def __rtruediv__(self, other: Number) -> Lanes:
        return self._new("fdiv", self.number(other), self.value)

    def __neg__(self) -> Lanes:
        return self._new("fneg", self.value)

    def __lt__(self, other: Number) -> Lanes:
        return self._new("fcmp_ordered", "<", self.value, self.number(other))

    def __le__(self, other: Number) -> Lanes:
        return self._new("fcmp_ordered", "<=", self.value, self.number(other))

    def __gt__(self, other: Number) -> Lanes:
        return self._new("fcmp_ordered", ">", self.value, self.number(other))

    def __ge__(self, other: Number) -> Lanes:
        return self._new("fcmp_ordered", ">=", self.value, self.number(other))

    def __and__(self, other: Lanes) -> Lanes:
        return self._new("and_", self.value, other.value)

    def __or__(self, other: Lanes) -> Lanes:
        return self._new("or_", self.value, other.value)

    def __invert__(self) -> Lanes:
        return self._new("not_", self.value)


def where(condition: Number, then: Number, otherwise: Number) -> Number:
    """Return `then` in the lanes where `condition` holds, `otherwise` in the others."""
    if not isinstance(condition, Lanes):
        return np.where(condition, then, otherwise)
    value = condition.builder.select(condition.value, condition.number(then), condition.number(otherwise))
    return Lanes(condition.builder, condition.kind, value)


def root(number: Number) -> Number:
    """Return the square root."""
    if not isinstance(number, Lanes):
        return np.sqrt(number)
    bits = 32 if number.kind.element == ir.FloatType() else 64
    function = cgutils.get_or_insert_function(
        number.builder.module,
        ir.FunctionType(number.kind, [number.kind]),
        f"llvm.sqrt.v{number.kind.count}f{bits}",
    )
    return Lanes(number.builder, number.kind, number.builder.call(function, [number.value]))
