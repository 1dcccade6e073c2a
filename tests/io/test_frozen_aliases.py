"""An alias in an annotation is frozen as what it stands for: NDArray is one from numpy 2.5 on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pytest
from typing_extensions import TypeAliasType

from operando.io.frozen import freeze, thaw

_Scalar = TypeVar("_Scalar", bound=np.generic)
Named = TypeAliasType("Named", np.ndarray[Any, np.dtype[_Scalar]], type_params=(_Scalar,))


@dataclass(frozen=True)
class Held:
    counts: Named[np.float64]
    error: Named[np.float64] | None
    marks: Named[np.object_]


@pytest.mark.parametrize("error", [None, np.array([0.5])])
def test_arrays_named_by_an_alias_come_back(error: np.ndarray[Any, Any] | None) -> None:
    marks = np.array([None, object()], dtype=object)
    held = Held(np.arange(6.0).reshape(2, 3), error, marks)
    back = thaw(Held, freeze(held))
    np.testing.assert_array_equal(back.counts, held.counts)
    if error is None:
        assert back.error is None
    else:
        assert back.error is not None
        np.testing.assert_array_equal(back.error, error)
    assert [mark is None for mark in back.marks] == [True, False]
