"""From the `[[alarms]]` of a profile to rules, and to whom they are passed on."""

from __future__ import annotations

from collections.abc import Sequence

from operando.core.alarms import AlarmRule, Watched
from operando.errors import ConfigurationError
from operando.io.errands import Errand
from operando.live.alarms import Alarm
from operando.settings import AlarmSettings
from operando.types import Severity

__all__ = ["alarms_of"]

_ABOVE = {Watched.STALE: 60.0, Watched.GAP: 0.0, Watched.LOST: 0.0, Watched.ENDED: 0.0, Watched.FINDING: 0.0}
_BELOW = {Watched.DISK: 4.0}
"""Limits where the profile gives none."""


def alarms_of(settings: Sequence[AlarmSettings], phases: Sequence[str]) -> tuple[Alarm, ...]:
    """Return the alarms that a profile wants.

    Parameters
    ----------
    settings
        Those of the profile.
    phases
        Names of the phases that are fitted.

    Raises
    ------
    ConfigurationError
        A phase is not among them, a webhook is not encrypted, or two alarms have one name.
    """
    alarms = tuple(_alarm(each, phases) for each in settings)
    names = [alarm.rule.name for alarm in alarms]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        msg = f"two alarms are called '{twice}'; give them names of their own"
        raise ConfigurationError(msg)
    return alarms


def _alarm(wanted: AlarmSettings, phases: Sequence[str]) -> Alarm:
    if wanted.phase is not None and wanted.phase not in phases:
        msg = f"an alarm is about the phase '{wanted.phase}'; the references have {', '.join(phases)}"
        raise ConfigurationError(msg)
    watched = Watched(wanted.when)
    has_limit = wanted.above is not None or wanted.below is not None
    rule = AlarmRule(
        name=wanted.name or _name_of(wanted),
        watched=watched,
        above=wanted.above if has_limit else _ABOVE.get(watched),
        below=wanted.below if has_limit else _BELOW.get(watched),
        margin=wanted.margin,
        every_s=60.0 * wanted.every_min,
        phase=wanted.phase,
        code=wanted.code,
        severity=None if wanted.severity is None else Severity(wanted.severity),
    )
    return Alarm(rule, Errand(wanted.command, wanted.webhook, wanted.timeout_s))


def _name_of(wanted: AlarmSettings) -> str:
    return " ".join(filter(None, (wanted.when, wanted.phase, wanted.code, wanted.severity)))
