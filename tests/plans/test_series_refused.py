"""A series that cannot be is refused before anything moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_parts import FakePart, fake_stxm
from operando_plans import STXM, Field, ScanOptions, Until, energy_stack, operando_series
from visited import COUNTS, FIELD, OTHER, region


@given(st.floats(-8, 8), st.floats(-8, 8), st.sampled_from([FIELD, OTHER]), st.booleans())
def test_a_control_that_another_region_shines_on_is_refused(x, y, field, is_coarse) -> None:
    stxm, lab = fake_stxm(COUNTS)
    stage = {axis: FakePart(lab, axis, 0.0) for axis in ("coarse_x", "coarse_y")}
    stxm = STXM(replace(stxm.parts, **stage))
    # Moved by either stage, it comes to the same place of the sample.
    moved = replace(field, centre_um=(0.0, 0.0) if is_coarse else (x, y))
    control = region("control", moved, is_control=True, coarse_um=(x, y) if is_coarse else (0.0, 0.0))
    lit = region("a", coarse_um=(0.0, 0.0))
    # What a region shines on reaches half a pixel beyond the middles of its outermost ones.
    reach = [
        0.5 * sum(each.size_um[axis] * each.points[axis] / (each.points[axis] - 1) for each in (field, FIELD))
        for axis in (0, 1)
    ]
    if abs(x) < reach[0] and abs(y) < reach[1]:
        with pytest.raises(ValueError, match="'control' lies under the beam of region 'a'"):
            operando_series(stxm, [lit, control], Until(cycles=1))
    else:
        operando_series(stxm, [lit, control], Until(cycles=1)).close()
    assert lab.calls == 0


REFUSED: list[tuple[str, Callable[[STXM], Any], str]] = [
    ("dwell", lambda _stxm: region(dwell_ms=0.0), "dwell"),
    ("no energy", lambda _stxm: region(energies_ev=[]), "one or more"),
    (
        "energy",
        lambda stxm: operando_series(stxm, region(energies_ev=[99.0]), Until(cycles=1)),
        "energy goes from 690",
    ),
    (
        "field",
        lambda stxm: operando_series(stxm, region(field=Field((9.9, 0), (2, 2), (3, 3))), Until(cycles=1)),
        "SampleX goes from -10 to 10, not to 10.9",
    ),
    ("cycles", lambda stxm: operando_series(stxm, region(), Until(cycles=0)), "1 or more"),
    ("end", lambda stxm: operando_series(stxm, region(), Until()), "no end"),
    ("nothing", lambda stxm: operando_series(stxm, [], Until(cycles=1)), "give one that is not a control"),
    (
        "control only",
        lambda stxm: operando_series(stxm, region(is_control=True), Until(cycles=1)),
        "give one that is not a control",
    ),
    ("twice", lambda stxm: operando_series(stxm, [region(), region()], Until(cycles=1)), "each its own name"),
    (
        "coarse",
        lambda stxm: operando_series(stxm, region(coarse_um=(0.0, 0.0)), Until(cycles=1)),
        "no coarse stage",
    ),
    (
        "frame",
        lambda stxm: operando_series(stxm, region(), Until(cycles=1), options=ScanOptions(flyer="frame")),
        "no frame flyer",
    ),
    ("stack of dwells", lambda stxm: energy_stack(stxm, region(dwell_ms=[1.0, 2.0])), "one dwell"),
    (
        "metadata",
        lambda stxm: operando_series(stxm, region(), Until(cycles=1), metadata={"stxm": {}}),
        "which the plan says itself",
    ),
    (
        "text",
        lambda stxm: operando_series(stxm, region(), Until(cycles=1), metadata={"cell": 7}),
        "cell in the metadata is 7; give a text",
    ),
]


@pytest.mark.parametrize(("_what", "make", "words"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_cannot_be_is_refused_before_anything_moves(
    _what: str, make: Callable[[STXM], Any], words: str
) -> None:
    stxm, lab = fake_stxm(COUNTS)
    with pytest.raises(ValueError, match=words):
        make(stxm)
    assert lab.calls == 0


def test_a_part_out_of_reach_is_refused_before_anything_moves() -> None:
    stxm, lab = fake_stxm(COUNTS)

    def wait_for_connection(timeout: object) -> None:
        raise TimeoutError(f"no answer from SIM:energy within {timeout} s")

    stxm.parts.energy.connected = False
    stxm.parts.energy.wait_for_connection = wait_for_connection
    with pytest.raises(TimeoutError, match="energy of stxm cannot be reached"):
        operando_series(stxm, region(), Until(cycles=1))
    assert lab.calls == 0
