"""A phase of no use to the cell: in one place, of the share asked for, and without it nothing changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from operando_sim import World, demo_settings

AXIS_UM = np.linspace(-3.0, 3.0, 121)


def world_of(intruder: float, seed: int) -> World:
    settings = demo_settings()
    return World(replace(settings, sample=replace(settings.sample, intruder=intruder)), seed)


@pytest.mark.parametrize("seed", range(3))
def test_an_intruder_has_its_share_and_takes_no_lithium(seed: int) -> None:
    with_one, without = world_of(0.05, seed), world_of(0.0, seed)
    later_s = with_one.time_s + 3600.0
    first, last = (with_one.truth(AXIS_UM, AXIS_UM, at) for at in (with_one.time_s, later_s))
    assert np.nanmean(first.fraction[3]) == pytest.approx(0.05, abs=0.01)
    np.testing.assert_array_equal(first.fraction[3], last.fraction[3])
    alone = without.truth(AXIS_UM, AXIS_UM, later_s)
    np.testing.assert_array_equal(alone.thickness_um, last.thickness_um)
    elsewhere = np.nan_to_num(last.fraction[3], nan=1.0) == 0.0
    np.testing.assert_array_equal(alone.lithium[elsewhere], last.lithium[elsewhere])
    np.testing.assert_allclose(np.nansum(last.fraction, axis=0)[~np.isnan(last.lithium)], 1.0)
