"""A tilt series: x in the volume as it is and where it is, whatever the axis; what disagrees is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from operando_sim.volume import amounts_along_rays, composition_at, make_grains

pytest.importorskip("skimage", reason="scikit-image is an extra: operando[tomography]")

from operando.core.tomography import TiltSeries, reconstructed
from tilted import compared, score_of, series_of_grains, wedge

PIXELS = 33


@pytest.mark.parametrize("material", ["lixv2o5", "lixfepo4"])
def test_thirty_angles_give_x_in_the_volume(material: str) -> None:
    """The table of `bench/tilt_series.py` in short; the tolerance is what is promised."""
    score = score_of(material, wedge(30, 90), 20_000, PIXELS, seed=4)
    assert score.told > 0.98 * score.inside
    assert score.rmse < 0.05
    assert abs(score.bias) < 0.02


def test_an_axis_that_is_not_in_the_middle_and_an_even_number_of_columns_do_no_harm() -> None:
    rng = np.random.default_rng(2)
    grains = make_grains(rng)
    series = series_of_grains(grains, "lixfepo4", wedge(30, 90), 1e6, PIXELS, rng)
    middle = reconstructed(series)
    wide = ((0, 0), (0, 0), (3, 0))
    moved = reconstructed(
        TiltSeries(
            series.angles_deg,
            np.pad(series.thickness, wide),
            np.pad(series.lithium, wide),
            axis_px=(PIXELS - 1) / 2 + 3,
        )
    )
    assert moved.density.shape[2] == PIXELS + 3
    # A volume stands about the axis, at the pixel in or right of its middle.
    first = (PIXELS + 3) // 2 - PIXELS // 2
    inner = moved.lithium[:, first : first + PIXELS, first : first + PIXELS]
    both = middle.solid & np.isfinite(inner)
    assert both.sum() > 0.95 * middle.solid.sum()
    # Other pixels of the slice surround it, which changes what the rays between pixels are made of.
    assert np.sqrt(np.mean((inner - middle.lithium)[both] ** 2)) < 0.01


def test_series_that_do_not_agree_are_refused_and_empty_ones_are_empty() -> None:
    nothing = TiltSeries(np.arange(3.0), np.zeros((3, 2, 9)), np.full((3, 2, 9), np.nan))
    assert not reconstructed(nothing).solid.any()
    with pytest.raises(ValueError, match="do not agree"):
        reconstructed(replace(nothing, angles_deg=np.arange(4.0)))


@pytest.mark.parametrize("tilt_deg", [0.0, 37.0, -62.0])
def test_rays_of_the_simulator_meet_all_the_material_whatever_the_tilt(tilt_deg: float) -> None:
    grains = make_grains(np.random.default_rng(3))
    axis_um = np.linspace(-1.1, 1.1, 89)
    step = axis_um[1] - axis_um[0]
    amounts = amounts_along_rays(grains, tilt_deg, axis_um, axis_um)
    volume = 4 / 3 * np.pi * sum(np.prod(grain.half_axes_um) for grain in grains)
    assert amounts.sum() * step**2 == pytest.approx(volume, rel=0.02)
    share = composition_at(grains, axis_um[None, None, :], axis_um[:, None, None], axis_um[None, :, None])
    assert amounts.sum(axis=(1, 2)) * step**2 == pytest.approx(share.sum(axis=(1, 2, 3)) * step**3, rel=0.03)


def test_a_volume_is_compared_in_its_own_place() -> None:
    rng = np.random.default_rng(5)
    grains = make_grains(rng)
    volume = reconstructed(series_of_grains(grains, "lixv2o5", wedge(40, 90), 1e7, PIXELS, rng))
    right = compared(volume, grains, "lixv2o5", PIXELS)
    turned = replace(volume, lithium=volume.lithium[:, ::-1], density=volume.density[:, ::-1])
    assert right.rmse < 0.03
    assert compared(turned, grains, "lixv2o5", PIXELS).rmse > 5 * right.rmse
