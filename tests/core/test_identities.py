"""Identities: numbers are lasting, never used again, and independent of how a cycle counts its particles."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.identities import Identified, Identities, identify
from operando.core.segments import Labels, segments

SHAPE = (64, 80)


def discs(*places: tuple[float, float, float]) -> Labels:
    """Labels of discs: centre y, x and radius, numbered from 1; the later over the earlier."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    labels = np.zeros(SHAPE, dtype=np.int32)
    for number, (a, b, radius) in enumerate(places, 1):
        labels[(y - a) ** 2 + (x - b) ** 2 <= radius**2] = number
    return labels


def renumbered(labels: Labels, rng: np.random.Generator) -> Labels:
    table = np.concatenate([[0], 1 + rng.permutation(int(labels.max(initial=0)))]).astype(np.int32)
    return table[labels]


def followed(cycles: list[Labels]) -> list[Identified]:
    known, found = Identities(), []
    for labels in cycles:
        known, now = identify(known, labels)
        found.append(now)
    return found


places = st.lists(st.tuples(st.floats(0, SHAPE[0]), st.floats(0, SHAPE[1]), st.floats(2, 12)), max_size=8)


@settings(max_examples=60, deadline=None)
@given(fields=st.lists(places, min_size=1, max_size=6), seed=st.integers(0, 2**32 - 1))
def test_whatever_happens_numbers_are_new_or_known_and_never_used_again(fields: list, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cycles = [np.searchsorted(np.unique(discs(*field)), discs(*field)).astype(np.int32) for field in fields]
    given_out: set[int] = set()
    ended: set[int] = set()
    for labels, now in zip(cycles, followed(cycles), strict=True):
        numbers = set(np.unique(now.labels[now.labels > 0]).tolist())
        assert numbers - given_out == set(now.born)
        assert not set(now.born) & given_out
        assert not numbers & ended
        # One number for each label, and each pixel keeps its particle.
        pairs = set(zip(labels.ravel().tolist(), now.labels.ravel().tolist(), strict=True))
        assert len(pairs) == len(np.unique(labels))
        assert all(gone not in numbers and into in numbers for gone, into in now.merged)
        assert all(new in now.born and old in given_out for new, old in now.split)
        given_out |= numbers
        ended |= {gone for gone, _ in now.merged}
    again = followed([renumbered(labels, rng) for labels in cycles])
    for one, other in zip(followed(cycles), again, strict=True):
        # Newcomers of one cycle may be numbered in another order; who is the same as before may not change.
        assert len(one.born) == len(other.born)
        assert len(one.lost) == len(other.lost)
        assert len(one.merged) == len(other.merged)
        assert ((one.labels > 0) == (other.labels > 0)).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), y_px=st.floats(-0.25, 0.25), x_px=st.floats(-0.25, 0.25))
def test_particles_that_drift_keep_their_numbers_over_a_hundred_cycles(
    seed: int, y_px: float, x_px: float
) -> None:
    rng = np.random.default_rng(seed)
    middles = [(20.0, 22.0, 7.0), (20.0, 52.0, 5.0), (44.0, 24.0, 4.0), (44.0, 50.0, 8.0)]
    known, numbers = Identities(), None
    for cycle in range(100):
        jitter = rng.normal(0, 0.5, 2)
        shifted = [
            (a + cycle * y_px * 0.5 + jitter[0], b + cycle * x_px * 0.5 + jitter[1], r) for a, b, r in middles
        ]
        known, now = identify(known, renumbered(discs(*shifted), rng))
        at = tuple(int(now.labels[round(a), round(b)]) for a, b, _ in shifted)
        numbers = numbers or at
        assert at == numbers
        assert cycle == 0 or not (now.born or now.lost or now.merged or now.split)
    assert known.next_number == 5


def test_a_small_particle_may_move_by_pixels_in_every_cycle() -> None:
    known, now = identify(Identities(), discs((20, 5, 4), (40, 60, 4)))
    for cycle in range(1, 20):
        known, now = identify(known, discs((20, 5 + 3 * cycle, 4), (40, 60 - 2 * cycle, 4)))
        assert set(np.unique(now.labels)) == {0, 1, 2}
        assert not now.born


def test_merging_splitting_and_coming_back_are_told_apart() -> None:
    apart = discs((30, 25, 8), (30, 50, 6))
    together = apart.copy()
    together[together == 2] = 1
    first, merged, split, gone, back = followed(
        [apart, together, apart, discs((30, 25, 8)), discs((30, 25, 8), (30, 50, 6))]
    )
    assert first.born == (1, 2)
    assert merged.merged == ((2, 1),)
    assert merged.lost == (2,)
    assert split.split == ((3, 1),)
    assert split.born == (3,)
    assert gone.lost == (3,)
    assert gone.born == ()
    # It was not merged, so it is waited for.
    assert back.born == ()
    assert back.labels[30, 50] == 3
    assert back.lost == ()


def test_who_is_away_for_long_is_forgotten_and_comes_back_as_a_newcomer() -> None:
    one, both = discs((30, 25, 8)), discs((30, 25, 8), (30, 60, 6))
    away = followed([both, *[one] * 4, both])
    assert away[1].lost == (2,)
    assert all(now.lost == () for now in away[2:])
    assert away[-1].labels[30, 60] == 2
    longer = followed([both, *[one] * 8, both])
    assert longer[-1].born == (3,)


def test_particles_at_the_edge_are_named() -> None:
    found = followed([discs((30, 25, 8), (2, 60, 6), (60, 79, 5))])[0]
    assert len(found.at_edge) == 2
    assert found.labels[30, 25] not in found.at_edge


def test_an_empty_cycle_is_one_too() -> None:
    empty = np.zeros(SHAPE, dtype=np.int32)
    none, some, lost = followed([empty, discs((30, 25, 8)), empty])
    assert none.born == ()
    assert some.born == (1,)
    assert lost.lost == (1,)


def test_segments_of_a_noisy_field_are_known_again() -> None:
    rng = np.random.default_rng(4)
    truth = discs((18, 20, 9), (20, 50, 11), (48, 30, 8), (46, 62, 10))
    known, numbers = Identities(), None
    for _ in range(20):
        thickness = 0.6 * (truth > 0) + rng.normal(0, 0.05, SHAPE)
        known, now = identify(known, segments(thickness, thickness > 0.3))
        at = now.labels[[18, 20, 48, 46], [20, 50, 30, 62]].tolist()
        numbers = numbers or at
        assert at == numbers
