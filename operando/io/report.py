"""One HTML page about a results file: whole in itself, without network and without script.

Everything that comes from the file is escaped, and the page forbids itself to load anything.
The same results give the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from operando.io.again import profile_text, replay_command
from operando.io.curve_svg import curve_svg
from operando.io.page import page, plain, png_data, section, table_of
from operando.io.pictures import extent_um
from operando.io.plates import Plate, plates_of, references_plate, thumb
from operando.io.report_studies import findings_section, studies_sections
from operando.io.results import map_of
from operando.io.utc import utc_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from operando.io.results import Results

__all__ = ["even_places", "report_html"]

_MOST_THUMBS = 12

_WORDS = (
    "<p><b>σ(x)</b> is the standard deviation of x in one pixel, from the counts, the noise of the "
    "references and the error of I0 as far as the settings state it; a wrong reference is not in it.</p>"
    "<p><b>σ of the mean</b> has what all pixels share once, so that it does not shrink with their "
    "number.</p>"
    "<p><b>χ²</b> is per degree of freedom: near 1, the model explains the counts within their noise; far "
    "above, something is there that the references do not have.</p>"
    "<p><b>R-factor</b> is Σ residual² / Σ OD²: the share of the measured optical density that the fit "
    "leaves unexplained.</p>"
    "<p><b>Mean x</b> is weighted by the amount of material, over the pixels where x is determined; grey "
    "in a map means undetermined, never a value.</p>"
)


def report_html(results: Results) -> str:
    """Return the page about a results file.

    Parameters
    ----------
    results
        As `read_results` gives them; without a finished cycle the page says so.
    """
    plan = results.plan
    name = plain(plan.sample or plan.plan_name or "Lithiation maps")
    sections = [*_head(results, name), *findings_section(results), *_last_cycle(results)]
    sections += [*_all_cycles(results), *studies_sections(results), *_measured(results)]
    sections += section("What the figures mean", _WORDS)
    sections += _provenance(results)
    return page(name, "\n".join(sections))


def even_places(count: int, most: int) -> list[int]:
    """Return at most `most` places of a series of `count`, evenly spread, with the first and the last."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()})


def _head(results: Results, name: str) -> Iterator[str]:
    plan = results.plan
    ny, nx = plan.grid.shape
    yield (
        f'<h1>{name}</h1>\n<p class="muted">run {plain(plan.run)} · {plain(plan.plan_name)} · started '
        f"{utc_words(plan.started_s)}<br>{nx} × {ny} pixels, {extent_um(plan.grid.x_um):.4g} × "
        f"{extent_um(plan.grid.y_um):.4g} µm, {plan.energies_ev.size} energies, "
        f"{_cycles_words(results)}</p>"
    )
    if results.cycle.size:
        pairs = [
            f"<div{' class=first' if not number else ''}><dt>{label}</dt><dd>{value}</dd></div>"
            for number, (label, value) in enumerate(_headline(results))
        ]
        yield f'<dl class="headline">{"".join(pairs)}</dl>'
    remarks = list(_remarks(results))
    if remarks:
        yield f'<ul class="mind">{"".join(f"<li>{remark}</li>" for remark in remarks)}</ul>'


def _headline(results: Results) -> Iterator[tuple[str, str]]:
    last, curve = map_of(results, -1), results.curve
    valid = last.valid
    place = np.flatnonzero(curve.cycle == last.cycle)
    mean = "unknown"
    if place.size and np.isfinite(curve.lithium[place[-1]]):
        mean = f"{curve.lithium[place[-1]]:.4f} ± {curve.lithium_error[place[-1]]:.4f}"
    yield f"mean lithium content x ± σ, cycle {last.cycle + 1}", mean
    yield "pixels with x", f"{valid.sum()} of {valid.size}"
    yield "median σ(x)", _median(last.lithium_error[valid], ".3f")
    yield "median χ²", _median(last.chi2[valid], ".2f")
    yield "median R-factor", _median(last.r_factor[valid], ".2g")


def _remarks(results: Results) -> Iterator[str]:
    """Yield what the file itself says against its figures."""
    if not results.cycle.size:
        yield "No cycle has been finished: there is no map yet."
    if results.phases.is_model:
        yield "At least one reference is a computed model, no measurement: x is as good as it is."
    partial = [int(cycle) + 1 for cycle in results.cycle[results.is_provisional]]
    if partial:
        yield f"Provisional, because rows never came: cycle {_listed(partial)}."
    if results.cycle.size:
        missing = sorted(set(range(int(results.cycle[-1]))) - set(results.cycle.tolist()))
        if missing:
            yield f"Not in the file: cycle {_listed([cycle + 1 for cycle in missing])}."
        if not results.valid[-1].any():
            yield "The lithium content is determined in no pixel of the last cycle."


def _last_cycle(results: Results) -> Iterator[str]:
    if not results.cycle.size:
        return
    last = map_of(results, -1)
    plates = "".join(map(_plate, plates_of(last, results.plan.grid, results.phases)))
    title = f"Maps of cycle {last.cycle + 1}, {utc_words(last.time_s)}"
    yield from section(title, f'<div class="plates">{plates}</div>')


def _all_cycles(results: Results) -> Iterator[str]:
    curve = curve_svg(results.curve, results.plan.started_s, results.phases.lithium)
    if curve:
        yield from section("Mean lithium content against time", f'<figure class="wide">{curve}</figure>')
    if results.cycle.size < 2:
        return
    grid = results.plan.grid
    aspect = f"aspect-ratio:{extent_um(grid.x_um):.6g}/{extent_um(grid.y_um):.6g}"
    figures: list[str] = []
    places = even_places(results.cycle.size, _MOST_THUMBS)
    for place in places:
        lithiation = map_of(results, place)
        number = lithiation.cycle + 1
        minutes = (lithiation.time_s - results.plan.started_s) / 60
        image = png_data(thumb(lithiation, grid, results.phases))
        figures.append(
            f'<figure><img src="{image}" style="{aspect}" alt="lithium content of cycle {number}">'
            f"<figcaption>cycle {number}<br>+{minutes:.1f} min</figcaption></figure>"
        )
    is_all = len(places) == results.cycle.size
    which = "every cycle" if is_all else f"{len(places)} of {results.cycle.size} cycles"
    yield from section(f"Lithium content, {which}", f'<div class="strip">{"".join(figures)}</div>')


def _measured(results: Results) -> Iterator[str]:
    plan, phases = results.plan, results.phases
    columns = [plan.energies_ev, plan.dwell_ms]
    head = ["energy (eV)", "dwell (ms)"]
    if results.cycle.size:
        first, last = results.i0[0], results.i0[-1]
        columns += [last, 100 * (last / np.where(first > 0, first, np.nan) - 1), results.frame_age_s[-1]]
        head += ["I0 (counts a pixel)", "I0 since the first cycle", "age of the image (s)"]
    formats = (".2f", ".4g", ".5g", "+.1f", ".1f")
    rows = [
        [
            _number(float(value), spec) + (" %" if spec[0] == "+" and np.isfinite(value) else "")
            for value, spec in zip(row, formats[: len(row)], strict=True)
        ]
        for row in zip(*columns, strict=True)
    ]
    title = "Energies" if not results.cycle.size else f"Energies, cycle {results.cycle[-1] + 1}"
    yield from section(title, table_of(head, rows, range(len(head))))

    sources = _sources(str(results.process.get("references", "")), phases.names)
    kind = "computed models among them" if phases.is_model else "measured"
    rows = [
        [plain(name), f"{lithium:g}", plain(source), "" if sigma is None else f"{sigma:.2g}"]
        for name, lithium, source, sigma in zip(
            phases.names,
            phases.lithium,
            sources,
            [None] * len(phases.names) if phases.sigma is None else phases.sigma,
            strict=True,
        )
    ]
    head = ["phase", "lithium content", "source", "σ of its values"]
    width = 3 if phases.sigma is None else 4
    table = table_of(head[:width], [row[:width] for row in rows], (1, 3))
    plate = f'<figure class="wide">{_picture(references_plate(phases, plan))}</figure>'
    yield from section(f"References ({kind}; {plain(phases.unit.replace('_', ' '))})", plate + table)


def _provenance(results: Results) -> Iterator[str]:
    process = results.process
    rows = [
        [plain(key), plain(f"{value:g}" if isinstance(value, float) else str(value))]
        for key, value in process.items()
    ]
    body = "".join(f"<tr><th>{key}</th><td>{value}</td></tr>" for key, value in rows)
    yield from section(
        "Settings and versions", f'<div class="scroll"><table class="settings">{body}</table></div>'
    )
    again = [
        "<p>SOURCE is the recording of the run, library.toml the references with the hash above. If the run "
        "has more energies than the table, name these with <code>--energies</code>.</p>",
        f"<pre>{plain(replay_command(process))}</pre>",
    ]
    profile = profile_text(process)
    if profile:
        lines = "\n".join(map(plain, profile.split("\n")))
        again.append(f"<p>profile.toml:</p><pre>{lines}</pre>")
    yield from section("How to do this fit again", "".join(again))
    yield f"<footer>Made by operando from the results of run {plain(results.plan.run)}.</footer>"


def _plate(plate: Plate) -> str:
    return f"<figure><figcaption>{plain(plate.title)}</figcaption>{_picture(plate)}</figure>"


def _picture(plate: Plate) -> str:
    return (
        f'<picture><source media="screen and (prefers-color-scheme: dark)" srcset="{png_data(plate.dark)}">'
        f'<img src="{png_data(plate.light)}" alt="{plain(plate.title)}"></picture>'
    )


def _sources(text: str, names: Sequence[str]) -> list[str]:
    """Return where each reference is from, of "name: source; name: source"."""
    found: list[str] = []
    rest = f"; {text}"
    for name in reversed(names):
        rest, mark, source = rest.rpartition(f"; {name}: ")
        found.append(source if mark else "not said")
    return found[::-1]


def _cycles_words(results: Results) -> str:
    count, planned = results.cycle.size, results.plan.cycles
    return f"{count} cycle{'' if count == 1 else 's'}{'' if planned is None else f' of {planned} planned'}"


def _listed(cycles: Sequence[int], most: int = 12) -> str:
    more = f" and {len(cycles) - most} more" if len(cycles) > most else ""
    return ", ".join(map(str, cycles[:most])) + more


def _median(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], spec: str) -> str:
    finite = values[np.isfinite(values)]
    return format(float(np.median(finite)), spec) if finite.size else "unknown"


def _number(value: float, spec: str) -> str:
    return format(value, spec) if np.isfinite(value) else "–"
