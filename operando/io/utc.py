"""A time since 1970 as people write it, in the same words everywhere."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["utc_words"]


def utc_words(time_s: float) -> str:
    """Return a time since 1970 as people write it, or that it is unknown."""
    try:
        return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):  # a clock that was never set
        return "time unknown"
