"""Which few energies to measure, for how long each and in which order, and what to expect of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from operando.core.exchange import Plan, Rules, best_plan
from operando.core.order import best_order, drift_error
from operando.core.prediction import Prediction, Problem, predicted_sigma, problem_of
from operando.core.question import Question, candidates_of
from operando.core.references import Library, resample
from operando.errors import ConfigurationError
from operando.types import FloatArray

__all__ = ["Choice", "Rival", "Step", "choose", "describe", "energy_rows", "record_of"]

_RESTARTS = 16
_CURVE_RESTARTS = 4
_CURVE_BEYOND = 2
"""The curve of σ against the number of energies goes this far beyond the number asked for."""

_OPAQUE_OD = 1.5
"""Above this, stray light and dark counts begin to rule."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Another way to pick the energies, with equal dwells and the same total of counts.

    Attributes
    ----------
    name
        "evenly spaced" or "peak picking".
    energies_ev
        What it picks, shape (energy,).
    sigma, sigma_statistical
        Predicted σ(x), with all errors and from counting alone.
    ratio, ratio_statistical
        These over those of the choice: above 1 the choice is better.
    """

    name: str
    energies_ev: FloatArray
    sigma: float
    sigma_statistical: float
    ratio: float
    ratio_statistical: float


@dataclass(frozen=True, slots=True)
class Step:
    """The best that some number of energies can do with the same total of counts.

    Attributes
    ----------
    energies_ev
        Shape (energy,).
    sigma, sigma_statistical
        Predicted σ(x), with all errors and from counting alone.
    """

    energies_ev: FloatArray
    sigma: float
    sigma_statistical: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The energies to measure.

    Attributes
    ----------
    question
        What was asked.
    energies_ev
        Ascending, shape (energy,).
    dwell_share
        Share of the total dwell, shape (energy,), sums to 1.
    order
        Positions in `energies_ev` in the order of acquisition, shape (energy,).
    drift_error, drift_error_ascending
        Error of x per change of x during one cycle, root mean square over the compositions, in this
        order and in that of ascending energy.
    prediction
        σ(x) to expect.
    curve
        σ(x) against the number of energies, from the fewest the fit can do with.
    rivals
        Simpler ways to pick energies, at equal dose.
    warnings
        What the user should know before using the beam; may be empty.
    """

    question: Question
    energies_ev: FloatArray
    dwell_share: FloatArray
    order: NDArray[np.intp]
    drift_error: float
    drift_error_ascending: float
    prediction: Prediction
    curve: tuple[Step, ...]
    rivals: tuple[Rival, ...]
    warnings: tuple[str, ...]

    @property
    def dwell_factor(self) -> FloatArray:
        """Dwell of each energy over the mean dwell, shape (energy,)."""
        return self.dwell_share * self.energies_ev.size

    @property
    def gain_of_one_more(self) -> float:
        """By how much, relative, one energy more lowers σ(x) with the same total of counts.

        NaN where there is no room for one.
        """
        more = [step for step in self.curve if step.energies_ev.size == self.energies_ev.size + 1]
        return 1 - more[0].sigma / self.prediction.overall if more else float("nan")


def choose(library: Library, question: Question, rng: np.random.Generator | None = None) -> Choice:
    """Return the energies that make σ(x) least.

    Parameters
    ----------
    library
        The references.
    question
        Sample, instrument and what is allowed.
    rng
        Source of the random starts of the search; a fixed one if None, so that the same question
        has the same answer.

    Raises
    ------
    ConfigurationError
        Fewer energies than unknowns, or too few allowed energies, or a range the references do
        not cover.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    fewest = len(library.phases) + int(question.background)
    if question.count < fewest:
        msg = (
            f"{question.count} energies cannot tell {fewest} unknowns ({len(library.phases)} phases and "
            f"{int(question.background)} background terms) apart; ask for {fewest} or more"
        )
        raise ConfigurationError(msg)
    candidates = candidates_of(library, question)
    problem = problem_of(library, candidates, question)
    fixed = np.array(
        [np.argmin(np.abs(candidates - energy)) for energy in question.include_ev], dtype=np.intp
    )
    rules = Rules(np.unique(fixed), question.separation_ev, question.least_dwell)
    plans: list[Plan] = []
    for count in range(max(fewest, fixed.size), question.count + _CURVE_BEYOND + 1):
        starts = (plans[-1].index,) if plans else ()
        restarts = _RESTARTS if count == question.count else _CURVE_RESTARTS
        try:
            plans.append(best_plan(problem, count, rules, starts, rng, restarts))
        except ConfigurationError:
            if count <= question.count:
                raise
            break
    plan = next(plan for plan in plans if plan.index.size == question.count)
    prediction = predicted_sigma(library, candidates[plan.index], plan.share, question)
    order, error = best_order(problem, plan, question.overhead, rng)
    ascending = np.arange(question.count, dtype=np.intp)[None, :]
    return Choice(
        question=question,
        energies_ev=candidates[plan.index],
        dwell_share=plan.share,
        order=order,
        drift_error=error,
        drift_error_ascending=float(drift_error(problem, plan, ascending, question.overhead)[0]),
        prediction=prediction,
        curve=tuple(_step(library, candidates, each, question) for each in plans),
        rivals=_rivals(library, problem, question, prediction),
        warnings=_warnings(library, candidates[plan.index], question, prediction),
    )


def describe(choice: Choice) -> list[tuple[str, str]]:
    """Return what there is to say about a choice, in pairs of label and text."""
    seen = choice.prediction
    asked = choice.question
    taken = ", ".join(f"{energy:.2f}" for energy in choice.energies_ev[choice.order])
    rows = [
        ("order of acquisition", f"{taken} eV"),
        (
            "a change of x within a cycle",
            f"{choice.drift_error:.0%} comes out as error (ascending: {choice.drift_error_ascending:.0%})",
        ),
        ("σ(x) to expect", f"{seen.overall:.3f} per pixel at Σt = {asked.thickness:g}"),
        (
            "  from counting alone",
            f"{seen.overall_statistical:.3f} at {asked.counts:g} counts, F = {asked.gain:g}",
        ),
        *[(f"  from {name}", f"{sigma:.3f}") for name, sigma in seen.budget[1:]],
        (
            "  by lithium content",
            ", ".join(f"{sigma:.3f} at {x:.2f}" for x, sigma in zip(seen.lithium, seen.total, strict=True)),
        ),
        ("condition number", f"{seen.condition_number:.1f}"),
        ("one energy more", _of_one_more(choice.gain_of_one_more)),
    ]
    rows += [
        (
            rival.name,
            f"σ(x) {rival.sigma:.3f}, {rival.ratio:.2f} × ours at equal dose "
            f"(counting alone {rival.ratio_statistical:.2f} ×)",
        )
        for rival in choice.rivals
    ]
    return rows


def energy_rows(choice: Choice) -> list[tuple[str, str, str]]:
    """Return a table of energy in eV, dwell over the mean dwell and place in the cycle, with its head."""
    place = np.argsort(choice.order) + 1
    return [
        ("energy (eV)", "dwell / mean", "taken as"),
        *[
            (f"{energy:.2f}", f"{factor:.2f}", f"{number}.")
            for energy, factor, number in zip(choice.energies_ev, choice.dwell_factor, place, strict=True)
        ],
    ]


def record_of(choice: Choice) -> dict[str, object]:
    """Return the choice in numbers, texts and lists, as JSON can hold them."""
    seen = choice.prediction
    return {
        "energies_ev": [round(float(energy), 4) for energy in choice.energies_ev],
        "dwell_share": choice.dwell_share.tolist(),
        "order": choice.order.tolist(),
        "order_ev": [round(float(energy), 4) for energy in choice.energies_ev[choice.order]],
        "drift_error": choice.drift_error,
        "drift_error_ascending": choice.drift_error_ascending,
        "sigma": seen.overall,
        "sigma_statistical": seen.overall_statistical,
        "sigma_informed": seen.informed,
        "sigma_by_source": dict(seen.budget),
        "lithium": seen.lithium.tolist(),
        "sigma_by_lithium": seen.total.tolist(),
        "condition_number": seen.condition_number if np.isfinite(seen.condition_number) else None,
        "gain_of_one_more": choice.gain_of_one_more if np.isfinite(choice.gain_of_one_more) else None,
        "curve": [
            {"count": step.energies_ev.size, "energies_ev": step.energies_ev.tolist(), "sigma": step.sigma}
            for step in choice.curve
        ],
        "rivals": [
            {
                "name": rival.name,
                "energies_ev": rival.energies_ev.tolist(),
                "sigma": rival.sigma,
                "ratio": rival.ratio,
            }
            for rival in choice.rivals
        ],
        "warnings": list(choice.warnings),
    }


def _of_one_more(gain: float) -> str:
    if np.isnan(gain):
        return "is not allowed by the candidates and their separation"
    return f"{'lowers' if gain >= 0 else 'raises'} σ(x) by {abs(gain):.1%} at equal dose"


def _step(library: Library, candidates: FloatArray, plan: Plan, question: Question) -> Step:
    seen = predicted_sigma(library, candidates[plan.index], plan.share, question)
    return Step(candidates[plan.index], seen.overall, seen.overall_statistical)


def _rivals(
    library: Library, problem: Problem, question: Question, prediction: Prediction
) -> tuple[Rival, ...]:
    rivals: list[Rival] = []
    picks = {
        "evenly spaced": _evenly(problem.energy_ev, question.count),
        "peak picking": _peaks(library, problem.energy_ev, question),
    }
    for name, energies in picks.items():
        seen = predicted_sigma(library, energies, np.ones(question.count), question)
        rivals.append(
            Rival(
                name,
                energies,
                seen.overall,
                seen.overall_statistical,
                seen.overall / prediction.overall,
                seen.overall_statistical / prediction.overall_statistical,
            )
        )
    return tuple(rivals)


def _evenly(candidates: FloatArray, count: int) -> FloatArray:
    """Candidates nearest to equal steps over the whole allowed range."""
    chosen: list[float] = []
    for energy in np.linspace(candidates[0], candidates[-1], count):
        free = candidates[~np.isin(candidates, chosen)]
        chosen.append(float(free[np.argmin(np.abs(free - energy))]))
    return np.sort(np.array(chosen))


def _peaks(library: Library, candidates: FloatArray, question: Question) -> FloatArray:
    """One energy before the edge, then the highest peaks of the references in turn, then even steps."""
    spectra = resample(library, candidates)
    inner = spectra[1:-1]
    is_peak = (inner > spectra[:-2]) & (inner >= spectra[2:])
    chosen = [float(candidates[0])]
    ranked = [
        sorted(np.flatnonzero(is_peak[:, phase]) + 1, key=lambda row, phase=phase: -spectra[row, phase])
        for phase in range(spectra.shape[1])
    ]
    for rank in range(max(len(rows) for rows in ranked)):
        for rows in ranked:
            if rank < len(rows) and len(chosen) < question.count:
                energy = float(candidates[rows[rank]])
                if min(abs(energy - other) for other in chosen) >= question.separation_ev:
                    chosen.append(energy)
    for energy in _evenly(candidates, question.count):
        if len(chosen) < question.count and energy not in chosen:
            chosen.append(float(energy))
    return np.sort(np.array(chosen))


def _warnings(
    library: Library, energies: FloatArray, question: Question, prediction: Prediction
) -> tuple[str, ...]:
    found: list[str] = []
    # σ of a uniform guess between the references.
    guess = float(np.ptp(library.lithium)) / np.sqrt(12)
    if prediction.overall > guess / 2:
        first, second, angle = _closest(library, energies, question)
        found.append(
            f"the references cannot be told apart well enough: the best σ(x) is {prediction.overall:.2g}, "
            f"and a blind guess has {guess:.2g}; '{first}' and '{second}' differ least "
            f"(by {angle:.1f}° beside the background): count longer, leave one of them "
            "out, or take references measured better"
        )
    od = question.thickness * prediction.composition @ resample(library, energies).T
    if od.max() > _OPAQUE_OD:
        found.append(
            f"the optical density reaches {od.max():.1f} at the chosen energies, and above {_OPAQUE_OD} "
            "stray light and dark counts begin to rule: look for thinner particles"
        )
    unknowns = len(library.phases) + int(question.background)
    if energies.size == unknowns:
        found.append(
            f"{energies.size} energies for {unknowns} unknowns leave no residual: a wrong reference would "
            "not show; take one more"
        )
    budget = dict(prediction.budget)
    if budget["energy offset"] > budget["counting"]:
        found.append(
            f"the energy calibration (± {question.offset_ev:g} eV) costs more than counting: "
            f"σ(x) {budget['energy offset']:.3f} against {budget['counting']:.3f}, and it does not "
            "average out over pixels; calibrate before the run"
        )
    if any(phase.is_model for phase in library.phases):
        found.append("the references are computed, not measured: so is this choice")
    return tuple(found)


def _closest(library: Library, energies: FloatArray, question: Question) -> tuple[str, str, float]:
    """Return the two references with the smallest angle, in degrees, once the background is taken out."""
    spectra = resample(library, energies)
    centred = energies - energies.mean()
    background = np.stack([centred**power for power in range(max(int(question.background), 1))], axis=1)
    if question.background:
        spectra = spectra - background @ np.linalg.lstsq(background, spectra, rcond=None)[0]
    norms = np.linalg.norm(spectra, axis=0)
    unit = spectra / np.where(norms > 0, norms, 1.0)
    pairs = combinations(range(len(library.phases)), 2)
    first, second = max(pairs, key=lambda pair: abs(float(unit[:, pair[0]] @ unit[:, pair[1]])))
    cosine = min(abs(float(unit[:, first] @ unit[:, second])), 1.0)
    return library.phases[first].name, library.phases[second].name, float(np.degrees(np.arccos(cosine)))
