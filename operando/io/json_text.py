"""Plain values as JSON, which has no NaN: what is no finite number is null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import cast

__all__ = ["json_text"]


def json_text(value: object) -> str:
    """Return text, numbers, None, lists, tuples and mappings of them as JSON on one line."""
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: object) -> object:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(item) for key, item in cast("Mapping[str, object]", value).items()}
        case list() | tuple():
            return [_finite(item) for item in cast("Sequence[object]", value)]
        case _:
            return value
