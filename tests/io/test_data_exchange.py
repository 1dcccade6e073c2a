"""Data Exchange files are full-field runs with their light; what contradicts itself gets a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from full_field import fitted, items_of, od_of, truth_of
from operando.app.open_source import open_recording
from operando.app.verify import verify
from operando.errors import DamagedFileError, RunRejected, SourceUnreachable
from operando.io.data_exchange import read_data_exchange
from operando.io.layouts import Item
from operando.types import FloatArray, Light, ScanPlan
from scans import ENERGIES_EV

SHAPE = (36, 40)
IMAGES = 4


def beam_of(energy: int) -> FloatArray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return 9000.0 * (1 + 0.1 * energy) * (1 + 0.3 * np.sin(x / 5) * np.cos(y / 7))


def write(path: Path, od: FloatArray, rng: np.random.Generator) -> None:
    dark = 100.0
    lit = np.stack([beam_of(energy) for energy in range(ENERGIES_EV.size)])
    with h5py.File(path, "w") as file:
        group = file.create_group("exchange")
        group["data"] = rng.poisson(lit * np.exp(-od) + dark).astype(np.uint16)
        group["data_white"] = rng.poisson(np.repeat(lit, IMAGES, axis=0) + dark).astype(np.uint16)
        group["data_dark"] = rng.poisson(dark, (10, *SHAPE)).astype(np.uint16)
        group["energy"] = ENERGIES_EV / 1e3
        group["energy"].attrs["units"] = "keV"
        file["measurement/instrument/detector/exposure_time"] = 0.5
        file["measurement/instrument/detection_system/objective/resolution"] = 0.04
        file["measurement/instrument/detection_system/objective/resolution"].attrs["units"] = "um"
        file["measurement/sample/name"] = "cathode"
        file["process/acquisition/start_date"] = "2026-01-02T03:04:05+00:00"


@pytest.fixture
def od() -> FloatArray:
    return truth_of(SHAPE, np.random.default_rng(0))[1]


@pytest.fixture
def path(tmp_path: Path, od: FloatArray) -> Path:
    write(tmp_path / "txm.h5", od, np.random.default_rng(1))
    return tmp_path / "txm.h5"


def items(path: Path) -> list[Item]:
    return items_of(read_data_exchange(path))


def test_a_file_gives_optical_densities_with_errors_that_hold(path: Path, od: FloatArray) -> None:
    last = fitted(items(path))[-1]
    plan = last.plan
    assert (plan.light, plan.sample, last.dwell_ms.tolist()) == (Light.REFERENCES, "cathode", [500.0] * 4)
    assert np.diff(plan.grid.x_um) == pytest.approx(0.04)
    assert plan.started_s == 1767323045.0
    found, error = od_of(last)
    assert np.std((found - od) / error) == pytest.approx(1.0, abs=0.05)


def test_the_same_file_gives_the_same_documents(path: Path) -> None:
    one, other = list(read_data_exchange(path)), list(read_data_exchange(path))
    assert [name for name, _ in one] == [name for name, _ in other]
    assert [document["uid"] for _, document in one] == [document["uid"] for _, document in other]


def change_axes(file: h5py.File) -> None:
    """MANTiS's order, in all arrays."""
    for name in ("data", "data_white", "data_dark"):
        values = file[f"exchange/{name}"][()].transpose(2, 1, 0)
        del file[f"exchange/{name}"]
        file[f"exchange/{name}"] = values
        file[f"exchange/{name}"].attrs["axes"] = "x:y:energy"


def rename_whites(file: h5py.File) -> None:
    file["exchange"].move("data_white", "white_data")
    file["exchange"].move("data_dark", "dark_data")


def say_times(file: h5py.File) -> None:
    """The same order, said: each energy has its flat images behind it."""
    file["exchange/time"] = np.arange(ENERGIES_EV.size) * 10.0
    file["exchange/time_white"] = np.repeat(np.arange(ENERGIES_EV.size) * 10.0 + 5.0, IMAGES)
    file["exchange/energy_white"] = np.repeat(ENERGIES_EV, IMAGES)


def say_energies_without_units(file: h5py.File) -> None:
    del file["exchange/energy"]
    file["exchange/energy"] = ENERGIES_EV / 1e3


@pytest.mark.parametrize("other", [change_axes, rename_whites, say_times, say_energies_without_units])
def test_other_ways_to_say_it_give_the_same_map(path: Path, other: Callable[[h5py.File], None]) -> None:
    before = fitted(items(path))[-1]
    with h5py.File(path, "r+") as file:
        other(file)
    np.testing.assert_array_equal(fitted(items(path))[-1].od, before.od)


def test_flat_images_before_and_after_are_interpolated(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        whites = file["exchange/data_white"][()].astype(float)
        del file["exchange/data_white"]
        file["exchange/data_white"] = np.concatenate([whites, 1.5 * whites])
        file["exchange/energy_white"] = np.tile(np.repeat(ENERGIES_EV, IMAGES), 2)
        file["exchange/time"] = np.full(ENERGIES_EV.size, 50.0)
        file["exchange/time_white"] = np.repeat([0.0, 100.0], ENERGIES_EV.size * IMAGES)
    i0 = fitted(items(path))[-1].i0
    expected = [1.25 * (beam_of(energy).mean() + 100) - 100 for energy in range(ENERGIES_EV.size)]
    np.testing.assert_allclose(i0, expected, rtol=0.003)


def test_a_file_without_flat_images_has_its_light_from_blank_pixels(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["exchange/data_white"]
    assert next(item for item in items(path) if isinstance(item, ScanPlan)).light is Light.AS_TOLD


def test_it_is_told_from_the_other_hdf5_files_by_what_stands_in_it(path: Path) -> None:
    recording = open_recording(str(path))
    assert recording.read(0, 1)[0].document["plan_name"] == "data_exchange_stack"
    recording.close()
    verdict = verify(str(path))
    assert (verdict.kind, verdict.is_good) == ("documents", True)


def turn(file: h5py.File) -> None:
    file["exchange/theta"] = np.linspace(0, 90, ENERGIES_EV.size)


def lose_energies(file: h5py.File) -> None:
    del file["exchange/energy"]


def lose_a_flat(file: h5py.File) -> None:
    whites = file["exchange/data_white"][1:]
    del file["exchange/data_white"]
    file["exchange/data_white"] = whites


def lose_an_energy(file: h5py.File) -> None:
    del file["exchange/energy"]
    file["exchange/energy"] = ENERGIES_EV[1:]


def hold_text(file: h5py.File) -> None:
    del file["exchange/data"]
    file["exchange/data"] = "nothing"


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (turn, RunRejected, "operando tilt"),
        (lose_energies, RunRejected, "without an energy"),
        (lose_a_flat, RunRejected, "energy_white"),
        (lose_an_energy, DamagedFileError, "3 values for 4 images"),
        (hold_text, DamagedFileError, "expected numbers"),
    ],
)
def test_what_cannot_be_used_gets_a_sentence(
    path: Path, wrong: Callable[[h5py.File], None], error: type[Exception], words: str
) -> None:
    with h5py.File(path, "r+") as file:
        wrong(file)
    with pytest.raises(error, match=words):
        list(read_data_exchange(path))


def test_a_file_that_is_not_there_or_not_hdf5_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable):
        list(read_data_exchange(tmp_path / "absent.h5"))
    (tmp_path / "text.h5").write_text("nothing")
    with pytest.raises(DamagedFileError):
        list(read_data_exchange(tmp_path / "text.h5"))
