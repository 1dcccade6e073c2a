"""Print the tables behind the decisions on low counts and on σ at the boundary.

    python tests/bench/statistics_table.py              # all of them, a minute
    python tests/bench/statistics_table.py boundary     # one of them; --help lists their names

Spectra are those of the simulated profiles. Every table has its own seed, so each gives the same
figures alone. `docs/decisions/0013-low-counts.md` and `0014-sigma-at-the-boundary.md` quote them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import ndtr

from operando.core.absorption import without_fit_bias
from operando.core.fit import Background, Design, Fit, design_of, fit
from operando.core.references import reference_variance, resample
from operando.core.region import lithium_of_region
from operando.core.shared_errors import SharedErrors, with_shared_errors
from operando.io.library import load_library
from operando.types import FloatArray

PROFILES = Path(__file__).parents[2] / "profiles"
NEIGHBOURS = 25
"""Pixels of one composition whose mean stands for a smoothed image: a 5 × 5 window inside a particle."""


@dataclass(frozen=True, slots=True)
class Case:
    """Phases and energies.

    Attributes
    ----------
    name
        As the table shows it.
    references
        Shape (energy, phase).
    design
        The model of the fit.
    interior
        Compositions away from the boundary, each of shape (phase,).
    """

    name: str
    references: FloatArray
    design: Design
    interior: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Score:
    """What a method achieved: bias and RMSE of x, coverage of σ and 1.96 σ, bias of Σt, mean χ²."""

    bias: float
    rmse: float
    within_68: float
    within_95: float
    thickness_bias: float
    chi2: float


def case_of(profile: str, energies_ev: Sequence[float], phases: Sequence[int], interior: tuple) -> Case:
    """Return some phases of a simulated profile at some energies."""
    library = load_library(PROFILES / profile / "references" / "library.toml")
    energies = np.array(energies_ev, dtype=np.float64)
    chosen = list(phases)
    references = resample(library, energies)[:, chosen]
    design = design_of(references, library.lithium[chosen], energies, Background.NONE)
    return Case(f"{len(chosen)} phases, {energies.size} energies", references, design, interior)


def few_energies() -> tuple[Case, Case]:
    """Return two Fe phases and three V phases at five energies each."""
    two = ((0.5, 0.5), (0.7, 0.3), (0.3, 0.7))
    three = ((0.34, 0.33, 0.33), (0.2, 0.6, 0.2), (0.55, 0.25, 0.2), (0.2, 0.25, 0.55))
    return (
        case_of("simulated_fe", [704.4, 707.24, 708.25, 709.67, 712.9], [0, 2], two),
        case_of("simulated", [513.0, 516.3, 517.9, 518.8, 529.1], [0, 1, 2], three),
    )


def many_energies() -> tuple[Case, Case]:
    """Return the same phases at sixty energies each."""
    two, three = few_energies()
    return (
        case_of("simulated_fe", np.linspace(703.0, 728.0, 60).tolist(), [0, 2], two.interior),
        case_of("simulated", np.linspace(512.0, 532.0, 60).tolist(), [0, 1, 2], three.interior),
    )


def amounts_of(case: Case, share: Sequence[float], peak_od: float) -> FloatArray:
    """Return the amounts of a mixture with that optical density at its strongest energy, shape (phase,)."""
    fraction = np.array(share, dtype=np.float64)
    return fraction * peak_od / (case.references @ fraction).max()


def counts_of(
    case: Case, amounts: FloatArray, i0: float, pixels: int, rng: np.random.Generator
) -> FloatArray:
    """Return photons behind many pixels of one composition, shape (energy, pixel)."""
    mean = i0 * np.exp(-(case.references @ amounts))
    return rng.poisson(np.repeat(mean[:, None], pixels, axis=1)).astype(np.float64)


def plain(counts: FloatArray, i0: float, case: Case) -> Fit:
    """Fit ln(I0/N) with weight N; a pixel without counts has no logarithm."""
    return fit(*_logarithm(counts, i0), case.design)


def textbook(counts: FloatArray, i0: float, case: Case) -> Fit:
    """Fit ln(I0/(N + 1/2)), the logarithm without bias, with weight N + 1/2."""
    return fit(np.log(i0 / (counts + 0.5)), 1.0 / (counts + 0.5), case.design)


def corrected(counts: FloatArray, i0: float, case: Case) -> Fit:
    """Fit as the program does: the logarithm, less what bias the weighted fit will have."""
    od, variance = _logarithm(counts, i0)
    energies, columns = case.design.matrix.shape
    return fit(without_fit_bias(od, variance, columns / energies), variance, case.design)


def smoothed(counts: FloatArray, i0: float, case: Case) -> Fit:
    """Fit ln(I0/(N + 1/2)) with weights from the mean of 25 neighbours."""
    blocks = counts.reshape(counts.shape[0], -1, NEIGHBOURS)
    mean = np.repeat(blocks.mean(axis=2), NEIGHBOURS, axis=1)
    return fit(np.log(i0 / (counts + 0.5)), 1.0 / np.maximum(mean, 1.0 / NEIGHBOURS), case.design)


def poisson_steps(steps: int) -> Callable[[FloatArray, float, Case], Fit]:
    """Return Fisher scoring of the Poisson likelihood: `steps` steps from the plain fit."""

    def scored(counts: FloatArray, i0: float, case: Case) -> Fit:
        result = plain(counts, i0, case)
        for _ in range(steps):
            od = case.references @ np.nan_to_num(result.fraction * result.thickness)
            mean = np.maximum(i0 * np.exp(-od), 1e-3)
            result = fit(od + (mean - counts) / mean, 1.0 / mean, case.design)
        return result

    return scored


METHODS: dict[str, Callable[[FloatArray, float, Case], Fit]] = {
    "ln N, var 1/N": plain,
    "ln(N + 1/2)": textbook,
    "chosen": corrected,
    "smoothed var": smoothed,
    "Poisson, 1 step": poisson_steps(1),
    "Poisson, 2 steps": poisson_steps(2),
}


def score(method: Callable[[FloatArray, float, Case], Fit], case: Case, i0: float, peak_od: float) -> Score:
    """Return bias (of the worst composition), RMSE and coverage (over all compositions)."""
    rng = np.random.default_rng([int(i0), int(10 * peak_od)])
    parts: list[tuple[float, ...]] = []
    for share in case.interior:
        amounts = amounts_of(case, share, peak_od)
        truth = float(case.design.lithium @ amounts / amounts.sum())
        result = method(counts_of(case, amounts, i0, 10_000, rng), i0, case)
        known = np.isfinite(result.lithium)
        error, sigma = result.lithium[known] - truth, result.lithium_error[known]
        parts.append(
            (
                error.mean(),
                np.mean(error**2),
                np.mean(np.abs(error) <= sigma),
                np.mean(np.abs(error) <= 1.96 * sigma),
                result.thickness[known].mean() / amounts.sum() - 1,
                np.nanmean(result.chi2),
            )
        )
    columns = np.array(parts).T
    mean = columns.mean(axis=1)
    worst = columns[0][np.abs(columns[0]).argmax()]
    return Score(worst, float(np.sqrt(mean[1])), mean[2], mean[3], mean[4], mean[5])


def low_counts(cases: Sequence[Case], all_counts: Sequence[int], all_od: Sequence[float]) -> Iterator[str]:
    """Yield the table of 0013: how each treatment of the counts does."""
    yield "| phases, energies | I0 | OD | method | bias of x | RMSE | 68 % | 95 % | bias of Σt | χ² |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for case in cases:
        for i0 in all_counts:
            for peak_od in all_od:
                for name, method in METHODS.items():
                    got = score(method, case, float(i0), peak_od)
                    yield (
                        f"| {case.name} | {i0:,} | {peak_od} | {name} | {got.bias:+.4f} | {got.rmse:.4f} "
                        f"| {got.within_68:.1%} | {got.within_95:.1%} "
                        f"| {got.thickness_bias:+.1%} | {got.chi2:.2f} |"
                    )


def sigma_over(columns: FloatArray, result: Fit, counts: FloatArray, case: Case) -> FloatArray:
    """Return σ(x) propagated over chosen columns of each pixel only, shape (pixel,).

    Parameters
    ----------
    columns
        Which phases count, shape (phase, pixel), bool.
    result, counts, case
        The fit, what it was made of, and the model.
    """
    sigma = np.zeros(counts.shape[1])
    for pattern in np.unique(columns, axis=1).T:
        pixels = (columns == pattern[:, None]).all(axis=0)
        chosen = case.references[:, pattern]
        normal = np.einsum("es,ep,er->psr", chosen, counts[:, pixels], chosen)
        slope = (case.design.lithium[pattern][:, None] - result.lithium[pixels]) / result.thickness[pixels]
        solved = np.linalg.solve(normal, slope.T[..., None])[..., 0]
        sigma[pixels] = np.sqrt(np.maximum((slope.T * solved).sum(axis=1), 0.0))
    return sigma


def truncated(counts: FloatArray, i0: float, case: Case) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of x's normal distribution cut to the references' range.

    Uses the fit without bounds, which has to be made for it.
    """
    od, variance = _logarithm(counts, i0)
    normal = np.einsum("es,ep,er->psr", case.references, 1.0 / variance, case.references)
    right = np.einsum("es,ep->ps", case.references, od / variance)
    amounts = np.linalg.solve(normal, right[..., None])[..., 0]
    lithium = case.design.lithium
    centre = amounts @ lithium / amounts.sum(axis=1)
    slope = (lithium - centre[:, None]) / amounts.sum(axis=1, keepdims=True)
    sigma = np.sqrt((slope * np.linalg.solve(normal, slope[..., None])[..., 0]).sum(axis=1))
    low, high = (lithium.min() - centre) / sigma, (lithium.max() - centre) / sigma
    share = np.maximum(ndtr(high) - ndtr(low), 1e-12)
    at_low, at_high = (np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi) for edge in (low, high))
    moved = (at_low - at_high) / share
    narrowed = 1 + (low * at_low - high * at_high) / share - moved**2
    return centre + sigma * moved, sigma * np.sqrt(np.clip(narrowed, 0.0, 1.0))


def boundary(cases: Sequence[Case]) -> Iterator[str]:
    """Yield the table of 0014: coverage of four rules for σ over a grid of compositions."""
    yield "| phases, energies | I0 | OD | σ rule | 68 %: from, to | 95 % | σ / RMSE | RMSE | largest bias |"
    yield "|---|---|---|---|---|---|---|---|---|"
    levels = [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0]
    grids = {
        2: [(1 - a, a) for a in levels],
        3: [(a * (1 - b), a * b, 1 - a) for a in levels[1:] for b in levels] + [(0.0, 0.0, 1.0)],
    }
    for case in cases:
        for i0, peak_od in ((2000.0, 0.5), (2000.0, 1.5), (20_000.0, 1.0)):
            rng = np.random.default_rng(14)
            rules: dict[str, list[tuple[float, ...]]] = {}
            for share in grids[case.design.phases]:
                for rule, found in _by_rule(case, share, i0, peak_od, rng):
                    rules.setdefault(rule, []).append(found)
            for rule, parts in rules.items():
                bias, square, within_68, within_95, variance = np.array(parts).T
                ratio = np.sqrt(variance / square)
                yield (
                    f"| {case.name} | {i0:,.0f} | {peak_od} | {rule} "
                    f"| {within_68.min():.0%} to {within_68.max():.0%} "
                    f"| {within_95.min():.0%} to {within_95.max():.0%} "
                    f"| {ratio.min():.2f} to {ratio.max():.2f} "
                    f"| {np.sqrt(square.mean()):.4f} | {np.abs(bias).max():.3f} |"
                )


def _by_rule(
    case: Case, share: Sequence[float], i0: float, peak_od: float, rng: np.random.Generator
) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Yield the name of each rule with bias, mean square error, coverages and mean σ² at one composition."""
    amounts = amounts_of(case, share, peak_od)
    truth = float(case.design.lithium @ amounts / amounts.sum())
    counts = counts_of(case, amounts, i0, 3000, rng)
    result = corrected(counts, i0, case)
    active = sigma_over(result.fraction > 0, result, counts, case)
    rules = {
        "all phases (kept)": (result.lithium, result.lithium_error),
        "active set": (result.lithium, active),
        "root mean square of both": (result.lithium, np.sqrt((result.lithium_error**2 + active**2) / 2)),
        "truncated normal": truncated(counts, i0, case),
    }
    for rule, (lithium, sigma) in rules.items():
        distance = np.abs(lithium - truth)
        # The last bits of the quotient Σ t x / Σ t are not an error of the fit.
        within = [float(np.mean(distance <= k * sigma + 1e-12)) for k in (1.0, 1.96)]
        mean_square = float(np.mean(distance**2))
        yield rule, (float(np.mean(lithium) - truth), mean_square, *within, float(np.mean(sigma**2)))


def distance(case: Case) -> Iterator[str]:
    """Yield coverage against the distance of the truth from the boundary, two phases."""
    yield "| distance / σ | all phases: 68 %, 95 % | active set: 68 %, 95 % | root mean square: 68 %, 95 % |"
    yield "|---|---|---|---|"
    i0, peak_od = 20_000.0, 1.0
    rng = np.random.default_rng(15)
    pure = corrected(counts_of(case, amounts_of(case, (1.0, 0.0), peak_od), i0, 20_000, rng), i0, case)
    sigma = float(np.median(pure.lithium_error))
    for far in (0.0, 0.1, 0.3, 0.6, 0.8, 0.95, 1.05, 1.5, 2.0, 3.0):
        amounts = amounts_of(case, (1.0 - far * sigma, far * sigma), peak_od)
        truth = float(case.design.lithium @ amounts / amounts.sum())
        counts = counts_of(case, amounts, i0, 20_000, rng)
        result = corrected(counts, i0, case)
        active = sigma_over(result.fraction > 0, result, counts, case)
        both = np.sqrt((result.lithium_error**2 + active**2) / 2)
        cells = [
            ", ".join(
                f"{np.mean(np.abs(result.lithium - truth) <= k * rule + 1e-12):.0%}" for k in (1.0, 1.96)
            )
            for rule in (result.lithium_error, active, both)
        ]
        yield f"| {far} | {' | '.join(cells)} |"


def region(cases: Sequence[Case]) -> Iterator[str]:
    """Yield how sure the mean of 400 pixels is: a mean of their x against a fit of their mean."""
    yield "| phases, energies | I0 | shares | mean of x: bias, σ stated, 95 % | fit of the mean: the same |"
    yield "|---|---|---|---|---|"
    shares = {
        2: ((1.0, 0.0), (0.9, 0.1), (0.5, 0.5)),
        3: ((1.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.34, 0.33, 0.33)),
    }
    for case in cases:
        for i0 in (200.0, 2000.0, 20_000.0):
            for share in shares[case.design.phases]:
                rng = np.random.default_rng(16)
                drawn = np.array([_both_means(case, share, i0, rng) for _ in range(300)])
                cells = [
                    f"{error.mean():+.4f}, {sigma.mean():.4f}, {np.mean(np.abs(error) <= 1.96 * sigma):.0%}"
                    for error, sigma in ((drawn[:, 0], drawn[:, 1]), (drawn[:, 2], drawn[:, 3]))
                ]
                mixture = " : ".join(f"{part:g}" for part in share)
                yield f"| {case.name} | {i0:,.0f} | {mixture} | {' | '.join(cells)} |"


def references(cases: Sequence[Case]) -> Iterator[str]:
    """Yield coverage of x where the references are noisy: ignored, counted, and weighed by as well."""
    yield "| phases, energies | I0 | σ of references | ignored: RMSE, 68 %, 95 % | counted | weighed by |"
    yield "|---|---|---|---|---|---|"
    for case in cases:
        for i0, noise in ((5000.0, 0.005), (20_000.0, 0.005), (20_000.0, 0.02), (1e6, 0.02)):
            rng = np.random.default_rng(17)
            drawn = np.array([_with_noisy_references(case, i0, noise, rng) for _ in range(2000)])
            cells = [
                f"{np.sqrt(np.mean(error**2)):.4f}, {np.mean(np.abs(error) <= sigma):.0%}, "
                f"{np.mean(np.abs(error) <= 1.96 * sigma):.0%}"
                for error, sigma in drawn.transpose(1, 2, 0)
            ]
            yield f"| {case.name} | {i0:,.0f} | {noise:g} | {' | '.join(cells)} |"


def _with_noisy_references(
    case: Case, i0: float, noise: float, rng: np.random.Generator
) -> tuple[tuple[float, float], ...]:
    """Return error and σ of x: references taken as exact, their noise in σ, and in the weights too."""
    amounts = amounts_of(case, case.interior[0], 1.3)
    truth = float(case.design.lithium @ amounts / amounts.sum())
    seen = case.references + noise * rng.standard_normal(case.references.shape)
    energies = np.arange(float(seen.shape[0]))
    design = design_of(seen, case.design.lithium, energies, Background.NONE)
    od, variance = _logarithm(counts_of(case, amounts, i0, 1, rng), i0)
    sigma = np.full(case.design.phases, noise)
    first = fit(od, variance, design)
    counted = with_shared_errors(first, od, variance, design, SharedErrors(sigma))
    extra = reference_variance(first.fraction * first.thickness, sigma)
    fits = (first, counted, fit(od, variance + extra, design))
    return tuple((float(each.lithium[0]) - truth, float(each.lithium_error[0])) for each in fits)


def _both_means(
    case: Case, share: Sequence[float], i0: float, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Return error and σ of the mean of x over pixels of many thicknesses, and of the fit of their mean."""
    amounts = amounts_of(case, share, 1.0)[:, None] * rng.uniform(0.3, 1.2, size=400)
    truth = float(case.design.lithium @ np.array(share))
    counts = rng.poisson(i0 * np.exp(-(case.references @ amounts))).astype(np.float64)
    each = corrected(counts, i0, case)
    weight = each.thickness / each.thickness.sum()
    whole = lithium_of_region(
        *_logarithm(counts, i0),
        np.zeros(counts.shape[0]),
        case.design,
        SharedErrors(np.zeros(case.design.phases)),
    )
    return (
        float(weight @ each.lithium) - truth,
        float(np.sqrt(np.sum((weight * each.lithium_error) ** 2))),
        whole.lithium - truth,
        whole.lithium_error,
    )


def _logarithm(counts: FloatArray, i0: float) -> tuple[FloatArray, FloatArray]:
    """Return ln(I0/N) and 1/N, NaN without counts."""
    seen = np.where(counts > 0, counts, np.nan)
    return np.log(i0 / seen), 1.0 / seen


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "low-counts": lambda: low_counts(few_energies(), (20, 200, 2000, 20_000), (0.5, 1.5, 2.5)),
    "many-energies": lambda: low_counts(many_energies(), (20, 60, 200), (0.5, 1.5)),
    "boundary": lambda: boundary(few_energies()),
    "distance": lambda: distance(few_energies()[0]),
    "region": lambda: region(few_energies()),
    "references": lambda: references(few_energies()),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", nargs="*", choices=[*TABLES, []], help="which; all if none is named")
    for name in parser.parse_args(arguments).table or TABLES:
        sys.stdout.write(f"\n## {name}\n\n")
        for line in TABLES[name]():
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
