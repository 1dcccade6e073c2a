"""A spectrum that a run has shown, as a provisional reference in a library of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from operando.core.provisional import adopted
from operando.errors import ConfigurationError
from operando.io.library import load_library
from operando.io.library_writer import write_library
from operando.io.results import read_results

__all__ = ["Wish", "adopt"]


@dataclass(frozen=True, slots=True)
class Wish:
    """Which spectrum is adopted, and as what.

    Attributes
    ----------
    table
        "unexplained" or "clusters".
    number
        Of the place or cluster, from 1.
    cycle
        From 1; None for the last one that has any.
    name, lithium
        Of the new reference: what it is called, and x, which no spectrum tells.
    """

    table: str
    number: int
    cycle: int | None
    name: str
    lithium: float


def adopt(results: Path, library: Path, output: Path, wish: Wish) -> Path:
    """Write the references of a library and one more into a new folder; return its `library.toml`.

    Parameters
    ----------
    results
        A results file whose run was studied.
    library
        The `library.toml` that it was fitted with; its spectra may lie beside the results.
    output
        The folder; must not exist.
    wish
        What to adopt.

    Raises
    ------
    ConfigurationError
        There is no such place or cluster, the spectrum cannot serve, the library cannot be read, or the
        output exists.
    SourceUnreachable, DamagedFileError
        There is no such results file, or it is something else.
    """
    there = read_results(results)
    columns = there.tables[wish.table].columns
    cycles = sorted(set(columns["cycle"].tolist()))
    what = "place that nothing explains" if wish.table == "unexplained" else "cluster"
    if not cycles:
        msg = f"{results} holds no {what}; " + (
            "none was found" if wish.table == "unexplained" else "ask for some with clusters in [studies]"
        )
        raise ConfigurationError(msg)
    cycle = cycles[-1] if wish.cycle is None else wish.cycle - 1
    rows = there.tables[wish.table].of_cycle(cycle)
    own = (rows["number"] == wish.number).nonzero()[0]
    if not own.size:
        known = ", ".join(map(str, rows["number"].tolist())) or "none"
        msg = f"cycle {cycle + 1} of {results} has no {what} {wish.number}; it has {known}"
        raise ConfigurationError(msg)
    if output.exists():
        msg = f"{output} exists already; choose another folder"
        raise ConfigurationError(msg)
    more = adopted(
        load_library(library, beside=results.parent),
        there.energies_ev,
        rows["od"][own[0]],
        rows["od_errors"][own[0]],
        name=wish.name,
        lithium=wish.lithium,
    )
    try:
        return write_library(output, more)
    except OSError as error:
        msg = f"the library cannot be written into {output}: {error.strerror or error}"
        raise ConfigurationError(msg) from error
