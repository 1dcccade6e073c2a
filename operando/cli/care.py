"""The commands that look after an installation and its files: keys, verify, doctor."""

# What a command needs is imported when it runs, so that `operando --help` answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from operando.cli.commands import AsJson, Keys, app
from operando.cli.console import Exit, data, escaped, fail, guarded, people, say_json

__all__ = ["doctor", "new_keys", "verify"]

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


@app.command()
def verify(
    source: Annotated[
        str,
        typer.Argument(
            help="A run log, or where one is served; documents as .json or .jsonl; images as .hdr or NXstxm; "
            "results as .h5."
        ),
    ],
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Read everything in a file and say which record is the first bad one, and how many are good."""
    from operando.app.verify import verify as run_verify

    with guarded():
        verdict = run_verify(source, keys)
        if as_json:
            say_json({**asdict(verdict), "is_good": verdict.is_good})
        else:
            data.print(escaped(f"{verdict.records} {verdict.records_are}, {verdict.bad} of them bad"))
        if not verdict.is_good:
            stand = (
                ""
                if verdict.first_bad is None
                else f"{verdict.good} {verdict.records_are} are good before it: "
            )
            fail(Exit.DAMAGED, f"{stand}{verdict.reason}")


@app.command()
def doctor(
    source: Annotated[
        str | None,
        typer.Argument(
            help="A run log, or where one is served, to look at too; its folder is that of the disk."
        ),
    ] = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Look at the installation, the screen, the clock, the disk and the connection, and say what to do."""
    from rich.table import Table

    from operando.app.doctor import State
    from operando.app.examine import examine

    with guarded():
        checks = examine(source, keys)
        if as_json:
            say_json([asdict(check) for check in checks])
        else:
            table = Table(show_header=False, box=None, pad_edge=False)
            for check in checks:
                colour = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "bold red"}[check.state]
                words = f"{check.found}: {check.advice}" if check.advice else check.found
                table.add_row(check.name, f"[{colour}]{check.state.value}[/]", escaped(words))
            data.print(table)
        failed = [check.name for check in checks if check.state is State.FAILED]
        if failed:
            fail(Exit.FAILED, f"{', '.join(failed)}: see above")
