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

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, TypeAlias

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from operando.core.shape import Shape

__all__ = ["BLOCK", "Lanes", "Number", "Program", "compiled", "move_block", "root", "summed", "where"]

BLOCK = 64
"""Pixels in a block: its numbers stay in the first-level cache."""

_INDEX = ir.IntType(64)

_VECTOR_BYTES = 64
"""One register of the widest machines in use; the compiler splits it for narrower ones. Also a line of
their caches."""

_KEEP, _DATA = 3, 1
"""Of the prefetch instruction: into the nearest cache, and that of data."""

Number: TypeAlias = Any
"""What programs compute with: `Lanes`, a numpy array or a float."""

Program: TypeAlias = Callable[..., Sequence[Number]]
"""`program(shape, scalars, *rows)` returns the new rows; see `compiled` and `summed`."""


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
    """Return `program` as a function for numba-compiled code, `f(shape, scalars, rows, lanes)`.

    Parameters
    ----------
    program
        Called once as `program(shape, scalars, *rows)`: `scalars(i)` is number i of the 1-D array
        `scalars`, the same for all pixels; each of `rows` the list of rows that `reads` names.
    reads, writes
        Names of row groups of `shape.groups`, separated by spaces. The program returns one list
        for each name in `writes`.

    Notes
    -----
    In the compiled function, `shape` is a `Shape` as a literal integer (`Shape.code`), `rows` is a
    C-ordered array of shape (row, BLOCK), and the first `lanes` pixels are computed, in steps of a
    whole vector.
    """

    @intrinsic(prefer_literal=True)
    def call(typing_context, code, scalars, rows, lanes):  # noqa: ARG001 - numba's convention
        shape = Shape.of(code.literal_value)
        vector = _vector_of(rows)

        def generate(context, builder, signature, arguments):
            scalar_at, row_at = (
                _array(context, builder, signature, arguments, place).data for place in (1, 2)
            )
            with _each_vector(builder, arguments[3], vector) as lane:
                block = _Block(builder, vector, row_at, lane)
                given = [[block.load(row) for row in shape.groups[name]] for name in reads.split()]
                results = program(shape, _scalars(builder, vector, scalar_at), *given)
                for name, numbers in zip(writes.split(), results, strict=True):
                    for row, number in zip(shape.groups[name], numbers, strict=True):
                        block.store(row, number)
            return context.get_dummy_value()

        return numba.void(code, scalars, rows, lanes), generate

    return call


def summed(program: Program, reads: str, sums: str) -> Any:
    """Return `program`, which adds one energy to sums, as `f(shape, matrix, measured, rows, lanes)`.

    Parameters
    ----------
    program
        Called once as `program(shape, column, energy, *rows, *sums)`: `column(k)` is the model at an
        energy, `energy` the two rows measured there. Returns `energy`, which it may have changed, and
        one list for each of `sums`. It is run for one energy after the other.
    reads
        Names of the groups that it reads, as for `compiled`.
    sums
        Names of the groups that it adds to; they start at zero.

    Notes
    -----
    In the compiled function, `matrix` has shape (energy, column), `measured` (energy, 2, BLOCK). The
    sums stay in registers until the last energy.
    """

    @intrinsic(prefer_literal=True)
    def call(typing_context, code, matrix, measured, rows, lanes):  # noqa: ARG001 - numba's convention
        shape = Shape.of(code.literal_value)
        vector = _vector_of(rows)

        def generate(context, builder, signature, arguments):
            matrix_at, measured_at, row_at = (
                _array(context, builder, signature, arguments, place).data for place in (1, 2, 3)
            )
            measured_shape = _array(context, builder, signature, arguments, 2).shape
            energies = cgutils.unpack_tuple(builder, measured_shape, 3)[0]
            names = sums.split()
            places = [[cgutils.alloca_once(builder, vector) for _ in shape.groups[name]] for name in names]
            with _each_vector(builder, arguments[4], vector) as lane:
                block = _Block(builder, vector, row_at, lane)
                given = [[block.load(row) for row in shape.groups[name]] for name in reads.split()]
                for place in chain.from_iterable(places):
                    builder.store(vector(None), place)
                with cgutils.for_range(builder, energies) as energy:
                    model_at = _row_at(builder, matrix_at, energy.index, shape.columns)
                    here = _Block(builder, vector, _row_at(builder, measured_at, energy.index, 2 * BLOCK), lane)
                    so_far = [[Lanes(builder, vector, builder.load(at)) for at in group] for group in places]
                    seen, *results = program(
                        shape,
                        _scalars(builder, vector, model_at),
                        [here.load(row) for row in range(2)],
                        *given,
                        *so_far,
                    )
                    for row, number in enumerate(seen):
                        here.store(row, number)
                    for group, numbers in zip(places, results, strict=True):
                        for at, number in zip(group, numbers, strict=True):
                            builder.store(number.value, at)
                for name, group in zip(names, places, strict=True):
                    for row, at in zip(shape.groups[name], group, strict=True):
                        block.store(row, Lanes(builder, vector, builder.load(at)))
            return context.get_dummy_value()

        return numba.void(code, matrix, measured, rows, lanes), generate

    return call


@intrinsic
def move_block(typing_context, target, target_at, source, source_at):  # noqa: ARG001 - numba's convention
    """Copy BLOCK numbers between C-ordered arrays, from one flat index to another, in the target's type.

    The processor is told that the BLOCK after them is wanted next: a fit has more rows than it would
    follow by itself.
    """

    def generate(context, builder, signature, arguments):
        arrays = [_array(context, builder, signature, arguments, place).data for place in (0, 2)]
        into, out_of = (
            builder.gep(pointer, [begin], inbounds=True)
            for pointer, begin in zip(arrays, (arguments[1], arguments[3]), strict=True)
        )
        value = _load(builder, out_of, ir.VectorType(out_of.type.pointee, BLOCK))
        number = ir.VectorType(into.type.pointee, BLOCK)
        _store(builder, value if value.type == number else builder.fptoui(value, number), into)
        for pointer, is_written in ((into, 1), (out_of, 0)):
            _want_next(builder, pointer, BLOCK * context.get_abi_sizeof(pointer.type.pointee), is_written)
        return context.get_dummy_value()

    return numba.void(target, target_at, source, source_at), generate


class _Block:
    """Rows of BLOCK numbers, seen from one lane on."""

    def __init__(self, builder: Any, kind: Any, start: Any, lane: Any) -> None:
        self.builder = builder
        self.kind = kind
        self.start = start
        self.lane = lane

    def load(self, row: int) -> Lanes:
        """Return the vector of a row that begins at the lane."""
        return Lanes(self.builder, self.kind, _load(self.builder, self._at(row), self.kind))

    def store(self, row: int, number: Number) -> None:
        """Put a vector, or one number for all its lanes, there."""
        _store(self.builder, Lanes(self.builder, self.kind, None).number(number), self._at(row))

    def _at(self, row: int) -> Any:
        place = self.builder.add(self.lane, self.lane.type(row * BLOCK))
        return self.builder.gep(self.start, [place], inbounds=True)


def _load(builder: Any, pointer: Any, vector: Any) -> Any:
    return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=1)


def _store(builder: Any, value: Any, pointer: Any) -> None:
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=1)


def _want_next(builder: Any, pointer: Any, block_bytes: int, is_written: int) -> None:
    """Ask for the block after this one; it need not exist."""
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
    ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    start = builder.bitcast(pointer, byte)
    for offset in range(block_bytes, 2 * block_bytes, _VECTOR_BYTES):
        place = builder.gep(start, [_INDEX(offset)])
        builder.call(ask, [place, word(is_written), word(_KEEP), word(_DATA)])


def _array(context: Any, builder: Any, signature: Any, arguments: Any, place: int) -> Any:
    return context.make_array(signature.args[place])(context, builder, arguments[place])


def _scalars(builder: Any, vector: Any, start: Any) -> Callable[[int], Lanes]:
    """Return a function that gives one of the numbers there to all lanes."""

    def scalar(index: int) -> Lanes:
        one = builder.load(builder.gep(start, [_INDEX(index)], inbounds=True))
        undefined = ir.Constant(vector, ir.Undefined)
        first = builder.insert_element(undefined, one, ir.IntType(32)(0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
        return Lanes(builder, vector, builder.shuffle_vector(first, undefined, everywhere))

    return scalar


@contextmanager
def _each_vector(builder: Any, lanes: Any, vector: Any) -> Iterator[Any]:
    """Loop over the lanes by whole vectors; gives the first lane of each."""
    with cgutils.for_range_slice(
        builder, lanes.type(0), lanes, lanes.type(vector.count), lanes.type
    ) as (lane, _):
        yield lane


def _row_at(builder: Any, start: Any, row: Any, length: int) -> Any:
    return builder.gep(start, [builder.mul(row, row.type(length))], inbounds=True)


def _vector_of(rows: Any) -> Any:
    """Return the vector type for numbers of this array."""
    size_bytes = rows.dtype.bitwidth // 8
    return ir.VectorType(ir.FloatType() if size_bytes == 4 else ir.DoubleType(), _VECTOR_BYTES // size_bytes)
