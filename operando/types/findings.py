"""What the user should know, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Severity"]


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the user should know, once, in words.

    Attributes
    ----------
    code
        Stable short name, e.g. "i0-not-found"; one code is shown once.
    severity
        How much it matters.
    message
        What was found and what was expected.
    advice
        What to do; may be empty.
    """

    code: str
    severity: Severity
    message: str
    advice: str = ""
