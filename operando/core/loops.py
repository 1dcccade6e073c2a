"""Programs as compiled loops over the pixels of a block; see `lanes` for what a program is.

Each of the functions here returns one for numba-compiled code. There, `shape` is a `Shape` as a literal
integer (`Shape.code`), `scalars` a 1-D array of numbers that are the same for all pixels, and `rows` a
C-ordered array of shape (row, BLOCK): the numbers of the pixels, in the groups of `Shape.groups`.
"""

# Numba gives types to the generated functions, and its own modules have none.
# ruff: noqa: ANN001, ANN202, ANN401
# pyright: reportUnknownParameterType=false, reportMissingParameterType=false

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from operando.core.lanes import Lanes, Number, Program
from operando.core.shape import Shape

__all__ = ["BLOCK", "compiled", "move_block", "repeated", "summed"]

BLOCK = 64
"""Pixels in a block: its numbers stay in the nearest cache."""

_VECTOR_BYTES = 64
"""One register of the widest machines in use, which the compiler splits for narrower ones; and a line of
their caches."""

_NEAREST, _DATA = 3, 1
"""Of the prefetch instruction: the nearest cache, that of data."""

_INDEX = ir.IntType(64)


def compiled(program: Program, reads: str, writes: str) -> Any:
    """Return `program` as `f(shape, scalars, rows)`.

    Parameters
    ----------
    program
        Called once as `program(shape, scalars, *rows)`: `scalars(i)` is number i of `scalars`, each of
        `rows` the list of rows that `reads` names.
    reads, writes
        Names of row groups, separated by spaces. The program returns one list for each in `writes`.
    """

    @intrinsic(prefer_literal=True)
    def call(typing_context, code, scalars, rows):  # noqa: ARG001 - numba's convention
        shape = Shape.of(code.literal_value)

        def generate(context, builder, signature, arguments):
            scalar_at, row_at = (_array(context, builder, signature, arguments, at).data for at in (1, 2))
            with _each_vector(builder, rows) as vector:
                given = [vector.load(row_at, shape.groups[name]) for name in reads.split()]
                results = program(shape, vector.scalars(scalar_at), *given)
                for name, numbers in zip(writes.split(), results, strict=True):
                    vector.store(row_at, shape.groups[name], numbers)
            return context.get_dummy_value()

        return numba.void(code, scalars, rows), generate

    return call


def repeated(program: Program, reads: str, writes: str, while_any: str) -> Any:
    """Return `program` as `f(shape, scalars, rows, turns)`, repeated at most so many times.

    Parameters
    ----------
    program, reads, writes
        As for `compiled`.
    while_any
        A group of one row, which the program writes. Pixels of one vector go on while it is above
        zero in any of them.

    Notes
    -----
    What is written stays in registers meanwhile. The compiled function returns whether `while_any` is
    above zero in any pixel at the end.
    """
    names = writes.split()

    @intrinsic(prefer_literal=True)
    def call(typing_context, code, scalars, rows, turns):  # noqa: ARG001 - numba's convention
        shape = Shape.of(code.literal_value)

        def generate(context, builder, signature, arguments):
            scalar_at, row_at = (_array(context, builder, signature, arguments, at).data for at in (1, 2))
            is_left = cgutils.alloca_once_value(builder, cgutils.false_bit)
            with _each_vector(builder, rows) as vector:
                given = {name: vector.load(row_at, shape.groups[name]) for name in reads.split()}
                held = {name: vector.held(vector.load(row_at, shape.groups[name])) for name in names}
                with cgutils.for_range(builder, arguments[3]) as turn:
                    now = {**given, **{name: held[name].load() for name in names}}
                    with builder.if_then(builder.not_(vector.is_any_positive(now[while_any][0]))):
                        turn.do_break()
                    results = program(
                        shape, vector.scalars(scalar_at), *[now[name] for name in reads.split()]
                    )
                    for name, numbers in zip(names, results, strict=True):
                        held[name].store(numbers)
                for name in names:
                    vector.store(row_at, shape.groups[name], held[name].load())
                is_open = vector.is_any_positive(held[while_any].load()[0])
                builder.store(builder.or_(builder.load(is_left), is_open), is_left)
            return builder.load(is_left)

        return numba.boolean(code, scalars, rows, turns), generate

    return call


def summed(program: Program, reads: str, sums: str) -> Any:
    """Return `program`, which adds one energy to sums, as `f(shape, matrix, measured, rows)`.

    Parameters
    ----------
    program
        Called once as `program(shape, column, energy, *rows, *sums)`: `column(k)` is the model at an
        energy, `energy` the two rows measured there. Returns `energy`, which it may have changed, and
        one list for each of `sums`. It runs for one energy after the other.
    reads
        As for `compiled`.
    sums
        Names of the groups that it adds to; they start at zero.

    Notes
    -----
    `matrix` has shape (energy, column), `measured` (energy, 2, BLOCK). The sums stay in registers
    until the last energy.
    """
    names = sums.split()

    @intrinsic(prefer_literal=True)
    def call(typing_context, code, matrix, measured, rows):  # noqa: ARG001 - numba's convention
        shape = Shape.of(code.literal_value)

        def generate(context, builder, signature, arguments):
            arrays = [_array(context, builder, signature, arguments, at) for at in (1, 2, 3)]
            matrix_at, measured_at, row_at = (array.data for array in arrays)
            energies = cgutils.unpack_tuple(builder, arrays[0].shape, 2)[0]
            with _each_vector(builder, rows) as vector:
                given = [vector.load(row_at, shape.groups[name]) for name in reads.split()]
                held = [vector.held([0.0] * len(shape.groups[name])) for name in names]
                with cgutils.for_range(builder, energies) as energy:
                    here = _further(builder, measured_at, energy.index, 2 * BLOCK)
                    column = vector.scalars(_further(builder, matrix_at, energy.index, shape.columns))
                    so_far = [group.load() for group in held]
                    seen, *results = program(shape, column, vector.load(here, range(2)), *given, *so_far)
                    vector.store(here, range(2), seen)
                    for group, numbers in zip(held, results, strict=True):
                        group.store(numbers)
                for name, group in zip(names, held, strict=True):
                    vector.store(row_at, shape.groups[name], group.load())
            return context.get_dummy_value()

        return numba.void(code, matrix, measured, rows), generate

    return call


@intrinsic
def _move_block(typing_context, target, target_at, source, source_at):  # noqa: ARG001 - numba's convention
    """Copy BLOCK numbers between C-ordered arrays, from one flat index to another, in the target's type.

    The processor is told that the block after it is wanted next: there are more rows in a fit than it
    would follow by itself.
    """
    if target.layout != "C" or source.layout != "C":
        msg = f"blocks are moved between C-ordered arrays, not from {source} to {target}"
        raise numba.TypingError(msg)

    def generate(context, builder, signature, arguments):
        into, out_of = (
            builder.gep(_array(context, builder, signature, arguments, at).data, [arguments[at + 1]])
            for at in (0, 2)
        )
        value = _load(builder, out_of, ir.VectorType(out_of.type.pointee, BLOCK))
        wanted = ir.VectorType(into.type.pointee, BLOCK)
        _store(builder, value if value.type == wanted else builder.fptoui(value, wanted), into)
        for pointer, is_written in ((into, 1), (out_of, 0)):
            _want_next(builder, pointer, BLOCK * context.get_abi_sizeof(pointer.type.pointee), is_written)
        return context.get_dummy_value()

    return numba.void(target, target_at, source, source_at), generate


move_block: Any = _move_block
"""`move_block(target, target_at, source, source_at)`."""


class _Vector:
    """As many pixels of a block as fit into a register."""

    def __init__(self, builder: Any, kind: Any, lane: Any) -> None:
        self._builder = builder
        self._kind = kind
        self._lane = lane

    def load(self, start: Any, rows: Iterable[int]) -> list[Number]:
        """Return these pixels' numbers of some rows."""
        return [self._lanes(_load(self._builder, self._at(start, row), self._kind)) for row in rows]

    def store(self, start: Any, rows: Iterable[int], numbers: Iterable[Number]) -> None:
        """Write numbers, or one that holds for all pixels, into some rows."""
        for row, number in zip(rows, numbers, strict=True):
            _store(self._builder, self._lanes(None).number(number), self._at(start, row))

    def held(self, numbers: Sequence[Number]) -> _Held:
        """Return numbers that stay in registers and can be changed."""
        place = [cgutils.alloca_once(self._builder, self._kind) for _ in numbers]
        held = _Held(self._lanes(None), place)
        held.store(numbers)
        return held

    def scalars(self, start: Any) -> Callable[[int], Lanes]:
        """Return a function that gives one of the numbers there to all pixels."""
        builder, kind = self._builder, self._kind

        def scalar(index: int) -> Lanes:
            one = builder.load(builder.gep(start, [_INDEX(index)], inbounds=True))
            undefined = ir.Constant(kind, ir.Undefined)
            first = builder.insert_element(undefined, one, ir.IntType(32)(0))
            everywhere = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
            return self._lanes(builder.shuffle_vector(first, undefined, everywhere))

        return scalar

    def is_any_positive(self, number: Lanes) -> Any:
        """Return whether a number is above zero in any of these pixels."""
        bits = ir.IntType(self._kind.count)
        return self._builder.icmp_unsigned("!=", self._builder.bitcast((number > 0.0).value, bits), bits(0))

    def _lanes(self, value: Any) -> Lanes:
        return Lanes(self._builder, self._kind, value)

    def _at(self, start: Any, row: int) -> Any:
        place = self._builder.add(self._lane, self._lane.type(row * BLOCK))
        return self._builder.gep(start, [place], inbounds=True)


class _Held:
    """Variables of a loop; the compiler turns them into registers."""

    def __init__(self, like: Lanes, places: Sequence[Any]) -> None:
        self._like = like
        self._places = places

    def load(self) -> list[Number]:
        """Return what they are now."""
        builder, kind = self._like.builder, self._like.kind
        return [Lanes(builder, kind, builder.load(place)) for place in self._places]

    def store(self, numbers: Iterable[Number]) -> None:
        """Change them."""
        for place, number in zip(self._places, numbers, strict=True):
            self._like.builder.store(self._like.number(number), place)


@contextmanager
def _each_vector(builder: Any, rows: Any) -> Generator[_Vector]:
    """Loop over the pixels of a block by whole registers."""
    size_bytes = rows.dtype.bitwidth // 8
    count = _VECTOR_BYTES // size_bytes
    kind = ir.VectorType(ir.FloatType() if size_bytes == 4 else ir.DoubleType(), count)
    with cgutils.for_range_slice(builder, _INDEX(0), _INDEX(BLOCK), _INDEX(count), _INDEX) as (lane, _):
        yield _Vector(builder, kind, lane)


def _array(context: Any, builder: Any, signature: Any, arguments: Any, at: int) -> Any:
    return context.make_array(signature.args[at])(context, builder, arguments[at])


def _further(builder: Any, start: Any, count: Any, length: int) -> Any:
    """Return the place so many rows of a length further on."""
    return builder.gep(start, [builder.mul(count, count.type(length))], inbounds=True)


def _load(builder: Any, pointer: Any, kind: Any) -> Any:
    return builder.load(builder.bitcast(pointer, kind.as_pointer()), align=1)


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
        builder.call(ask, [place, word(is_written), word(_NEAREST), word(_DATA)])
