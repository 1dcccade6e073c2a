"""A results file as a page to send on, and as moving maps."""

from __future__ import annotations

from pathlib import Path

from operando.app.fresh import refuse_existing
from operando.errors import ConfigurationError
from operando.io.animation import MOST_FRAMES, animation_gif
from operando.io.atomic import replacement
from operando.io.report import report_html
from operando.io.results import read_particles, read_results, write_particles_csv

__all__ = ["animate", "particles_beside", "report", "report_of"]


def report_of(results: Path) -> Path:
    """Return where the report of a results file goes if nobody says where: beside it."""
    return results.with_name(f"{results.stem}-report.html")


def report(results: Path, output: Path) -> int:
    """Write the page about a results file, and return how many cycles it is about.

    Parameters
    ----------
    results
        A results file.
    output
        The page; must not exist.

    Raises
    ------
    ConfigurationError
        The output exists.
    SourceUnreachable, DamagedFileError
        There is no such file, or it is no results file.
    """
    refuse_existing(output)
    there = read_results(results)
    page = report_html(there)
    with replacement(output) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return there.cycle.size


def animate(results: Path, output: Path, per_second: int) -> tuple[int, int]:
    """Write the maps of a results file as an animated GIF; return how many are drawn, and of how many.

    Parameters
    ----------
    results
        A results file.
    output
        The GIF; must not exist.
    per_second
        Cycles a second.

    Raises
    ------
    ConfigurationError
        The output exists, is not to be a GIF, or there is no finished cycle.
    SourceUnreachable, DamagedFileError
        There is no such file, or it is no results file.
    """
    if output.suffix.lower() != ".gif":
        msg = f"{output} ends in '{output.suffix}'; animations are written as .gif"
        raise ConfigurationError(msg)
    refuse_existing(output)
    there = read_results(results)
    moving = animation_gif(there, per_second)
    with replacement(output) as part:
        part.write_bytes(moving)
    return min(there.cycle.size, MOST_FRAMES), there.cycle.size


def particles_beside(results: Path) -> Path | None:
    """Write the particles of a results file beside it as text; return where, None if it has none.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        There is no such file, or it is no results file.
    """
    table = read_particles(results)
    if not table.columns["cycle"].size:
        return None
    output = results.with_name(f"{results.stem}-particles.csv")
    with replacement(output) as part:
        write_particles_csv(part, table)
    return output
