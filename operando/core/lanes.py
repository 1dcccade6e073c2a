"""Many pixels at once: arithmetic written for one number, compiled for a vector of them.

A *program* is an ordinary Python function from lists of numbers to a list of numbers, without a
branch on their values. Called with numpy arrays it computes; `compiled` calls it once with
`Lanes`, which write down each operation as one vector instruction. So the plain and the fast
form are one text, and every pixel sees the same IEEE operations in the same order, none of them
fused or reordered: the bits depend neither on the pixels around it nor on the machine.

(Leaving vectorisation to the compiler instead was tried: pointers that might overlap and branches
that might be taken stopped it in about half of the loops, silently; `docs/decisions/0010`.)
"""

# Numba gives types to the generated function, and its own modules have none.
# ruff: noqa: ANN001, ANN202, ANN401
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from operando.core.shape import Shape

__all__ = ["BLOCK", "Lanes", "Number", "Program", "compiled", "root", "where"]

BLOCK = 64
"""Pixels in a block: its numbers stay in the first-level cache."""

_INDEX = ir.IntType(64)

_VECTOR_BYTES = 64
"""One register of the widest machines in use; the compiler splits it for narrower ones."""

Number: TypeAlias = Any
"""What programs compute with: `Lanes`, a numpy array or a float."""

Program: TypeAlias = Callable[..., Sequence[Number]]
"""`program(shape, scalars, energy, rows)` returns the new rows; see `compiled`."""


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


def compiled(program: Program, reads: str, writes: str) -> Any:
    """Return `program` as a function for numba-compiled code, `f(shape, scalars, energy, rows, lanes)`.

    Parameters
    ----------
    program
        Called once as `program(shape, scalars, energy, *rows)`: `scalars(i)` is number i of
        the 1-D array `scalars`, the same for all pixels; `energy` the two rows of one energy;
        each of `rows` the list of rows that `reads` names.
    reads, writes
        Names of row groups of `shape.groups`, separated by spaces; `writes` may name `energy` too.
        The program returns one list for each name in `writes`.

    Notes
    -----
    In the compiled function, `shape` is a `Shape` as a literal integer (`Shape.code`), `energy`
    and `rows` are C-ordered arrays of shape (row, BLOCK), and the first `lanes` pixels are
    computed, in steps of a whole vector.
    """

    @intrinsic(prefer_literal=True)
    def call(typing_context, code, scalars, energy, rows, lanes):  # noqa: ARG001 - numba's convention
        shape = Shape.of(code.literal_value)
        size_bytes = rows.dtype.bitwidth // 8
        width = _VECTOR_BYTES // size_bytes
        vector = ir.VectorType(ir.FloatType() if size_bytes == 4 else ir.DoubleType(), width)

        def generate(context, builder, signature, arguments):
            scalar_at, energy_at, row_at = (
                context.make_array(signature.args[position])(context, builder, arguments[position]).data
                for position in (1, 2, 3)
            )

            def vector_at(pointer, row, lane):
                place = builder.gep(pointer, [builder.add(lane, lane.type(row * BLOCK))], inbounds=True)
                return builder.bitcast(place, vector.as_pointer())

            def load(pointer, row, lane):
                return Lanes(builder, vector, builder.load(vector_at(pointer, row, lane), align=size_bytes))

            def scalar(index):
                one = builder.load(builder.gep(scalar_at, [_INDEX(index)], inbounds=True))
                undefined = ir.Constant(vector, ir.Undefined)
                first = builder.insert_element(undefined, one, ir.IntType(32)(0))
                everywhere = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
                return Lanes(builder, vector, builder.shuffle_vector(first, undefined, everywhere))

            end = arguments[4]
            with cgutils.for_range_slice(builder, end.type(0), end, end.type(width), end.type) as (lane, _):
                measured = [load(energy_at, row, lane) for row in range(2)]
                given = [[load(row_at, row, lane) for row in shape.groups[name]] for name in reads.split()]
                results = program(shape, scalar, measured, *given)
                for name, numbers in zip(writes.split(), results, strict=True):
                    start, group = (energy_at, range(2)) if name == "energy" else (row_at, shape.groups[name])
                    for row, number in zip(group, numbers, strict=True):
                        value = measured[0].number(number)
                        builder.store(value, vector_at(start, row, lane), align=size_bytes)
            return context.get_dummy_value()

        return numba.void(code, scalars, energy, rows, lanes), generate

    return call
