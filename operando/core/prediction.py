r"""What σ(x) to expect of a set of energies, before the beam is used.

The fit (`core.fit`) is linear in the optical densities while its active set does not change:
x̂ - x = Kᵀε with K = W A M⁻¹ c, M = AᵀWA, W the weights it is given (the inverse counting variance),
A the phases and background columns, and by the delta method on x = Σ t_s x_s / Σ t_s

    c_s = (x_s - x) / Σt   for phases,   0 for the background, which is so marginalised.

ε holds more than counting noise, and the fit does not know of the rest, so that its mean square error is

    σ² = Kᵀ (V + S) K,   V_e = F exp(OD_e) / (N w_e),   S = Σ_q d_q d_qᵀ + diag(σ_I0² + jitter² + reference²)

with w_e the share of the dwell, N the I0 counts of all dwells together, and d_q the change of the optical
densities under an energy offset common to all images, one term per node of a Gauss-Hermite rule for the
prior N(0, σ_E). That is dOD/dE σ_E to first order, but the rule also counts the curvature of a peak, where
the slope is nil. With S = 0 this is c-optimality (Atkinson, Donev and Tobias, Optimum Experimental Designs,
with SAS, 2007, ch. 10; Pukelsheim, Optimal Design of Experiments, 2006, ch. 2), σ² = cᵀM⁻¹c.

A phase that is absent sits at the boundary t_s = 0 and leaves the active set for half of all noise. Noise
being symmetric, the error is the mean over both models; exact for one absent phase, and used for more.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from operando.core.question import Mixtures, Question, band_ev, compositions
from operando.core.references import Library, condition_number, resample
from operando.errors import ConfigurationError
from operando.types import FloatArray, MaskArray

__all__ = [
    "RIDGE",
    "Prediction",
    "Problem",
    "lift",
    "predicted_sigma",
    "problem_of",
    "value_and_slope",
]

_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(4)
_ROOT_WEIGHTS = np.sqrt(_NODE_WEIGHTS / _NODE_WEIGHTS.sum())
RIDGE = 1e-12
"""Added to a unit-diagonal normal matrix: columns that cannot be told apart get a huge σ, not an error."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The σ of x to expect of some energies.

    Attributes
    ----------
    composition
        Fraction of each phase, shape (composition, phase).
    lithium
        x of each composition, shape (composition,).
    statistical
        σ(x) from counting alone, shape (composition,).
    total
        σ(x) with the energy offset, I0 and all other errors, shape (composition,).
    overall, overall_statistical
        Root mean square of `total` and `statistical`, or the power mean of the question's aim.
    budget
        What each source alone makes of σ(x), root mean square over the compositions.
    informed
        `overall` of a fit that is given the covariance of all errors: what weights could still win.
    condition_number
        Of the columns at these energies; see `references.condition_number`.
    """

    composition: FloatArray
    lithium: FloatArray
    statistical: FloatArray
    total: FloatArray
    overall: float
    overall_statistical: float
    budget: tuple[tuple[str, float], ...]
    informed: float
    condition_number: float


@dataclass(frozen=True, slots=True)
class Problem:
    """The question at every candidate energy; a case is a composition with one active set.

    Attributes
    ----------
    energy_ev
        Candidates, ascending, shape (candidate,).
    columns
        Phases and background, scaled to a largest magnitude of 1, shape (candidate, column).
    active
        Columns of each case, shape (case, column).
    target
        c in the scaled columns, zero outside the active set, shape (case, column).
    noise
        Counting variance of OD with all of the dwell on one energy, shape (case, candidate).
    blur
        Variance of the errors that are independent from image to image, shape (case, candidate).
    shift
        Change of OD under the energy offset, one per node of its prior, shape (node, case, candidate).
    drift
        dOD/dx while the host stays, one per way lithium can move, shape (way, case, candidate).
    share
        Weight of each case in the mean square error of a composition, shape (composition, case).
    composition, lithium
        As in `Prediction`.
    power
        Of the mean over compositions.
    """

    energy_ev: FloatArray
    columns: FloatArray
    active: FloatArray
    target: FloatArray
    noise: FloatArray
    blur: FloatArray
    shift: FloatArray
    drift: FloatArray
    share: FloatArray
    composition: FloatArray
    lithium: FloatArray
    power: int

    def mean(self, squares: FloatArray) -> FloatArray:
        """Return the power mean over compositions of σ², (…, case) to (…)."""
        by_composition = np.maximum(squares @ self.share.T, 0.0)
        # Scaled by the largest: high powers of small variances underflow.
        largest = by_composition.max(axis=-1, keepdims=True)
        ratio = by_composition / np.where(largest > 0, largest, 1.0)
        return largest[..., 0] * np.mean(ratio**self.power, axis=-1) ** (1 / self.power)


def predicted_sigma(
    library: Library, energies_ev: FloatArray, dwell_share: FloatArray, question: Question
) -> Prediction:
    """Return the σ(x) to expect of a fit at some energies.

    Parameters
    ----------
    library
        The references.
    energies_ev
        Any energies, shape (energy,).
    dwell_share
        Share of the total dwell of each, shape (energy,); scaled to a sum of 1.
    question
        Sample and instrument. Its total of counts, `count` times `counts`, is shared among
        these energies, however many they are.

    Raises
    ------
    ConfigurationError
        An energy lies outside a reference, is repeated or has no dwell, or there are fewer
        energies than the fit has columns.
    """
    order = np.argsort(energies_ev)
    energies = np.asarray(energies_ev, dtype=float)[order]
    share = np.asarray(dwell_share, dtype=float)[order]
    if energies.shape != share.shape or not (np.isfinite(share).all() and (share > 0).all()):
        msg = f"{energies.size} energies need as many dwell shares above 0; found {share.tolist()}"
        raise ConfigurationError(msg)
    if not (np.diff(energies) > 0).all():
        raise ConfigurationError(f"an energy is named twice in {energies.tolist()} eV; name each once")
    problem = problem_of(library, energies, question)
    columns = problem.columns.shape[1]
    if energies.size < columns:
        msg = (
            f"{energies.size} energies cannot tell {columns} unknowns ({len(library.phases)} phases and "
            f"{columns - len(library.phases)} background terms) apart; take at least {columns}"
        )
        raise ConfigurationError(msg)
    every = np.arange(energies.size)[None, :]
    share = (share / share.sum())[None, :]
    noise = problem.noise / share
    none = np.zeros_like(problem.blur)
    still = np.zeros_like(problem.shift)
    lever, counting = _levers(problem, every, share)
    lever, statistical = lever[0], counting[0]

    def alone(blur: FloatArray, shift: FloatArray) -> FloatArray:
        return np.sum(lever**2 * blur, axis=-1) + np.sum(np.sum(shift * lever, axis=-1) ** 2, axis=0)

    total = statistical + alone(problem.blur, problem.shift)
    parts = _blur_parts(library, energies, question, problem)
    budget = [("counting", statistical), ("energy offset", alone(none, problem.shift))]
    budget += [(name, alone(part, still)) for name, part in parts if part.any()]
    by_composition = problem.share.T
    return Prediction(
        composition=problem.composition,
        lithium=problem.lithium,
        statistical=np.sqrt(statistical @ by_composition),
        total=np.sqrt(total @ by_composition),
        overall=float(np.sqrt(problem.mean(total))),
        overall_statistical=float(np.sqrt(problem.mean(statistical))),
        budget=tuple((name, float(np.sqrt(np.mean(part @ by_composition)))) for name, part in budget),
        informed=float(np.sqrt(problem.mean(_informed(problem, noise)))),
        condition_number=condition_number(problem.columns),
    )


def problem_of(library: Library, candidates_ev: FloatArray, question: Question) -> Problem:
    """Return the question at some energies, ascending, shape (candidate,).

    Raises
    ------
    ConfigurationError
        An energy lies outside a reference, or no composition has the lithium asked for.
    """
    spectra = resample(library, candidates_ev)
    composition = compositions(library, question)
    lithium = composition @ library.lithium
    of_case, present = _cases(composition)
    amount = question.thickness * composition
    od = amount @ spectra.T
    low, high = band_ev(library)
    centred = (candidates_ev - (low + high) / 2) / ((high - low) / 2)
    columns = np.stack([*spectra.T, *[centred**power for power in range(question.background)]], axis=1)
    scale = np.abs(columns).max(axis=0)
    scale[scale == 0] = 1.0
    phases = len(library.phases)
    active = np.ones((of_case.size, columns.shape[1]))
    active[:, :phases] = present
    target = np.zeros_like(active)
    target[:, :phases] = (library.lithium - lithium[of_case, None]) / question.thickness
    total = question.counts * question.count
    shift = _shifts(library, candidates_ev, question.offset_ev)
    blur = sum((part for _, part in _blur_of(library, candidates_ev, question, amount)), np.zeros_like(od))
    share = np.zeros((composition.shape[0], of_case.size))
    share[of_case, np.arange(of_case.size)] = 1.0
    return Problem(
        energy_ev=candidates_ev,
        columns=columns / scale,
        active=active,
        target=active * target / scale,
        noise=(question.gain * np.exp(od) / total)[of_case],
        blur=blur[of_case],
        shift=np.einsum("cs,qes->qce", amount, shift)[:, of_case] * _ROOT_WEIGHTS[:, None, None],
        drift=_drifts(library, spectra, question, composition)[:, of_case],
        share=share / share.sum(axis=1, keepdims=True),
        composition=composition,
        lithium=lithium,
        power=int(question.aim),
    )


def value_and_slope(
    problem: Problem, sets: NDArray[np.intp], share: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the criterion and its derivative by the dwell shares, shapes (set,) and (set, energy).

    With U = (V + S) K and g = M⁻¹AᵀWU: ∂σ²/∂w_e = -K_e² V_e/w_e + 2 (a_e·M⁻¹c)(U_e - a_e·g) W_e/w_e.
    """
    noise = np.moveaxis(problem.noise[:, sets], 0, 1) / share[:, None, :]
    blur = np.moveaxis(problem.blur[:, sets], 0, 1)
    shift = np.moveaxis(problem.shift[:, :, sets], 2, 1)
    columns = problem.columns[sets][:, None] * problem.active[None, :, None, :]
    inverse, answer = _solved(problem, columns, noise)
    reach = np.einsum("bcem,bcm->bce", columns, answer)
    lever = reach / noise
    common = np.sum(shift * lever, axis=-1)
    force = (noise + blur) * lever + np.sum(shift * common[..., None], axis=0)
    pull = np.einsum("bcmn,bcem,bce->bcn", inverse, columns, force / noise)
    slope = -(lever**2) * noise + 2 * lever * (force - np.einsum("bcem,bcm->bce", columns, pull))
    slope /= share[:, None, :]
    # cᵀM⁻¹c, not KᵀVK: where columns cannot be told apart the ridge lets K vanish, but not this.
    counting = np.einsum("bcm,cm->bc", answer, problem.target)
    squares = counting + np.sum(lever * (force - noise * lever), axis=-1)
    value = problem.mean(squares)
    by_composition = np.maximum(squares @ problem.share.T, 1e-300)
    # d(mean σ²ᵖ)^(1/p) = mean((σ²/value)^(p-1) dσ²)
    ratio = (by_composition / value[:, None]) ** (problem.power - 1) / by_composition.shape[1]
    return value, np.einsum("bk,kc,bce->be", ratio, problem.share, slope)


def lift(problem: Problem, energies: NDArray[np.intp], share: FloatArray) -> FloatArray:
    """Return K · dOD/dx of one set: how much of a drift of x each image tells.

    Returns
    -------
    ndarray
        Shape (way, case, energy); for a way that lithium moves between phases of the model
        the sum over the energies is 1.
    """
    lever = _levers(problem, energies[None, :], share[None, :])[0][0]
    return problem.drift[:, :, energies] * lever


def _levers(problem: Problem, sets: NDArray[np.intp], share: FloatArray) -> tuple[FloatArray, FloatArray]:
    """K, what each OD weighs in x, shape (set, case, energy), and cᵀM⁻¹c, shape (set, case)."""
    noise = np.moveaxis(problem.noise[:, sets], 0, 1) / share[:, None, :]
    columns = problem.columns[sets][:, None] * problem.active[None, :, None, :]
    _, answer = _solved(problem, columns, noise)
    lever = np.einsum("bcem,bcm->bce", columns, answer) / noise
    return lever, np.einsum("bcm,cm->bc", answer, problem.target)


def _solved(problem: Problem, columns: FloatArray, noise: FloatArray) -> tuple[FloatArray, FloatArray]:
    """M⁻¹, shape (set, case, column, column), and M⁻¹c, shape (set, case, column)."""
    normal = np.einsum("bcem,bcen->bcmn", columns / noise[..., None], columns)
    diagonal = np.einsum("bcmm->bcm", normal)
    size = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    unit = normal / (size[..., :, None] * size[..., None, :])
    # A column that is not active, or nil at these energies, stands alone with a 1.
    filler = np.where(diagonal > 0, RIDGE, 1.0)
    unit += filler[..., None] * np.eye(columns.shape[-1])
    inverse = np.linalg.inv(unit) / (size[..., :, None] * size[..., None, :])
    return inverse, np.einsum("bcmn,cn->bcm", inverse, problem.target)


def _informed(problem: Problem, noise: FloatArray) -> FloatArray:
    """σ² of generalised least squares with the full covariance: cᵀ(Aᵀ(V + S)⁻¹A)⁻¹c, shape (case,)."""
    covariance = np.einsum("qce,qcf->cef", problem.shift, problem.shift)
    covariance += (noise + problem.blur)[:, :, None] * np.eye(noise.shape[-1])
    columns = problem.columns[None] * problem.active[:, None, :]
    normal = np.einsum("cem,cef,cfn->cmn", columns, np.linalg.inv(covariance), columns)
    diagonal = np.einsum("cmm->cm", normal)
    size = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    unit = normal / (size[:, :, None] * size[:, None, :])
    unit += np.where(diagonal > 0, RIDGE, 1.0)[..., None] * np.eye(columns.shape[-1])
    target = problem.target / size
    return np.einsum("cm,cmn,cn->c", target, np.linalg.inv(unit), target)


def _shifts(library: Library, energies_ev: FloatArray, sigma_ev: float) -> FloatArray:
    """Change of each reference at the nodes of an energy error, shape (node, energy, phase)."""
    low, high = band_ev(library)
    here = resample(library, energies_ev)
    return np.stack(
        [resample(library, np.clip(energies_ev + node * sigma_ev, low, high)) - here for node in _NODES]
    )


def _blur_of(
    library: Library, energies_ev: FloatArray, question: Question, amount: FloatArray
) -> list[tuple[str, FloatArray]]:
    """Variance of OD from each error that is independent from image to image, shape (composition, energy)."""
    shape = (amount.shape[0], energies_ev.size)
    moved = np.einsum("cs,qes->qce", amount, _shifts(library, energies_ev, question.jitter_ev))
    jitter = np.einsum("q,qce->ce", _ROOT_WEIGHTS**2, moved**2)
    reference = np.broadcast_to((amount**2).sum(axis=1, keepdims=True) * question.reference_error**2, shape)
    return [
        ("I0", np.full(shape, question.i0_error**2)),
        ("energy jitter", jitter),
        ("references", reference),
    ]


def _blur_parts(
    library: Library, energies_ev: FloatArray, question: Question, problem: Problem
) -> list[tuple[str, FloatArray]]:
    """As `_blur_of`, by case."""
    of_case = problem.share.argmax(axis=0)
    parts = _blur_of(library, energies_ev, question, question.thickness * problem.composition)
    return [(name, part[of_case]) for name, part in parts]


def _cases(composition: FloatArray) -> tuple[NDArray[np.intp], MaskArray]:
    """Each composition with every active set it can have: composition index, and phases present."""
    owner: list[int] = []
    present: list[list[bool]] = []
    for index, fractions in enumerate(composition):
        choices = [(True,) if fraction > 0 else (True, False) for fraction in fractions]
        for active in product(*choices):
            owner.append(index)
            present.append(list(active))
    return np.array(owner, dtype=np.intp), np.array(present)


def _drifts(library: Library, spectra: FloatArray, question: Question, composition: FloatArray) -> FloatArray:
    """dOD/dx as the host turns from one phase into its neighbour, shape (way, composition, candidate).

    A way is a pair of phases next to each other in lithium content. Where neither is present
    the composition does not move that way, and the row is NaN.
    """
    order = np.argsort(library.lithium, kind="stable")
    ways: list[FloatArray] = []
    for lower, upper in pairwise(order):
        step = library.lithium[upper] - library.lithium[lower]
        if step <= 0:
            continue
        slope = question.thickness * (spectra[:, upper] - spectra[:, lower]) / step
        moves = (composition[:, lower] > 0) | (composition[:, upper] > 0)
        if question.mixtures is Mixtures.NEIGHBOURS:
            between = composition @ library.lithium
            moves &= (between >= library.lithium[lower]) & (between <= library.lithium[upper])
        ways.append(np.where(moves[:, None], slope[None, :], np.nan))
    return np.stack(ways)
