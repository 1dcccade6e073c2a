"""Alarms of a profile: what is refused before anything is started, and what the defaults are."""

from __future__ import annotations

from pathlib import Path

import pytest

from operando.app.alarm_rules import alarms_of
from operando.core.alarms import Watched
from operando.errors import ConfigurationError
from operando.live.alarms import Alarm
from operando.settings import load_profile

PHASES = ("LiFePO4", "FePO4")
COMMAND = 'command = ["true"]'


def alarms_in(folder: Path, *blocks: str) -> tuple[Alarm, ...]:
    path = folder / "profile.toml"
    path.write_text("".join(f"[[alarms]]\n{block}\n" for block in blocks), encoding="utf-8")
    return alarms_of(load_profile(path).alarms, PHASES)


def test_limits_have_the_documented_defaults_and_names_are_made(tmp_path: Path) -> None:
    rules = [
        alarm.rule
        for alarm in alarms_in(
            tmp_path,
            f'when = "stale"\n{COMMAND}',
            f'when = "disk"\n{COMMAND}',
            f'when = "fraction"\nphase = "FePO4"\nabove = 0.8\nevery_min = 1\n{COMMAND}',
            f'when = "finding"\nseverity = "alarm"\nname = "anything bad"\n{COMMAND}',
            f'when = "gap"\nabove = 3\n{COMMAND}',
        )
    ]
    limits = [(rule.watched, rule.above, rule.below) for rule in rules]
    assert limits == [
        (Watched.STALE, 60.0, None),
        (Watched.DISK, None, 4.0),
        (Watched.FRACTION, 0.8, None),
        (Watched.FINDING, 0.0, None),
        (Watched.GAP, 3.0, None),
    ]
    assert [rule.name for rule in rules] == ["stale", "disk", "fraction FePO4", "anything bad", "gap"]
    assert [rule.every_s for rule in rules] == [600.0, 600.0, 60.0, 600.0, 600.0]


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ('when = "stale"', "a command or a webhook"),
        (f'when = "i0"\n{COMMAND}', "needs a limit"),
        (f'when = "ended"\nabove = 1\n{COMMAND}', "has no limit"),
        (f'when = "i0"\nabove = 1\nbelow = 2\n{COMMAND}', "one limit"),
        (f'when = "fraction"\nabove = 1\n{COMMAND}', "phase belongs"),
        (f'when = "fraction"\nphase = "unobtainium"\nabove = 1\n{COMMAND}', "LiFePO4, FePO4"),
        (f'when = "finding"\n{COMMAND}', "code or severity"),
        (f'when = "stale"\ncode = "i0-jump"\n{COMMAND}', "code or severity"),
        (f'when = "sunset"\n{COMMAND}', "when"),
        ('when = "stale"\ncommand = "rm -rf /"', "command"),
        ('when = "stale"\ncommand = []', "command"),
        ('when = "stale"\nwebhook = "http://192.0.2.1/hook"', "use https"),
        (f'when = "stale"\nevery_min = 0\n{COMMAND}', "every_min"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, block: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        alarms_in(tmp_path, block)


def test_two_alarms_need_two_names(tmp_path: Path) -> None:
    block = f'when = "stale"\n{COMMAND}'
    with pytest.raises(ConfigurationError, match="names of their own"):
        alarms_in(tmp_path, block, block)
