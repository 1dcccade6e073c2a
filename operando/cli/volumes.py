"""The commands about volumes: tilt, and the simulated series to try it with, grains."""

# What a command needs is imported when it runs, so that `operando --help` answers at once.
# A command has as many arguments as it has options.
# ruff: noqa: PLC0415, PLR0913, PLR0917

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operando.cli.commands import AsJson, Background, Gain, Profile, References, app
from operando.cli.console import data, escaped, guarded, people, say_json

if TYPE_CHECKING:
    from operando.app.tilt import TiltFigures

__all__ = ["grains", "tilt"]


@app.command()
def tilt(
    series: Annotated[
        Path,
        typer.Argument(
            help="A tilt series as Data Exchange: one file with angles and energies, or a folder of files."
        ),
    ],
    references: References = None,
    profile: Profile = None,
    background: Background = None,
    gain: Gain = None,
    output: Annotated[
        Path | None, typer.Option(help="The HDF5 file; SERIES-volume.h5 if left out. Must not exist.")
    ] = None,
    axis_px: Annotated[
        float | None, typer.Option(help="Column of the tilt axis, from 0; found if left out.")
    ] = None,
    repeats: Annotated[
        int, typer.Option(min=0, max=100, help="How often noise is added again for σ(x); 0: no σ(x).")
    ] = 4,
    truth: Annotated[
        Path | None, typer.Option(help="The truth.h5 of a simulated series, to compare with.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Reconstruct a tilt series into a volume of lithium content, slice by slice."""
    from operando.app.tilt import TiltOptions
    from operando.app.tilt import tilt as run_tilt
    from operando.app.work import Options

    with guarded():
        path = output or Path(f"{series.stem}-volume.h5")
        fitting = Options(profile=profile, references=references, background=background, gain=gain)
        options = TiltOptions(fitting, axis_px=axis_px, repeats=repeats, truth=truth)
        with people.status("reading") as status:
            figures = run_tilt(series, path, options, status.update)
        if as_json:
            say_json(
                {**asdict(figures), "files": {"volume": str(path), "picture": f"{path.with_suffix('.png')}"}}
            )
            return
        _report(figures)
        data.print(escaped(str(path)))
        data.print(escaped(str(path.with_suffix(".png"))))


@app.command()
def grains(
    folder: Annotated[Path, typer.Argument(help="Where the series, its references and the truth go.")],
    angles: Annotated[int, typer.Option(min=1, help="Sides that it is seen from; 1: a plain stack.")] = 30,
    reach: Annotated[
        float, typer.Option(min=1, max=90, help="How far the stage turns to both sides (°).")
    ] = 90.0,
    counts: Annotated[float, typer.Option(min=1, max=60000, help="Of a pixel without sample.")] = 20000.0,
    pixels: Annotated[int, typer.Option(min=17, max=512, help="Columns of an image, over 2.2 µm.")] = 65,
    material: Annotated[str, typer.Option(help="The model material: lixv2o5 or lixfepo4.")] = "lixv2o5",
    seed: Annotated[int, typer.Option(help="Of sample and noise.")] = 4,
) -> None:
    """Simulate a full-field series of three grains, with flat and dark images, as Data Exchange."""
    from operando.app.grains import Grains, write_grains

    with guarded():
        written = write_grains(Grains(material, angles, reach, counts, pixels, seed), folder)
        for path in (written.images, written.references, written.truth):
            data.print(escaped(str(path)))


def _report(figures: TiltFigures) -> None:
    """Say what came out, for people."""
    people.print(
        f"{figures.angles} sides at {figures.energies} energies, {figures.columns} × {figures.rows} pixels; "
        f"{figures.voxels} voxels have x, mean {figures.mean_x:.3f}, median σ(x) of counting "
        f"{figures.median_sigma_x:.3f}"
    )
    people.print(
        f"tilt axis at column {figures.axis_px:.2f}; the sides lie {figures.axis_scatter_px:.2f} px (rms) "
        f"off it, and their amounts of host differ by {figures.amount_change:.1%}"
    )
    if figures.unknown_pixels:
        people.print(f"{figures.unknown_pixels} pixels of the sides have no fit, and count as empty")
    if figures.voxels_inside:
        people.print(
            f"against the truth, inside of particles: RMSE of x {figures.rmse_x:.4f}, bias "
            f"{figures.bias_x:+.4f}, {figures.pull_rms:.1f} σ (rms); x is given for {figures.told_inside} "
            f"of {figures.voxels_inside} voxels"
        )
