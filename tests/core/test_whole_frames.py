"""Full-field frames and amplitudes: the optical density put in comes out, with a variance that holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.core.absorption import Detector
from operando.core.whole_frames import (
    Flat,
    amplitude_density,
    density_by_amplitude,
    density_by_flats,
    flat_density,
)
from operando.errors import FrameRejected

SHAPE = (50, 60)
BLANK = np.zeros(SHAPE, dtype=bool)
BLANK[:, :20] = True


def truth(od: float) -> np.ndarray:
    return np.where(BLANK, 0.0, od)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    od=st.floats(0.0, 1.5),
    images=st.integers(1, 20),
    exposure_ratio=st.floats(0.5, 4.0),
)
def test_an_uneven_beam_and_dark_leave_no_trace(
    seed: int, od: float, images: int, exposure_ratio: float
) -> None:
    rng = np.random.default_rng(seed)
    beam = 4000.0 * (1 + 0.5 * np.sin(np.arange(SHAPE[1]) / 7)) * np.ones(SHAPE)
    dark = rng.uniform(50, 150, SHAPE)
    detector = Detector(gain=1.0)
    flat = Flat(rng.poisson(images * (beam + dark)) / images, images, dark, exposure_ratio)
    counts = rng.poisson(exposure_ratio * beam * np.exp(-truth(od)) + dark).astype(float)
    found, variance = flat_density(counts, flat, detector)
    pull = (found - variance / 2 - truth(od)) / np.sqrt(variance)
    assert abs(pull.mean()) < 0.15
    assert pull.std() == pytest.approx(1.0, abs=0.08)


def test_readings_that_say_nothing_are_unknown() -> None:
    counts = np.full(SHAPE, 500.0)
    counts[0, :4] = (np.nan, 10.0, 2000.0, 500.0)
    beam = np.full(SHAPE, 1000.0)
    beam[0, 3] = 5.0
    od, variance = flat_density(counts, Flat(beam, 1, 10.0), Detector(saturation_counts=2000.0))
    assert np.isnan(od[0, :4]).all()
    assert np.isnan(variance[0, :4]).all()
    assert np.isfinite(od[1:]).all()
    with pytest.raises(FrameRejected, match="region and binning"):
        flat_density(counts[1:], Flat(beam), Detector())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), od=st.floats(0.0, 2.0), scale=st.floats(0.01, 100.0))
def test_amplitudes_give_twice_their_logarithm_whatever_their_scale(
    seed: int, od: float, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    amplitude = scale * (np.exp(-truth(od) / 2) + rng.normal(0, 0.01, SHAPE))
    found, variance = amplitude_density(amplitude, BLANK)
    pull = ((found - truth(od)) / np.sqrt(variance))[~BLANK]
    assert abs(pull.mean()) < 0.25
    assert pull.std() == pytest.approx(1.0, abs=0.12)


def test_both_are_one_kind_of_thing_to_the_rest() -> None:
    frame = np.full(SHAPE, 500.0)
    by_flats = density_by_flats({2: Flat(np.full(SHAPE, 1000.0), 4)}, Detector())
    np.testing.assert_allclose(by_flats(frame, 2)[0], np.log(2))
    with pytest.raises(FrameRejected, match="no flat frame"):
        by_flats(frame, 1)
    by_amplitude = density_by_amplitude(BLANK)
    assert by_amplitude(np.where(BLANK, 1.0, 0.5), 0)[0][0, -1] == pytest.approx(2 * np.log(2))
    with pytest.raises(FrameRejected, match="blank pixels"):
        density_by_amplitude(~np.ones(SHAPE, dtype=bool))(frame, 0)
