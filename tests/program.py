"""The commands of the program and their options, as `--help` has them."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from operando.cli import app

PROGRAM = typer.main.get_command(app)


def options_of(command: TyperCommand | TyperGroup) -> set[str]:
    options = [option for option in command.params if isinstance(option, TyperOption)]
    return {name for option in options for name in (*option.opts, *option.secondary_opts)}


def _commands_in(group: TyperGroup, name: str = "") -> Iterator[tuple[str, TyperCommand]]:
    for word, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands_in(command, f"{name}{word} ")
        else:
            yield f"{name}{word}", command


COMMANDS = dict(_commands_in(PROGRAM))
"""By the words that call them, such as "keys new"."""
