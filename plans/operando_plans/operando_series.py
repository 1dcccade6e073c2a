"""A few energies, again and again, in one or several places: the sample as it reacts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp

from operando_plans.advice import Advice, Answer
from operando_plans.check import check_parts, check_regions
from operando_plans.counsel import Counsel, Decided, answers_of, counsel_of, decided, listen
from operando_plans.documents import (
    SCHEMA_VERSION,
    check_metadata,
    options_said,
    polarization_said,
    start_of,
)
from operando_plans.options import ScanOptions
from operando_plans.plan import Plan
from operando_plans.polarization import check_polarization, polarize
from operando_plans.region import CONTROL_VISITS, Region
from operando_plans.runs import OpenRuns, close_run, closing_runs, open_run
from operando_plans.safety import safely
from operando_plans.scanner import Scanner, scanner_of
from operando_plans.stxm import STXM
from operando_plans.until import Until
from operando_plans.visit import Standing, place, visit

__all__ = ["operando_series"]


def operando_series(
    stxm: STXM,
    regions: Region | Sequence[Region],
    until: Until,
    *,
    options: ScanOptions | None = None,
    advice: Advice | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Plan:
    """Visit regions in turn, each at its energies, cycle after cycle.

    Each region has a run of its own, all of them open from the beginning to the end of the series. The
    potentiostat, where there is one, is recorded in each of them as it changes, in the stream `potentiostat`.

    Parameters
    ----------
    stxm
        The microscope.
    regions
        Where, at which energies, how long.
    until
        When the series ends.
    options
        How to scan.
    advice
        Whom to ask between cycles what to do next, and how far to follow; None asks nobody.
    metadata
        Added to the start documents.

    Returns
    -------
    generator
        A bluesky plan.

    Raises
    ------
    ValueError
        The microscope cannot do it, or it makes no sense; raised before anything moves.
    TimeoutError
        A part of the microscope cannot be reached.
    """
    regions = (regions,) if isinstance(regions, Region) else tuple(regions)
    options = options or ScanOptions()
    scanner = scanner_of(stxm, options)
    check_parts(stxm)
    check_regions(scanner.parts, regions)
    check_polarization(scanner.parts, options)
    series = _Series(scanner, regions, until, advice, check_metadata(metadata), str(uuid.uuid4()))
    return closing_runs(lambda runs: safely(_visits(series, runs), stxm, options))


@dataclass(frozen=True, slots=True)
class _Series:
    """What is to be done, and with what."""

    scanner: Scanner
    regions: tuple[Region, ...]
    until: Until
    advice: Advice | None
    metadata: Mapping[str, Any]
    uid: str

    def start(self, region: Region, role: str, visits: int | None) -> dict[str, Any]:
        """Return the start document of a region's run."""
        advice = self.advice
        arguments = {
            "regions": [region.plain for region in self.regions],
            "until": {"cycles": self.until.cycles, "duration_s": self.until.duration_s},
            "options": options_said(self.scanner.options),
            "advice": None if advice is None else asdict(advice.limits),
        }
        series = {
            "schema_version": SCHEMA_VERSION,
            "cycles": visits,
            "series": self.uid,
            "region": region.name,
            "role": role,
            "every": list(region.every or (1,) * len(region.energies_ev)),
            **polarization_said(self.scanner.options),
        }
        return {
            **self.metadata,
            **start_of(self.scanner, region, "operando_series"),
            "operando": series,
            "plan_args": arguments,
        }


def _visits(series: _Series, runs: OpenRuns) -> Plan:
    """Visit all regions until the end."""
    clock = series.scanner.options.clock
    yield from polarize(series.scanner.parts, series.scanner.options)
    counsel = None
    if series.advice is not None:
        counsel = yield from counsel_of(series.advice, series.scanner.parts, clock)
    standings: dict[str, Standing] = {}
    for region in series.regions:
        standings[region.name] = yield from _begun(series, Standing(region), runs)
    now = Decided(standings)
    began_s, done = clock.now_s(), 0
    while not now.is_stop:
        now, heard = yield from _cycle(series, counsel, now, done)
        done += 1
        if series.until.is_over(done, clock.now_s() - began_s):
            break
        if counsel is not None:
            now = yield from _followed(series, counsel, now, heard, (done, runs))
    for standing in now.standings.values():
        if standing.region.is_control:
            yield from _visited(series, counsel, standing, done)
    for name in list(runs):
        yield from close_run(runs, name)


def _begun(series: _Series, standing: Standing, runs: OpenRuns) -> Plan:
    """Open the run of a region."""
    region = standing.region
    if region.is_control:
        start = series.start(region, "control", CONTROL_VISITS)
    else:
        start = series.start(region, "series", series.until.cycles)
    run = yield from open_run(runs, region.name, start, series.scanner.parts.potentiostat)
    return replace(standing, run=run)


def _cycle(series: _Series, counsel: Counsel | None, now: Decided, done: int) -> Plan:
    """Visit every region that is due; return what they have become, and what advice came meanwhile."""
    heard: dict[str, Answer] = {}
    visited: dict[str, Standing] = {}
    for name, standing in now.standings.items():
        if standing.has_left or (standing.region.is_control and done > 0):
            continue
        after = yield from _visited(series, counsel, standing, done)
        now = replace(now, standings={**now.standings, name: after})
        if counsel is not None and not after.region.is_control:
            # A monitor that is a region behind overwrites its advice about the one before.
            visited[name] = after
            heard = listen(counsel, visited, heard)
    return now, heard


def _visited(series: _Series, counsel: Counsel | None, standing: Standing, series_cycle: int) -> Plan:
    """Visit one region, and return what it has become."""
    parts = series.scanner.parts
    if counsel is not None and counsel.moves_focus:
        # Also back, for a region that it was not moved for.
        yield from bps.checkpoint()
        yield from bps.mv(parts.focus, counsel.focus_um + standing.focus_um)
    yield from place(parts, standing)
    images = visit(series.scanner, standing, series_cycle)
    yield from bpp.set_run_key_wrapper(images, standing.region.name)
    return replace(standing, visits=standing.visits + 1)


def _followed(
    series: _Series, counsel: Counsel, now: Decided, heard: Mapping[str, Answer], at: tuple[int, OpenRuns]
) -> Plan:
    """Hear the advice about the regions just visited, and follow it as far as the user allows."""
    done, runs = at
    asked = {name: now.standings[name] for name in heard}
    answers = yield from answers_of(counsel, asked, heard)
    after = yield from decided(counsel, now, answers, done)
    for name, standing in after.standings.items():
        if standing.has_left and name in runs:
            yield from close_run(runs, name)
    for parent, region in after.dense[len(now.dense) :]:
        standing = replace(after.standings[parent], region=region, visits=0)
        start = series.start(region, "dense", 1)
        start["operando"]["parent"] = parent
        run = yield from open_run(runs, region.name, start, series.scanner.parts.potentiostat)
        yield from _visited(series, counsel, replace(standing, run=run), done)
        yield from close_run(runs, region.name)
    return after
