"""Laws of the model spectra: positive, smooth, in the right place, and told apart by a few energies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando_sim import LIXFEPO4, LIXV2O5, MATERIALS, material_named, od_per_um

materials = st.sampled_from(MATERIALS)


def spectra(material, energy_ev):
    return np.stack([od_per_um(phase, energy_ev) for phase in material.phases], axis=-1)


def peak_ev(phase, low, high):
    energy = np.arange(low, high, 0.01)
    return energy[np.argmax(od_per_um(phase, energy))]


@given(materials, st.floats(0.0, 1.0))
def test_absorption_is_positive_and_smooth(material, place):
    low, high = material.range_ev
    energy = low + place * (high - low)
    here, beside = spectra(material, energy), spectra(material, energy + 0.01)
    assert (here > 0).all()
    # The steepest slope of a peak of 10 per µm and 1 eV width is about 12 per µm and eV.
    assert np.abs(beside - here).max() < 0.15


@given(materials, st.lists(st.floats(500.0, 740.0), min_size=1, max_size=20))
def test_many_energies_at_once_give_the_same_as_one_by_one(material, energies):
    together = spectra(material, np.array(energies))
    # Vectorised exp and arctan may differ from scalar ones in the last bits.
    np.testing.assert_allclose(together, [spectra(material, e) for e in energies], rtol=1e-12)


@pytest.mark.parametrize("material", MATERIALS, ids=lambda m: m.name)
def test_phases_are_ordered_by_lithium_and_their_strongest_peak_is_realistic(material):
    assert (np.diff(material.lithium) > 0).all()
    low, high = material.range_ev
    strongest = spectra(material, np.arange(low, high, 0.05)).max(axis=0)
    # Some 5 to 15 per µm: a hundred nanometres have an optical density near 1.
    assert ((strongest > 5) & (strongest < 15)).all()


@pytest.mark.parametrize("material", MATERIALS, ids=lambda m: m.name)
def test_five_energies_tell_the_phases_apart(material):
    assert len(material.energies_ev) == 5
    matrix = spectra(material, np.array(material.energies_ev))
    counts = 8000.0 * np.exp(-0.09 * matrix[:, 1])
    weighted = 0.09 * matrix * np.sqrt(counts)[:, None]
    sigma = np.sqrt(
        np.einsum("s,st,t->", material.lithium, np.linalg.inv(weighted.T @ weighted), material.lithium)
    )
    # One millisecond a pixel on 90 nm must give x within a tenth, else nothing could be shown.
    assert sigma < 0.1
    assert np.linalg.cond(matrix) < 100


@pytest.mark.parametrize("material", MATERIALS, ids=lambda m: m.name)
def test_the_intermediate_phase_is_no_mixture_of_the_others(material):
    low, high = material.range_ev
    matrix = spectra(material, np.arange(low, high, 0.05))
    ends, middle = matrix[:, [0, 2]], matrix[:, 1]
    mixed = ends @ np.linalg.lstsq(ends, middle, rcond=None)[0]
    assert np.linalg.norm(middle - mixed) > 0.05 * np.linalg.norm(middle)


def test_vanadium_peaks_move_down_and_the_first_oxygen_peak_falls_with_lithium():
    l3 = [peak_ev(phase, 517.5, 520.0) for phase in LIXV2O5.phases]
    assert 518.0 < l3[0] < 519.2
    assert (np.diff(l3) < -0.1).all()
    ratio = spectra(LIXV2O5, 529.1) / spectra(LIXV2O5, 531.0)
    assert (np.diff(ratio) < 0).all()


def test_iron_peaks_are_where_they_were_measured():
    empty, _, full = LIXFEPO4.phases
    assert peak_ev(empty, 706, 712) == pytest.approx(709.67, abs=0.1)
    assert peak_ev(full, 706, 712) == pytest.approx(708.25, abs=0.1)


def test_an_unknown_material_is_refused_with_the_known_ones():
    assert material_named("lixfepo4") is LIXFEPO4
    with pytest.raises(ValueError, match="lixv2o5, lixfepo4"):
        material_named("unobtainium")
