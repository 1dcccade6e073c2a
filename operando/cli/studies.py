"""The commands that go on from what runs have shown: adopt, beam, stress."""

# What a command needs is imported when it runs, so that `operando --help` answers at once.
# A command has as many arguments as it has options.
# ruff: noqa: PLC0415, PLR0913, PLR0917

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from operando.cli.commands import AsJson, app
from operando.cli.console import data, escaped, guarded, people, say_json
from operando.errors import ConfigurationError

__all__ = ["adopt", "beam", "stress"]

ResultsFile = Annotated[Path, typer.Argument(metavar="RESULT", help="A results file (NeXus HDF5).")]


@app.command()
def adopt(
    results: ResultsFile,
    library: Annotated[Path, typer.Argument(help="The library.toml that it was fitted with.")],
    output: Annotated[Path, typer.Argument(help="The folder for the new library. Must not exist.")],
    name: Annotated[str, typer.Option(help="What the new reference is called.")],
    lithium: Annotated[float, typer.Option(help="Its lithium content x, which no spectrum tells.")],
    place: Annotated[int | None, typer.Option(help="Number of a place that nothing explains.")] = None,
    cluster: Annotated[int | None, typer.Option(help="Number of a cluster.")] = None,
    cycle: Annotated[
        int | None, typer.Option(min=1, help="Of which cycle; the last one that has any.")
    ] = None,
) -> None:
    """Take a spectrum that a run has shown as a provisional reference, into a new library."""
    from operando.app.adopt import Wish
    from operando.app.adopt import adopt as run_adopt

    with guarded():
        if (place is None) == (cluster is None):
            msg = "name one spectrum: --place N or --cluster N; the report of the results lists them"
            raise ConfigurationError(msg)
        table, number = ("unexplained", place) if cluster is None else ("clusters", cluster)
        wish = Wish(table, int(number or 0), cycle, name, lithium)
        written = run_adopt(results, library, output, wish)
        data.print(escaped(str(written)))
        people.print("The reference is provisional: it is as pure as the place was, and x is what you said.")


@app.command()
def beam(
    control: Annotated[Path, typer.Argument(help="Results of the region without beam between its visits.")],
    exposed: Annotated[list[Path], typer.Argument(help="Results of the regions that were exposed.")],
    as_json: AsJson = False,
) -> None:
    """Print what changed more in exposed regions than in the control: what the beam did."""
    from rich.table import Table

    from operando.app.beam import beam as run_beam
    from operando.core.control import beam_findings

    with guarded():
        found = run_beam(control, exposed)
        if as_json:
            say_json(asdict(found))
            return
        table = Table("region", "particles", "change of x", "change of the amount")
        for one in found.regions:
            table.add_row(
                escaped(f"{one.region} (control)" if one.is_control else one.region),
                str(one.particles),
                f"{one.lithium:+.3f} ± {one.lithium_error:.3f}",
                f"{one.amount:+.1%} ± {one.amount_error:.1%}",
            )
        data.print(table)
        for finding in beam_findings(found):
            data.print(escaped(finding.message))


@app.command()
def stress(
    results: ResultsFile,
    profile: Annotated[Path, typer.Option(help="A profile.toml with a block [crystal].")],
    output: Annotated[
        Path | None, typer.Option(help="The HDF5 file; RESULT-stress.h5 if left out. Must not exist.")
    ] = None,
    cycle: Annotated[int | None, typer.Option(min=1, help="Of which cycle; the last.")] = None,
) -> None:
    """Write the misfit stress of the particles: model-dependent, from x alone."""
    from operando.app.stress import stress as run_stress
    from operando.io.stress_file import MODEL_WORDS

    with guarded():
        path = output or results.with_name(f"{results.stem}-stress.h5")
        record = run_stress(results, profile, path, cycle)
        data.print(escaped(str(path)))
        data.print(escaped(str(path.with_suffix(".png"))))
        people.print(f"Stress of cycle {record.cycle + 1}, {MODEL_WORDS}.")
        if record.left_out:
            people.print(f"Too small for it: {len(record.left_out)} particles.")
