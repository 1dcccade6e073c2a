"""What an array is: of floats in double precision, or a mask."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["FloatArray", "MaskArray"]

FloatArray: TypeAlias = NDArray[np.float64]
MaskArray: TypeAlias = NDArray[np.bool_]
