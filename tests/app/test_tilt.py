"""A tilt series by the command: x in the volume as promised, its error, and a sentence where it cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from operando.cli import Exit, app

pytest.importorskip("skimage", reason="scikit-image is an extra: operando[tomography]")

from operando.core.tilt import axis_of


def said(*arguments: object) -> tuple[int, str]:
    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return found.exit_code, found.output


def figures_of(*arguments: object) -> dict[str, Any]:
    code, output = said("tilt", *arguments, "--json")
    assert code == Exit.DONE, output
    return json.loads(output[output.index("{") :])


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    code, output = said("grains", folder, "--pixels", 33, "--angles", 30)
    assert code == Exit.DONE, output
    return folder


def fitting(series: Path) -> tuple[object, ...]:
    return "--references", series / "references" / "library.toml"


@pytest.fixture(scope="module")
def volume(series: Path) -> tuple[dict[str, Any], Path]:
    path = series / "volume.h5"
    truth = series / "truth.h5"
    fitted = (*fitting(series), "--repeats", 2, "--truth", truth)
    return figures_of(series / "grains.h5", *fitted, "--output", path), path


def test_thirty_sides_of_20_000_counts_give_x_to_what_is_promised(volume: tuple[dict, Path]) -> None:
    figures, _ = volume
    assert figures["angles"] == 30
    assert figures["told_inside"] > 0.99 * figures["voxels_inside"]
    assert figures["rmse_x"] <= 0.05
    assert abs(figures["bias_x"]) < 0.02
    # The error is of counting alone, and of 30 sides that is most of it.
    assert 0.8 < figures["pull_rms"] < 1.8
    assert figures["axis_px"] == pytest.approx(33 // 2, abs=0.1)


def test_the_file_opens_on_x_with_its_error_and_the_maps_of_the_sides(volume: tuple[dict, Path]) -> None:
    figures, path = volume
    assert path.with_suffix(".png").stat().st_size > 20_000
    with h5py.File(path, "r") as file:
        group = file[file.attrs["default"]][file["entry"].attrs["default"]]
        lithium, error = group[group.attrs["signal"]][()], group["lithium_errors"][()]
        assert list(group.attrs["axes"]) == ["y", "z", "x"]
        assert lithium.shape == tuple(group[name].size for name in ("y", "z", "x"))
        assert np.isfinite(lithium).sum() == figures["voxels"]
        assert np.isfinite(error[np.isfinite(lithium)]).mean() > 0.99
        assert np.isnan(error[np.isnan(lithium)]).all()
        assert (group["density"][()] >= 0).all()
        assert group["x"].attrs["units"] == "um"
        assert file["entry/sides/lithium"].shape == (30, lithium.shape[0], lithium.shape[2])
        assert file["entry/process/axis_px"][()] == figures["axis_px"]


def test_one_file_an_energy_gives_the_same_volume(
    series: Path, volume: tuple[dict, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "energies"
    folder.mkdir()
    with h5py.File(series / "grains.h5", "r") as whole:
        exchange = whole["exchange"]
        for energy_ev in np.unique(exchange["energy"][()]):
            own, white = exchange["energy"][()] == energy_ev, exchange["energy_white"][()] == energy_ev
            with h5py.File(folder / f"{energy_ev:.1f}.h5", "w") as part:
                for name in ("data", "theta", "time"):
                    part[f"exchange/{name}"] = exchange[name][()][own]
                for name in ("data_white", "time_white"):
                    part[f"exchange/{name}"] = exchange[name][()][white]
                for name in ("data_dark", "x", "y"):
                    part[f"exchange/{name}"] = exchange[name][()]
                    if "units" in exchange[name].attrs:
                        part[f"exchange/{name}"].attrs["units"] = exchange[name].attrs["units"]
                part["measurement/instrument/monochromator/energy"] = energy_ev / 1e3
                part["measurement/instrument/monochromator/energy"].attrs["units"] = "keV"
                part["measurement/instrument/detector/exposure_time"] = 1.0
    (folder / "notes.txt").write_text("not a series")
    output = tmp_path / "volume.h5"
    figures = figures_of(folder, *fitting(series), "--repeats", 0, "--output", output)
    assert figures["median_sigma_x"] is None
    with h5py.File(output, "r") as one, h5py.File(volume[1], "r") as other:
        np.testing.assert_allclose(
            one["entry/volume/lithium"][()], other["entry/volume/lithium"][()], atol=1e-4
        )


def test_without_flat_images_the_beam_is_that_of_blank_pixels(series: Path, tmp_path: Path) -> None:
    path = tmp_path / "series.h5"
    path.write_bytes((series / "grains.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        del file["exchange/data_white"]
        # As a scan has it: one beam for all pixels.
        counts = file["exchange/data"][()].astype(float) - 100
        with h5py.File(series / "grains.h5", "r") as whole:
            white = whole["exchange/data_white"][()].astype(float) - 100
            energies = whole["exchange/energy_white"][()]
        for energy_ev in np.unique(energies):
            own = file["exchange/energy"][()] == energy_ev
            counts[own] *= 20_000.0 / white[energies == energy_ev].mean(axis=0)
        file["exchange/data"][...] = (counts + 100).clip(0).astype(np.uint16)
    truth = series / "truth.h5"
    figures = figures_of(
        path, *fitting(series), "--truth", truth, "--repeats", 0, "--output", tmp_path / "v.h5"
    )
    assert figures["rmse_x"] <= 0.05


def drop_a_side(file: h5py.File) -> None:
    for name in ("data", "energy", "theta", "time"):
        values, attrs = file[f"exchange/{name}"][1:], dict(file[f"exchange/{name}"].attrs)
        del file[f"exchange/{name}"]
        file[f"exchange/{name}"] = values
        file[f"exchange/{name}"].attrs.update(attrs)


def repeat_a_side(file: h5py.File) -> None:
    file["exchange/theta"][1] = file["exchange/theta"][0]


def lose_the_angles(file: h5py.File) -> None:
    del file["exchange/theta"]


def lose_the_images(file: h5py.File) -> None:
    del file["exchange/data"]


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        (drop_a_side, Exit.CONFIGURATION, "has no image of -90° at 513.00 eV"),
        (repeat_a_side, Exit.CONFIGURATION, "second image at -90°"),
        (lose_the_angles, Exit.CONFIGURATION, "without an angle"),
        (lose_the_images, Exit.UNREACHABLE, "no images as in Data Exchange"),
    ],
)
def test_a_series_that_is_not_whole_gets_a_sentence(
    series: Path, tmp_path: Path, wrong: Callable[[h5py.File], None], code: Exit, words: str
) -> None:
    path = tmp_path / "series.h5"
    path.write_bytes((series / "grains.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        wrong(file)
    found, output = said("tilt", path, *fitting(series), "--output", tmp_path / "v.h5")
    assert words in " ".join(output.split())
    assert found == code
    assert not (tmp_path / "v.h5").exists()


def test_what_exists_or_is_not_there_gets_a_sentence(series: Path, tmp_path: Path) -> None:
    here = series / "grains.h5"
    for arguments, code, words in (
        ((here, *fitting(series), "--output", here), Exit.CONFIGURATION, "exists already"),
        ((tmp_path / "absent.h5", *fitting(series)), Exit.UNREACHABLE, "no file"),
        ((tmp_path, *fitting(series)), Exit.UNREACHABLE, "folder of some"),
        ((here, *fitting(series), "--truth", here), Exit.DAMAGED, "no true lithium content"),
        ((here,), Exit.CONFIGURATION, "no reference spectra"),
    ):
        found, output = said("tilt", *arguments)
        assert words in " ".join(output.split())
        assert found == code
    assert said("grains", series)[0] == Exit.CONFIGURATION
    assert "not simulated" in said("grains", tmp_path / "new", "--material", "gold")[1]


@pytest.mark.parametrize("axis_px", [14.0, 16.3, 19.0])
def test_the_axis_is_found_wherever_it_lies(axis_px: float) -> None:
    angles_deg = np.linspace(-80, 80, 21)
    rng = np.random.default_rng(1)
    middle = axis_px + 4 * np.cos(np.deg2rad(angles_deg)) - 5 * np.sin(np.deg2rad(angles_deg))
    columns = np.arange(36)
    maps = np.exp(-0.5 * ((columns[None, None, :] - middle[:, None, None]) / 2.0) ** 2)
    maps = maps * np.ones((1, 9, 1)) + rng.normal(0, 0.01, (21, 9, 36))
    found = axis_of(maps, angles_deg)
    assert found.column_px == pytest.approx(axis_px, abs=0.1)
    assert found.scatter_px < 0.1
    narrow = axis_of(maps[8:12], angles_deg[8:12])
    assert (narrow.column_px, np.isnan(narrow.scatter_px)) == (17.5, True)
