"""The page of the command line has every command, option and exit code, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from operando.cli import Exit
from program import COMMANDS, PROGRAM, options_of

PAGE = (Path(__file__).parents[1] / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
FITTING = ("monitor", "replay")


def section(title: str) -> str:
    """The text under a heading of the page."""
    (text,) = re.findall(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return text


def documented() -> dict[str, set[str]]:
    """The options that the page gives each command, without those of `monitor` and `replay`."""
    rows = [row.split(" | ") for row in section("Options of the other commands").splitlines() if "| `" in row]
    table: dict[str, set[str]] = {}
    for commands, options in rows:
        for command in re.findall(r"`([^`]+)`", commands):
            table.setdefault(command, set()).update(OPTION.findall(options))
    return table


def test_every_command_has_one_row_and_no_other_has() -> None:
    named = re.findall(r"^\| `operando ([a-z ]*[a-z])", PAGE, re.MULTILINE)
    assert sorted(named) == sorted([*COMMANDS, "bench delivery", "bench view"])


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - set(FITTING)))
def test_a_command_has_the_options_that_the_page_gives_it(name: str) -> None:
    assert documented().get(name, set()) == options_of(COMMANDS[name])


def test_the_table_of_monitor_and_replay_has_the_options_of_both() -> None:
    rows = section("Options of `replay` and `monitor`").splitlines()
    written = {option for row in rows for option in OPTION.findall(row[: row.find("|", 1)])}
    assert written == options_of(COMMANDS["monitor"]) | options_of(COMMANDS["replay"])
    for name, other in (FITTING, FITTING[::-1]):
        for option in options_of(COMMANDS[name]) - options_of(COMMANDS[other]):
            (row,) = (row for row in rows if f"`{option} " in row)
            assert f"`{name}`" in row, f"{option} is an option of {name} alone"


def test_the_options_of_the_program_itself_are_on_the_page() -> None:
    assert options_of(PROGRAM) <= set(OPTION.findall(PAGE))


def test_every_exit_code_is_on_the_page_and_no_other() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", section("Exit codes"), re.MULTILINE)}
    assert codes == {int(code) for code in Exit}


def test_many_recordings_are_fitted_with_all_that_one_is_fitted_with() -> None:
    of_one_alone = {"--speed", "--headless"}
    assert options_of(COMMANDS["replay"]) - of_one_alone <= options_of(COMMANDS["reprocess"])
