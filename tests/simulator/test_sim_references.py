"""The reference libraries in the profiles are what the code writes, and say that they are models."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from operando_sim import LIXFEPO4, LIXV2O5, od_per_um
from operando_sim.references import REFERENCE_THICKNESS_UM, main, reference_files

PROFILES = Path(__file__).parents[2] / "profiles"
COMMITTED = [
    (LIXV2O5, PROFILES / "simulated" / "references"),
    (LIXFEPO4, PROFILES / "simulated_fe" / "references"),
]


@pytest.mark.parametrize(("material", "folder"), COMMITTED, ids=lambda value: getattr(value, "name", ""))
def test_committed_files_are_what_the_code_writes(material, folder):
    files = reference_files(material)
    assert {path.name for path in folder.iterdir()} == set(files)
    for name, text in files.items():
        committed = (folder / name).read_text(encoding="utf-8")
        if name == "library.toml":
            assert committed == text
            continue
        assert committed.splitlines()[:2] == text.splitlines()[:2]
        # One unit of the sixth digit: exp and arctan round differently on other machines.
        np.testing.assert_allclose(np.loadtxt(folder / name), np.loadtxt(text.splitlines()), atol=1.1e-6)


@pytest.mark.parametrize("material", [LIXV2O5, LIXFEPO4], ids=lambda m: m.name)
def test_a_written_library_reads_back_as_the_model(tmp_path, material):
    main([str(tmp_path / "new"), "--material", material.name])
    library = tomllib.loads((tmp_path / "new" / "library.toml").read_text(encoding="utf-8"))
    assert (library["element"], library["edge"], library["formula"]) == (
        material.element,
        material.edge,
        material.formula,
    )
    assert [entry["lithium"] for entry in library["phase"]] == material.lithium.tolist()
    for entry, phase in zip(library["phase"], material.phases, strict=True):
        assert entry["model"] is True
        assert (entry["name"], entry["energy_unit"], entry["kind"]) == (phase.name, "eV", "optical_density")
        path = tmp_path / "new" / entry["file"]
        assert "MODEL" in path.read_text(encoding="utf-8").splitlines()[0]
        energy, od = np.loadtxt(path).T
        assert (energy[0], energy[-1]) == material.range_ev
        np.testing.assert_allclose(np.diff(energy), 0.05, atol=1e-9)
        # Written with six digits.
        np.testing.assert_allclose(od, REFERENCE_THICKNESS_UM * od_per_um(phase, energy), atol=6e-7)
