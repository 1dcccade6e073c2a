"""What is not as it should be, as findings in words."""

from __future__ import annotations

import numpy as np

from operando.core.composite import Composite
from operando.core.fit import design_of
from operando.core.gain import chi2_excess
from operando.core.incident import IncidentMode
from operando.core.references import condition_number
from operando.core.stack import Recipe
from operando.errors import RunRejected
from operando.types import (
    Finding,
    FloatArray,
    Light,
    LithiationMap,
    PhaseSpectra,
    Reason,
    ScanPlan,
    Severity,
)

__all__ = ["check_design", "check_energies", "findings_of", "reference_findings"]

_ALIKE = 100.0
_CONTAMINATED = 0.1
_POOR = 2.0
_THICK_OD = 1.5
_THICK_SHARE = 0.02

_NO_I0 = {
    IncidentMode.BLANK: Finding(
        "i0-missing",
        Severity.INFO,
        "an image has no blank pixels in its rows so far, so they have no I0 yet",
        "the map shows the rows of the cycle before",
    ),
    IncidentMode.CHANNEL: Finding(
        "i0-missing",
        Severity.ALARM,
        "the run has images without a reading of the incident-beam channel",
        "name the channel in the profile as [layout] i0_field, or take I0 from blank pixels (--i0 blank)",
    ),
    IncidentMode.FILE: Finding(
        "i0-missing",
        Severity.ALARM,
        "the I0 file does not cover every energy of the run, or the run does not say its dwell",
        "take a spectrum that covers them, or I0 from blank pixels (--i0 blank)",
    ),
    IncidentMode.REFERENCES: Finding(
        "i0-missing",
        Severity.WARNING,
        "the run has images at an energy of which no reference frame has come, so they have no I0 yet",
        "take reference frames without the sample at every energy; before or after the images will do",
    ),
}


def check_design(plan: ScanPlan, phases: PhaseSpectra, recipe: Recipe) -> None:
    """Refuse a scan that cannot give x at all.

    Raises
    ------
    RunRejected
        There are fewer energies than unknowns.
    """
    check_energies(plan.energies_ev.size, phases, recipe)


def check_energies(energies: int, phases: PhaseSpectra, recipe: Recipe) -> None:
    """Refuse so many energies if they are fewer than unknowns.

    Raises
    ------
    RunRejected
        They are.
    """
    unknowns = phases.lithium.size + recipe.background
    if energies < unknowns:
        msg = (
            f"the scan has {energies} energies, but {phases.lithium.size} phases"
            f" and {int(recipe.background)} background terms need at least {unknowns}; "
            "add energies, or fit fewer phases"
        )
        raise RunRejected(msg)


def reference_findings(plan: ScanPlan, phases: PhaseSpectra, recipe: Recipe) -> list[Finding]:
    """Return what is to be said about the references before any beam is used."""
    findings: list[Finding] = []
    design = design_of(phases.at_energies, phases.lithium, plan.energies_ev, recipe.background)
    condition = condition_number(design.matrix)
    if condition > _ALIKE and not plan.is_open:
        findings.append(
            Finding(
                "references-alike",
                Severity.WARNING,
                f"the references are hard to tell apart at these energies (condition number "
                f"{np.ceil(condition):.0f}; up to {_ALIKE:.0f} is good)",
                "choose energies at which they differ, or fewer phases",
            )
        )
    if phases.is_model:
        findings.append(
            Finding(
                "references-model",
                Severity.INFO,
                "the references are computed models, not measurements",
                "x is as good as they are",
            )
        )
    return findings


def findings_of(
    composite: Composite, newest: LithiationMap, plan: ScanPlan, phases: PhaseSpectra, recipe: Recipe
) -> list[Finding]:
    """Return what is to be said about the images and the map of this moment."""
    findings: list[Finding] = []
    if recipe.incident.mode is IncidentMode.BLANK and composite.seen.any() and not composite.blank.any():
        findings.append(
            Finding(
                "i0-not-found",
                Severity.ALARM,
                "no blank region was found in the images, so there is no I0",
                "move the field to include bare membrane, or give I0 by channel or file (--i0)",
            )
        )
    elif _waits_for_i0(composite):
        findings.append(_NO_I0[recipe.incident.mode])
    # The scale of a reconstruction is another one at each energy, and says nothing of its blank pixels.
    if recipe.incident.mode is IncidentMode.BLANK and plan.light is not Light.AMPLITUDE:
        covering = _material_in(composite.i0, composite.dwell_ms, plan, phases)
        if covering > _CONTAMINATED:
            findings.append(
                Finding(
                    "i0-contaminated",
                    Severity.ALARM,
                    f"the blank pixels seem to hold material: their brightness follows the references, as "
                    f"{covering:.2f} of them would",
                    "move the field to include bare membrane, or give I0 by channel or file (--i0)",
                )
            )
    valid = newest.valid
    if valid.any():
        thick = float((np.nan_to_num(composite.od[:, valid]).max(axis=0) > _THICK_OD).mean())
        if thick > _THICK_SHARE:
            findings.append(
                Finding(
                    "thick",
                    Severity.WARNING,
                    f"{thick:.0%} of the valid pixels have an optical density above {_THICK_OD}",
                    "x is biased there by stray light and dark counts; look for thinner particles",
                )
            )
        poor = chi2_excess(
            newest.chi2[valid], plan.energies_ev.size - phases.lithium.size - recipe.background
        )
        if poor > _POOR:
            findings.append(
                Finding(
                    "fit-poor",
                    Severity.WARNING,
                    f"the data lie {poor**0.5:.1f} times further from the fit than their errors say "
                    f"(median χ² {poor:.1f} times what it should be), so x may be wrong by more than σ(x)",
                    "look at the spectrum of a pixel; try --background constant or linear, check references, "
                    "energy calibration and --gain",
                )
            )
    ambiguous = int((newest.reason == Reason.AMBIGUOUS).sum())
    if ambiguous:
        findings.append(
            Finding(
                "ambiguous",
                Severity.WARNING,
                f"{ambiguous} pixels cannot tell the references apart at the energies they have",
            )
        )
    return findings


def _waits_for_i0(composite: Composite) -> bool:
    has_readings = np.asarray(composite.seen.any(axis=(1, 2)))
    return bool((has_readings & np.isnan(composite.i0)).any())


def _material_in(i0: FloatArray, dwell_ms: FloatArray, plan: ScanPlan, phases: PhaseSpectra) -> float:
    """Return how much of the mean reference the incident beam itself seems to have passed; NaN if unknown.

    The beam's own spectrum is taken as a line in energy on a logarithmic scale, so at least four
    energies are needed to see an edge on it.
    """
    if plan.energies_ev.size < 4 or plan.is_open or not (i0 > 0).all():
        return float("nan")
    dwell = dwell_ms if (dwell_ms > 0).all() else np.ones_like(i0)
    energy = plan.energies_ev - plan.energies_ev.mean()
    columns = np.stack([np.ones_like(energy), energy, phases.at_energies.mean(axis=1)], axis=1)
    solution, _, rank, _ = np.linalg.lstsq(columns, -np.log(i0 / dwell))
    return float(solution[2]) if rank == 3 else float("nan")
