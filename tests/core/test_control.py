"""What changed more under the beam than in the control: shifts are found, likeness is not taken for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.control import BeamEffect
from operando.core.control import RegionTrack, beam_effect, beam_findings
from operando.types import FloatArray, SeriesPart, Severity

DARK_S = np.array([40.0, 640.0])
LIT_S = np.arange(0.0, 601.0, 100.0)
"""The control is visited behind the exposed region: its last visit is later than all of these."""


def track(
    role: str, visited_s: FloatArray, lithium: FloatArray, amount: FloatArray | None = None
) -> RegionTrack:
    """What is known of particles with x of shape (visit, particle)."""
    visits, particles = lithium.shape
    amounts = np.ones(lithium.shape) if amount is None else np.broadcast_to(amount, lithium.shape)
    return RegionTrack(
        SeriesPart("a series", role, role),
        visited_s,
        np.tile(np.arange(particles), visits),
        np.repeat(visited_s, particles),
        lithium.ravel(),
        amounts.ravel(),
    )


def pair(rng: np.random.Generator, shift: float, particles: int, spread: float) -> list[RegionTrack]:
    """A control and an exposed region whose particles go their own ways, those under the beam by a shift."""
    tracks = []
    for role, visited_s, more in (("control", DARK_S, 0.0), ("series", LIT_S, shift)):
        way = (visited_s - DARK_S[0]) / np.ptp(DARK_S)
        own = 0.2 + spread * rng.exponential(size=particles)
        lithium = 0.1 + way[:, None] * (own + more) + rng.normal(0.0, 0.004, (way.size, particles))
        tracks.append(track(role, visited_s, lithium, rng.lognormal(0.0, 0.8, particles)))
    return tracks


def effect_of(tracks: list[RegionTrack]) -> BeamEffect:
    found = beam_effect(tracks[0], tracks[1:])
    assert found is not None
    return found


@given(shift=st.floats(-0.5, 0.5), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_a_shift_under_the_beam_is_the_effect_and_changes_nothing_of_its_error(
    shift: float, seed: int
) -> None:
    without = effect_of(pair(np.random.default_rng(seed), 0.0, 9, 0.05)).lithium
    shifted = effect_of(pair(np.random.default_rng(seed), shift, 9, 0.05)).lithium
    assert without is not None
    assert shifted is not None
    assert shifted.change == pytest.approx(without.change + shift, abs=1e-9)
    assert shifted.error == pytest.approx(without.error, rel=1e-6)


@given(slopes=st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=8), late_s=st.floats(0.0, 99.0))
def test_what_goes_evenly_is_the_same_whenever_it_is_visited(slopes: list[float], late_s: float) -> None:
    own = np.array(slopes)
    dark = track("control", DARK_S, np.outer(DARK_S / 600.0, own))
    visited_s = LIT_S + 40.0 - late_s
    lit = track("series", visited_s, np.outer(visited_s / 600.0, own))
    found = effect_of([dark, lit]).lithium
    assert found is not None
    assert found.change == pytest.approx(0.0, abs=1e-9)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_exposed_regions_may_come_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dark, lit = pair(rng, 0.0, 5, 0.05)
    other = pair(rng, 0.0, 4, 0.05)[1]
    one, same = effect_of([dark, lit, other]).lithium, effect_of([dark, other, lit]).lithium
    assert one is not None
    assert same is not None
    assert (one.change, one.error) == pytest.approx((same.change, same.error))


@pytest.mark.parametrize("particles", [3, 6, 15])
def test_false_alarms_are_as_rare_as_they_are_said_to_be(particles: int) -> None:
    """Particles go skew ways and are of unequal amounts: 0.3 % of 1,000, and what chance makes of it."""
    rng = np.random.default_rng(particles)
    alarms = 0
    for _ in range(1000):
        found = beam_findings(effect_of(pair(rng, 0.0, particles, 0.1)))
        alarms += found[0].severity is Severity.WARNING
    assert alarms <= 9


def test_an_effect_is_said_with_its_size_and_chance() -> None:
    found = effect_of(pair(np.random.default_rng(1), -0.2, 12, 0.03))
    assert found.lithium is not None
    assert abs(found.lithium.change + 0.2) < 4 * found.lithium.error
    (finding,) = beam_findings(found)
    assert (finding.code, finding.severity) == ("beam-effect", Severity.WARNING)
    assert f"x by {found.lithium.change:+.3f} ± {found.lithium.error:.3f}" in finding.message
    assert "control" in finding.message
    assert "material" not in finding.message


def test_material_that_wastes_away_is_said_too() -> None:
    dark, lit = pair(np.random.default_rng(2), 0.0, 8, 0.03)
    left = np.interp(lit.time_s, DARK_S, (1.0, 0.8))
    rng = np.random.default_rng(3)
    lit = replace(lit, amount=lit.amount * left * rng.normal(1.0, 0.005, left.size))
    found = effect_of([dark, lit])
    assert found.amount is not None
    assert found.amount.change == pytest.approx(-0.19, abs=0.02)
    (finding,) = beam_findings(found)
    assert "the amount of material by" in finding.message


def test_no_effect_is_said_with_how_small_it_must_be() -> None:
    (finding,) = beam_findings(effect_of(pair(np.random.default_rng(4), 0.0, 12, 0.02)))
    assert finding.severity is Severity.INFO
    assert "no effect of the beam is seen" in finding.message


def test_before_the_last_visit_nothing_is_said() -> None:
    dark, lit = pair(np.random.default_rng(5), 0.0, 5, 0.1)
    once = track("control", DARK_S[:1], dark.lithium[None, :5])
    assert beam_effect(once, [lit]) is None
    assert beam_findings(None) == []


def test_what_cannot_be_told_says_why() -> None:
    dark, lit = pair(np.random.default_rng(6), 0.0, 5, 0.1)
    two = track("control", DARK_S, dark.lithium.reshape(2, 5)[:, :2])
    visited_once = track("series", LIT_S[:1], lit.lithium.reshape(-1, 5)[:1])
    # Left early: where its particles are at the end is not known from its first two visits.
    left = track("series", LIT_S[:2], lit.lithium.reshape(-1, 5)[:2])
    for tracks, reason in (
        ([dark], "no exposed region"),
        ([two, lit], "2 particles were followed in the control region"),
        ([dark, visited_once], "0 particles were followed in the exposed regions"),
        ([dark, left], "0 particles were followed in the exposed regions"),
    ):
        found = effect_of(tracks)
        assert found.lithium is None
        assert found.unknown.startswith(reason)
        (finding,) = beam_findings(found)
        assert finding.severity is Severity.INFO
        assert reason in finding.message
