"""The parts of the page about a results file that say what the cycles have shown beyond the map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from operando.io.page import plain, section, table_of
from operando.io.recorded_findings import cycles_in_words, findings_in

if TYPE_CHECKING:
    from operando.io.results import Results

__all__ = ["findings_section", "studies_sections"]

_MOST_PARTICLES = 40
_MOST_UNSURE = 0.5
"""A share of the charge that is less sure is no figure."""


def findings_section(results: Results) -> Iterator[str]:
    """Yield what was found, worst first, and in which cycles."""
    found = findings_in(results.tables["findings"])
    if not found:
        return
    rows = [
        [
            plain(one.severity),
            cycles_in_words(one.cycles),
            plain(one.message + (f": {one.advice}" if one.advice else "")),
        ]
        for one in found
    ]
    yield from section("Findings", table_of(["severity", "cycle", "what was found"], rows, ()))


def studies_sections(results: Results) -> Iterator[str]:
    """Yield particles, places that nothing explains, dose, beam and charge, as far as they were studied."""
    if not results.cycle.size:
        return
    last = int(results.cycle[-1])
    yield from _particles(results.tables["particles"].of_cycle(last), last)
    yield from _spectra(results, last)
    yield from _dose(results, last)
    yield from _beam(results, last)
    yield from _charge(results.tables["charge"].of_cycle(last))


def _particles(rows: Mapping[str, NDArray[Any]], cycle: int) -> Iterator[str]:
    count = rows["number"].size
    if not count:
        return
    largest = np.sort(np.argsort(-rows["area_um2"], kind="stable")[:_MOST_PARTICLES])
    cells = [
        [
            str(rows["number"][row]) + (" (cut by the edge)" if rows["is_cut"][row] else ""),
            _number(rows["area_um2"][row], ".3f"),
            _with_error(rows["lithium"][row], rows["lithium_errors"][row], ".3f"),
            _with_error(rows["rate_per_h"][row], rows["rate_errors_per_h"][row], "+.3f"),
            _with_error(100 * rows["active"][row], 100 * rows["active_errors"][row], ".0f"),
            plain(str(rows["character"][row]).replace("_", " ")),
            _with_error(rows["front_um"][row], rows["front_errors_um"][row], ".2f"),
            _with_error(rows["front_um_per_h"][row], rows["front_errors_um_per_h"][row], "+.2f"),
        ]
        for row in largest.tolist()
    ]
    head = [
        "particle",
        "area (µm²)",
        "mean x ± σ",
        "dx/dt (1/h)",
        "active (%)",
        "reacts",
        "front (µm)",
        "front (µm/h)",
    ]
    which = "" if count <= _MOST_PARTICLES else f", the {_MOST_PARTICLES} largest of {count}"
    yield from section(f"Particles of cycle {cycle + 1}{which}", table_of(head, cells, range(len(head))))


def _spectra(results: Results, cycle: int) -> Iterator[str]:
    """Yield the spectra of places and clusters: what may be adopted as a provisional reference."""
    energies = [f"{energy_ev:.2f} eV" for energy_ev in results.energies_ev.tolist()]
    for name, title in (
        ("unexplained", "Places that no mixture of the references explains"),
        ("clusters", "Clusters of pixels of like spectra"),
    ):
        rows = results.tables[name].of_cycle(cycle)
        if rows["number"].size:
            cells = [
                [
                    str(rows["number"][row]),
                    str(rows["pixels"][row]),
                    *(
                        _with_error(od, error, ".3f")
                        for od, error in zip(rows["od"][row], rows["od_errors"][row], strict=True)
                    ),
                ]
                for row in range(rows["number"].size)
            ]
            head = ["number", "pixels", *energies]
            yield from section(f"{title}, cycle {cycle + 1}", table_of(head, cells, range(len(head))))


def _dose(results: Results, cycle: int) -> Iterator[str]:
    rows = results.tables["dose"].of_cycle(cycle)
    if rows["field_mgy"].size:
        limit = rows["limit_mgy"][0]
        words = f"Half of the material has had {_number(rows['field_mgy'][0], '.3g')} MGy or more"
        allowed = f"; the profile allows {limit:g} MGy" if np.isfinite(limit) else ""
        yield from section("Dose", f"<p>{words}{allowed}.</p>")


def _beam(results: Results, cycle: int) -> Iterator[str]:
    rows = results.tables["beam"].of_cycle(cycle)
    if not rows["cycle"].size:
        return
    regions = results.tables["beam_regions"].of_cycle(cycle)
    cells = [
        [
            plain(str(regions["region"][row])) + (" (control)" if regions["is_control"][row] else ""),
            str(regions["particles"][row]),
            _with_error(regions["lithium"][row], regions["lithium_errors"][row], "+.3f"),
            _with_error(100 * regions["amount"][row], 100 * regions["amount_errors"][row], "+.1f"),
        ]
        for row in range(regions["region"].size)
    ]
    difference = [
        "exposed less control",
        "",
        _with_error(rows["lithium"][0], rows["lithium_errors"][0], "+.3f"),
        _with_error(100 * rows["amount"][0], 100 * rows["amount_errors"][0], "+.1f"),
    ]
    head = ["region", "particles", "change of x", "change of the amount (%)"]
    minutes = (rows["until_s"][0] - rows["from_s"][0]) / 60.0
    unknown = str(rows["unknown"][0])
    words = f"<p>Not known: {plain(unknown)}.</p>" if unknown else ""
    yield from section(
        f"What the beam did in {_number(minutes, '.0f')} min",
        table_of(head, [*cells, difference], range(1, len(head))) + words,
    )


def _charge(rows: Mapping[str, NDArray[Any]]) -> Iterator[str]:
    if rows["share"].size:
        is_told = rows["share_error"][0] < _MOST_UNSURE
        unknown = "not known yet"
        share = _with_error(100 * rows["share"][0], 100 * rows["share_error"][0], ".0f")
        lag = _with_error(rows["lag_s"][0] / 60, rows["lag_error_s"][0] / 60, "+.1f")
        cells = [
            [
                *((share, lag) if is_told else (unknown, unknown)),
                _with_error(rows["difference"][0], rows["difference_error"][0], "+.3f"),
            ]
        ]
        head = ["seen of what the charge makes expect (%)", "later by (min)", "x seen less expected"]
        yield from section("Charge and lithium", table_of(head, cells, range(len(head))))


def _number(value: Any, spec: str) -> str:  # noqa: ANN401 - what a column of numbers holds
    return format(float(value), spec) if np.isfinite(value) else "–"


def _with_error(value: Any, error: Any, spec: str) -> str:  # noqa: ANN401 - likewise
    if not np.isfinite(value):
        return "–"
    return f"{_number(value, spec)} ± {_number(error, spec.replace('+', ''))}"
