"""Amplitudes of ptychography: twice their logarithm is the optical density, whatever their scale."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from full_field import Shot, documents_of_shots, fitted, items_of, od_of, truth_of
from operando.app.open_source import open_recording
from operando.errors import OperandoError, RunRejected, SourceUnreachable
from operando.io.layouts import Item, Rejection
from operando.io.ptychography import read_ptychography
from operando.settings import LayoutSettings
from operando.types import FloatArray, Light, ScanPlan
from scans import ENERGIES_EV

SHAPE = (60, 64)
JOULE_PER_EV = 1.602176634e-19


def amplitudes(rng: np.random.Generator, od: FloatArray, scale: float, noise: float) -> FloatArray:
    return scale * (np.exp(-od / 2) + rng.normal(0.0, noise, od.shape))


def shots_of(images: FloatArray) -> list[Shot]:
    return [
        Shot("primary", image, energy_ev, 1001.0 + index)
        for index, (energy_ev, image) in enumerate(zip(ENERGIES_EV, images, strict=True))
    ]


@settings(max_examples=5, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.floats(0.01, 1000.0),
    noise=st.floats(0.004, 0.03),
)
def test_optical_density_and_its_error_hold_whatever_the_scale(seed: int, scale: float, noise: float) -> None:
    rng = np.random.default_rng(seed)
    _, od = truth_of(SHAPE, rng)
    documents = documents_of_shots(shots_of(amplitudes(rng, od, scale, noise)), unit="amplitude")
    last = fitted(items_of(documents))[-1]
    assert last.plan.light is Light.AMPLITUDE
    found, error = od_of(last)
    pull = (found - od) / error
    assert abs(np.median(pull)) < 0.12
    # The gain is that of half a thousand pairs of blank pixels.
    assert np.std(pull) == pytest.approx(1.0, abs=0.1)


def test_scales_that_follow_the_references_are_no_contaminated_beam() -> None:
    rng = np.random.default_rng(2)
    _, od = truth_of(SHAPE, rng)
    seen = od.max(axis=(1, 2))
    images = amplitudes(rng, od, 1.0, 0.01) * np.exp(-seen / 2)[:, None, None]
    of_amplitudes = fitted(items_of(documents_of_shots(shots_of(images), unit="amplitude")))[-1]
    of_counts = fitted(items_of(documents_of_shots(shots_of(rng.poisson(9000.0 * images**2).astype(float)))))[
        -1
    ]
    assert "i0-contaminated" in {finding.code for finding in of_counts.findings}
    assert "i0-contaminated" not in {finding.code for finding in of_amplitudes.findings}


def test_a_profile_may_say_what_the_documents_do_not() -> None:
    rng = np.random.default_rng(1)
    _, od = truth_of(SHAPE, rng)
    documents = documents_of_shots(shots_of(amplitudes(rng, od, 1.0, 0.01)))
    said = LayoutSettings(pitch_um=0.03, quantity="amplitude")
    found, _ = od_of(fitted(items_of(documents, said))[-1])
    assert np.nanmedian(np.abs(found - od)) < 0.03


def test_a_complex_image_is_refused_with_advice() -> None:
    documents = documents_of_shots(shots_of(np.ones((len(ENERGIES_EV), *SHAPE), dtype=complex)))
    said = [str(item.error) for item in items_of(documents) if isinstance(item, Rejection)]
    assert "modulus" in said[0]


def write_cxi(path: Path, wave: np.ndarray, energy_ev: float, **pixel: float) -> None:
    with h5py.File(path, "w") as file:
        file["entry_1/image_1/data"] = wave
        file["entry_1/instrument_1/source_1/energy"] = energy_ev * JOULE_PER_EV
        for name, value in pixel.items():
            file[f"entry_1/image_1/{name}"] = value


def write_ptyr(path: Path, waves: dict[str, tuple[np.ndarray, float]]) -> None:
    with h5py.File(path, "w") as file:
        for scan, (wave, energy_ev) in waves.items():
            file[f"content/obj/S{scan}G00/data"] = wave[None]
            file[f"content/obj/S{scan}G00/_psize"] = [2e-8, 2e-8]
            file[f"content/pars/scans/{scan}/data/energy"] = energy_ev / 1e3


def waves_of(images: FloatArray) -> np.ndarray:
    """The amplitudes with a phase that does not matter."""
    return images * np.exp(1j * np.linspace(0, 3, SHAPE[1]))


def read(source: Path) -> list[Item]:
    return items_of((name, document) for name, document in read_ptychography(source))


@pytest.mark.parametrize("kind", ["folder of cxi", "one ptyr", "folder of ptyr"])
def test_stacks_of_files_give_the_map_of_the_documents(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(5)
    _, od = truth_of(SHAPE, rng)
    images = amplitudes(rng, od, 1.0, 0.01)
    waves = dict(zip(ENERGIES_EV, waves_of(images), strict=True))
    source = tmp_path
    if kind == "folder of cxi":
        for number, (energy_ev, wave) in enumerate(waves.items(), start=8):
            write_cxi(tmp_path / f"scan_{number}.cxi", wave, energy_ev, x_pixel_size=2e-8)
    elif kind == "one ptyr":
        source = tmp_path / "all.ptyr"
        write_ptyr(source, {f"scan{n:02d}": (wave, ev) for n, (ev, wave) in enumerate(waves.items())})
    else:
        for number, (energy_ev, wave) in enumerate(waves.items()):
            write_ptyr(tmp_path / f"scan{number}.ptyr", {"scan00": (wave, energy_ev)})
    last = fitted(read(source))[-1]
    of_documents = fitted(items_of(documents_of_shots(shots_of(images), unit="amplitude")))[-1]
    np.testing.assert_allclose(last.od, of_documents.od, atol=1e-9)
    assert np.diff(last.plan.grid.x_um) == pytest.approx(0.02)
    recording = open_recording(str(source))
    assert [logged.name for logged in recording.read(0, 2)] == ["start", "descriptor"]
    recording.close()


def test_objects_of_a_few_rows_more_are_cut_about_their_middle(tmp_path: Path) -> None:
    wide = np.pad(np.full((10, 12), 0.5), ((1, 1), (2, 2)), constant_values=1.0).astype(complex)
    write_cxi(tmp_path / "a.cxi", np.full((10, 12), 0.5 + 0j), 700.0)
    write_cxi(tmp_path / "b.cxi", wide, 710.0)
    images = [document["data"]["image"] for name, document in read_ptychography(tmp_path) if name == "event"]
    np.testing.assert_array_equal(images[0], images[1])


def test_what_cannot_be_used_gets_a_sentence(tmp_path: Path) -> None:
    wave = np.ones(SHAPE, dtype=complex)
    with pytest.raises(SourceUnreachable, match="no reconstructions"):
        list(read_ptychography(tmp_path))
    with h5py.File(tmp_path / "none.cxi", "w") as file:
        file["entry_1/image_1/data"] = wave
    with pytest.raises(RunRejected, match="no photon energy"):
        list(read_ptychography(tmp_path / "none.cxi"))
    (tmp_path / "none.cxi").unlink()
    write_cxi(tmp_path / "a.cxi", wave, 700.0, x_pixel_size=2e-8)
    write_cxi(tmp_path / "b.cxi", wave, 710.0, x_pixel_size=2.1e-8)
    with pytest.raises(RunRejected, match="one pixel size"):
        list(read_ptychography(tmp_path))
    (tmp_path / "b.cxi").write_bytes(b"no HDF5")
    with pytest.raises(OperandoError, match="not a complete HDF5 file"):
        list(read_ptychography(tmp_path))


def test_a_file_without_pixels_takes_those_of_the_profile(tmp_path: Path) -> None:
    write_cxi(tmp_path / "a.cxi", np.ones(SHAPE, dtype=complex), 700.0)
    plan = next(item for item in read(tmp_path) if isinstance(item, ScanPlan))
    assert np.diff(plan.grid.x_um) == pytest.approx(0.03)
