"""The commands that look after an installation and its files: keys, verify, doctor."""

# What a command needs is imported when it runs, so that `operando --help` answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from operando.cli.commands import app
from operando.cli.console import data, escaped, guarded, people

__all__ = ["new_keys"]

_keys = typer.Typer(help="Keys by which a server and monitors on other machines know each other.")
app.add_typer(_keys, name="keys")


@_keys.callback()
def _of_keys() -> None:
    """Keys by which a server and monitors on other machines know each other."""


@_keys.command("new")
def new_keys(
    folder: Annotated[Path, typer.Argument(help="Where to write them.")] = Path("operando-keys"),
    client: Annotated[str, typer.Option(help="Name of the monitor that they are for.")] = "client",
) -> None:
    """Make the keys of a monitor, and of the server if it has none yet; nothing is overwritten."""
    from operando.io.keys import make_keys

    with guarded():
        made = make_keys(folder, client)
        for path in (*made.server, *made.client):
            data.print(escaped(str(path)))
        secret, public = (escaped(str(path)) for path in made.client)
        people.print(
            f"Where the log is served, keep server.secret and clients/, and nobody else's secret:\n"
            f"  operando serve LOG --address tcp://0.0.0.0:5577 --keys {escaped(str(folder))}\n"
            f"Where it is watched, a folder with two files: move {secret} there, and copy server.public:\n"
            f"  operando monitor tcp://HOST:5577 --keys FOLDER\n"
            f"The server lets in whose key is in its clients/ when it starts, here {public}.",
            soft_wrap=True,
        )
