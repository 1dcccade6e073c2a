"""The host of single particles: what wastes away is named, noise and another outline are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.conservation import particle_host_findings
from operando.core.particle_book import NO_PARTICLES, ParticleBook
from operando.types import FloatArray, Severity

CYCLES, PARTICLES = 8, 12
EVERY = range(1, PARTICLES + 1)


def book_of(amounts: FloatArray) -> ParticleBook:
    """A book of amounts, shape (cycle, particle)."""
    cycles, particles = amounts.shape
    cycle = np.repeat(np.arange(cycles), particles)
    return replace(
        NO_PARTICLES,
        cycle=cycle,
        number=np.tile(np.arange(1, particles + 1), cycles),
        time_s=90.0 * cycle,
        amount=amounts.ravel(),
    )


def amounts(seed: int, noise: float = 0.01) -> FloatArray:
    rng = np.random.default_rng(seed)
    return rng.lognormal(0.0, 0.8, PARTICLES) * rng.normal(1.0, noise, (CYCLES, PARTICLES))


@given(seed=st.integers(0, 2**32 - 1), noise=st.floats(0.0, 0.02))
@settings(max_examples=60, deadline=None)
def test_particles_that_keep_their_host_are_silent(seed: int, noise: float) -> None:
    assert particle_host_findings(book_of(amounts(seed, noise)), CYCLES - 1, EVERY) == []


@given(seed=st.integers(0, 999), number=st.sampled_from(EVERY), change=st.sampled_from([-0.25, -0.18, 0.2]))
@settings(max_examples=30, deadline=None)
def test_the_particle_that_changes_is_named_with_how_much(seed: int, number: int, change: float) -> None:
    own = amounts(seed)
    own[:, number - 1] *= 1.0 + change * np.linspace(0.0, 1.0, CYCLES)
    (finding,) = particle_host_findings(book_of(own), CYCLES - 1, EVERY)
    assert (finding.code, finding.severity) == ("particle-host", Severity.WARNING)
    assert f"1 of {PARTICLES} particles" in finding.message
    assert f"particle {number}: {'lost' if change < 0 else 'gained'}" in finding.message


@given(seed=st.integers(0, 999), at=st.integers(1, CYCLES - 1), factor=st.sampled_from([0.5, 1.3, 2.0]))
@settings(max_examples=30, deadline=None)
def test_another_outline_is_no_loss(seed: int, at: int, factor: float) -> None:
    own = amounts(seed)
    own[at:, 3] *= factor
    assert particle_host_findings(book_of(own), CYCLES - 1, EVERY) == []


def test_only_what_is_whole_and_up_to_the_cycle_counts() -> None:
    own = amounts(1)
    own[4:, 5] *= 1.0 - 0.05 * np.arange(1, CYCLES - 3)
    book = book_of(own)
    assert particle_host_findings(book, CYCLES - 1, EVERY)
    assert particle_host_findings(book, 3, EVERY) == []
    assert particle_host_findings(book, CYCLES - 1, [number for number in EVERY if number != 6]) == []


@pytest.mark.parametrize("cycles", [0, 1, 2])
def test_too_few_cycles_say_nothing(cycles: int) -> None:
    assert particle_host_findings(book_of(amounts(2)[:cycles]), cycles, EVERY) == []
