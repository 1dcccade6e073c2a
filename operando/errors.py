"""What can go wrong, in three kinds: this frame, this run, this configuration.

Each is also a built-in, so that code which does not know this package can still
catch it. A message says what was found, what was expected and what to do.
"""

from __future__ import annotations

__all__ = [
    "ConfigurationError",
    "DamagedFileError",
    "FrameRejected",
    "OperandoError",
    "RunRejected",
    "SourceUnreachable",
]


class OperandoError(Exception):
    """Any error this package raises on purpose."""


class FrameRejected(OperandoError, ValueError):  # noqa: N818 - it names what happened to the frame
    """A line or frame cannot be used: skip it, count it, show it; the run goes on."""


class RunRejected(OperandoError, ValueError):  # noqa: N818 - it names what happened to the run
    """A run cannot be fitted at all: stop fitting it and keep the last map."""


class ConfigurationError(OperandoError, ValueError):
    """A profile, a reference library or an option is wrong; nothing was started."""


class SourceUnreachable(OperandoError, OSError):  # noqa: N818 - it names the state of the source
    """A log, file or address does not exist or does not answer."""


class DamagedFileError(OperandoError, OSError):
    """A file exists but is not what it claims to be; says up to where it is good."""
