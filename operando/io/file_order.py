"""The order of numbered files, as people count them."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["as_counted"]


def as_counted(path: Path) -> list[tuple[int, str]]:
    """Return what puts scan_10 behind scan_9."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
