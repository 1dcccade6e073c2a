"""Nothing is written over: a file that a command makes must not be there yet."""

from __future__ import annotations

from pathlib import Path

from operando.errors import ConfigurationError

__all__ = ["refuse_existing"]


def refuse_existing(output: Path) -> None:
    """Check that a file to be made is not there.

    Raises
    ------
    ConfigurationError
        It is.
    """
    if output.exists():
        msg = f"{output} exists already; choose another name"
        raise ConfigurationError(msg)
