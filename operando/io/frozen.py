"""Dataclasses as plain values and arrays, and back: by their types, never by names in a file.

What is frozen can be stored by `operando.io.blob`. What kind of thing a value is stands in the
annotations of the code alone, so nothing that a file says can make an object of another kind. A field
that is added to a class is frozen with it.
"""

from __future__ import annotations

import hashlib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel

from operando.io.blob import encode

__all__ = ["Frozen", "digest_of", "freeze", "thaw"]

_Kind = TypeVar("_Kind")
_PLAIN = (str, int, float, bool, bytes)
_UNIONS = (Union, types.UnionType)
_GROUPS: tuple[Any, ...] = (list, set, frozenset)
_MAPPINGS: tuple[Any, ...] = (dict, Mapping)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A value at rest.

    Attributes
    ----------
    plain
        Text, numbers, None, lists and mappings with text keys; where an array stands, its place in `arrays`.
    arrays
        Not copied: to be stored before the value changes.
    """

    plain: Any
    arrays: list[np.ndarray[Any, Any]]


def freeze(value: object, kind: object = None) -> Frozen:
    """Return `value` as plain values and arrays.

    Parameters
    ----------
    value
        A dataclass whose fields are annotated: with dataclasses, arrays, enumerations, pydantic models, plain
        values, and containers and unions of them.
    kind
        The annotation that it has; its class if left out.

    Raises
    ------
    TypeError
        An annotation is of another kind.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    return Frozen(_frozen(value, type(value) if kind is None else kind, arrays), arrays)


def thaw(kind: type[_Kind], frozen: Frozen) -> _Kind:
    """Return the value of class `kind` that was frozen.

    Raises
    ------
    LookupError, TypeError, ValueError
        It was something else.
    """
    return typing.cast("_Kind", _thawed(frozen.plain, kind, frozen.arrays))


def digest_of(value: object) -> str:
    """Return a hash of all that `value` holds."""
    frozen = freeze(value)
    digest = hashlib.sha256(encode({"plain": frozen.plain}))
    for array in frozen.arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _spelled_out(kind: Any) -> Any:  # noqa: ANN401
    """Return what an alias with parameters stands for, as NDArray is one from numpy 2.5 on; else `kind`."""
    meant = getattr(get_origin(kind), "__value__", None)
    return kind if meant is None else meant[get_args(kind)]


def _frozen(value: Any, kind: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:  # noqa: ANN401 - of any kind
    kind = _spelled_out(kind)
    origin = get_origin(kind)
    if origin in _UNIONS:
        number, choices = _choice_of(value, kind)
        if value is None or len(choices) == 1:
            return None if value is None else _frozen(value, choices[0], arrays)
        return [number, _frozen(value, choices[number], arrays)]
    if origin is np.ndarray:
        # Marks that only say whether something is the same are made anew.
        arrays.append(_is_marked(value) if value.dtype == object else value)
        return len(arrays) - 1
    return _frozen_one(value, kind, arrays) if origin is None else _frozen_all(value, kind, arrays)


def _frozen_all(value: Any, kind: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:  # noqa: ANN401
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        kinds = inner[:1] * len(value) if inner[1:] == (...,) else inner
        return [_frozen(item, each, arrays) for item, each in zip(value, kinds, strict=True)]
    if origin in _GROUPS:
        return [_frozen(item, inner[0], arrays) for item in value]
    if origin in _MAPPINGS and inner != (str, Any):
        return [
            [_frozen(key, inner[0], arrays), _frozen(item, inner[1], arrays)] for key, item in value.items()
        ]
    if origin in _MAPPINGS:
        return value
    msg = f"a value of kind {kind} cannot be frozen"
    raise TypeError(msg)


def _choice_of(value: object, kind: object) -> tuple[int, list[Any]]:
    """Return which of the kinds of a union a value is of, and these kinds without None."""
    choices = [_spelled_out(choice) for choice in get_args(kind) if choice is not type(None)]
    fitting = (n for n, choice in enumerate(choices) if isinstance(value, get_origin(choice) or choice))
    return next(fitting, 0), choices


def _frozen_one(value: Any, kind: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:  # noqa: ANN401
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return {
            field.name: _frozen(getattr(value, field.name), hints[field.name], arrays)
            for field in fields(kind)
        }
    if isinstance(kind, type) and issubclass(kind, Enum):
        return value.value
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return value.model_dump()
    if kind in _PLAIN or kind is Any:
        return value
    msg = f"a value of kind {kind} cannot be frozen"
    raise TypeError(msg)


def _thawed(plain: Any, kind: Any, arrays: Sequence[np.ndarray[Any, Any]]) -> Any:  # noqa: ANN401
    kind = _spelled_out(kind)
    origin = get_origin(kind)
    if origin in _UNIONS:
        _, choices = _choice_of(None, kind)
        if plain is None or len(choices) == 1:
            return None if plain is None else _thawed(plain, choices[0], arrays)
        number, item = plain
        return _thawed(item, choices[number], arrays)
    if origin is np.ndarray:
        return _marks(arrays[plain]) if get_args(kind)[1] == np.dtype[np.object_] else arrays[plain]
    return _thawed_one(plain, kind, arrays) if origin is None else _thawed_all(plain, kind, arrays)


def _is_marked(marks: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return where there is an object, same shape."""
    return np.array([mark is not None for mark in marks.flat], dtype=bool).reshape(marks.shape)


def _marks(is_there: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an object of its own wherever there was one, None elsewhere."""
    marks = np.empty(is_there.shape, dtype=object)
    marks[is_there] = [object() for _ in range(int(is_there.sum()))]
    return marks


def _thawed_all(plain: Any, kind: Any, arrays: Sequence[np.ndarray[Any, Any]]) -> Any:  # noqa: ANN401
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        kinds = inner[:1] * len(plain) if inner[1:] == (...,) else inner
        return tuple(_thawed(item, each, arrays) for item, each in zip(plain, kinds, strict=True))
    if origin in _GROUPS:
        return origin(_thawed(item, inner[0], arrays) for item in plain)
    if origin in _MAPPINGS and inner != (str, Any):
        return {_thawed(key, inner[0], arrays): _thawed(item, inner[1], arrays) for key, item in plain}
    return plain


def _thawed_one(plain: Any, kind: Any, arrays: Sequence[np.ndarray[Any, Any]]) -> Any:  # noqa: ANN401
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        values = {field.name: _thawed(plain[field.name], hints[field.name], arrays) for field in fields(kind)}
        return kind(**values)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(plain)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.model_validate(plain)
    if kind not in _PLAIN and kind is not Any:
        msg = f"a value of kind {kind} cannot be thawed"
        raise TypeError(msg)
    return plain
