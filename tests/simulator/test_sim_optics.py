"""The zone plate: in focus it changes nothing, out of focus it blurs as light does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando_sim import OpticsSettings, SampleSettings, World, ZonePlateSettings, static_settings
from operando_sim.optics import spot_fwhm_um, spot_points

PLATE = ZonePlateSettings()
OPTICS = OpticsSettings(zone_plate=PLATE)
X_UM = np.linspace(-1.5, 1.5, 61)


def settings_with(zone_plate: ZonePlateSettings | None):
    settings = static_settings()
    sample = SampleSettings(field_um=4.0, length_um=(0.4, 1.2))
    return replace(settings, sample=sample, optics=replace(settings.optics, zone_plate=zone_plate))


@given(st.floats(200.0, 2000.0), st.floats(-400.0, 400.0))
def test_the_spot_grows_on_both_sides_of_the_focus_alike(energy_ev: float, off_um: float) -> None:
    focus_um = PLATE.focus_um(energy_ev)
    wide = spot_fwhm_um(OPTICS, energy_ev, focus_um + off_um)
    assert wide >= spot_fwhm_um(OPTICS, energy_ev, focus_um) == OPTICS.spot_um
    assert wide == pytest.approx(spot_fwhm_um(OPTICS, energy_ev, focus_um - off_um))
    assert spot_fwhm_um(OPTICS, energy_ev, focus_um + 2.0 * off_um) >= wide


def test_far_out_of_focus_the_spot_is_the_disc_of_wavelength_over_outer_zone() -> None:
    energy_ev, off_um = 515.0, 1000.0
    disc_um = off_um * 1.239841984 / energy_ev / PLATE.outer_zone_um
    # A disc has the standard deviation of a quarter of its diameter.
    sigma_um = spot_fwhm_um(OPTICS, energy_ev, PLATE.focus_um(energy_ev) + off_um) / 2.354820045
    assert sigma_um == pytest.approx(disc_um / 4.0, rel=1e-4)


@given(st.floats(0.01, 3.0))
def test_the_points_of_a_spot_have_its_width(fwhm_um: float) -> None:
    points, weight = spot_points(fwhm_um, 0.04)
    assert weight.sum() == pytest.approx(1.0)
    variance = (points**2) @ weight
    assert np.sqrt(variance) * 2.354820045 == pytest.approx([fwhm_um, fwhm_um])


def test_a_zone_plate_in_focus_measures_the_same_bytes_as_none() -> None:
    without, focused = World(settings_with(None), seed=3), World(settings_with(PLATE), seed=3)
    first, second = (world.expose_line(X_UM, 0.1, 1.0).counts for world in (without, focused))
    assert first.tobytes() == second.tobytes()


def test_out_of_focus_edges_blur_and_the_truth_stays_sharp() -> None:
    world = World(settings_with(PLATE), seed=3)
    sharp = world.truth(X_UM, [0.1], world.time_s).thickness_um
    roughness = []
    for off_um in (0.0, 3.0, 20.0):
        world.axes.place("zone_plate", PLATE.focus_um(world.energy_ev) + off_um)
        counts = world.expose_line(X_UM, 0.1, 100.0).counts
        roughness.append(float(np.abs(np.diff(counts)).max() / counts.mean()))
    # The spot is 0.04, 0.13 and 0.8 µm wide, the pixels are 0.05 µm apart.
    assert roughness[0] > 1.5 * roughness[1] > 3.0 * roughness[2]
    np.testing.assert_array_equal(world.truth(X_UM, [0.1], world.time_s).thickness_um, sharp)


def test_an_energy_moved_alone_leaves_the_focus_behind() -> None:
    world = World(settings_with(PLATE), seed=3)
    world.set_energy(world.energy_ev + 10.0)
    # 10 eV are 68 µm of focal length.
    assert world.spot_fwhm_um > 10.0 * world.settings.optics.spot_um
