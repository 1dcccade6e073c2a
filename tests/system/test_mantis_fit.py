"""MANTiS's own fit of target spectra, of the NXstxm that we write, agrees with ours where both are defined.

Its fit is least squares without weights and without a bound, ours is weighted and non-negative. So they agree
for equal weights where its own amounts are not negative, and with our weights where there are as many
energies as phases, when weights do not matter.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operando.core.absorption import Detector, optical_density
from operando.core.fit import Background, design_of, fit
from operando.core.references import resample
from operando.io.layouts import DocumentReader
from operando.io.nxstxm import read_nxstxm
from operando.io.nxstxm_writer import write_nxstxm
from operando.io.rawstack import RawStack, stacks_of
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from operando.types import FloatArray
from scans import ENERGIES_EV, library, lines_of, plan_of, recipe, stack_of

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mantis_xray") is None,
    reason="MANTiS is not installed (pip install --no-deps mantis-xray)",
)

I0 = 20_000.0
LIBRARY = library()


@dataclass(frozen=True)
class Mantis:
    """What MANTiS's own classes make of a file, as we index it.

    Attributes
    ----------
    od
        Optical density, shape (energy, ny, nx).
    amounts
        Its maps of the targets, shape (phase, ny, nx).
    """

    od: FloatArray
    amounts: FloatArray


def part(name: str) -> Any:
    # It tells stdout what it loads; and its warnings are its own.
    with redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"mantis_xray.{name}")


def fitted_by_mantis(path: Path, folder: Path) -> Mantis:
    """Open, normalise and fit a file with MANTiS's own code, as its window does."""
    stack = part("analysis.data_stack").data(part("analysis.data_struct").h5())
    stack.new_data()
    with redirect_stdout(sys.stderr):
        part("file_plugins.file_nexus_hdf5").read(str(path), stack, selection=(0, 0, 0))
    incident = folder / "i0.csv"
    incident.write_text(f"600.0, {I0}\n800.0, {I0}\n")
    stack.read_stk_i0(str(incident), ".csv")
    targets = part("analysis.analyze").analyze(stack)
    for phase in LIBRARY.phases:
        target = folder / f"{phase.name}.csv"
        rows = zip(phase.energy_ev.tolist(), phase.value.tolist(), strict=True)
        target.write_text("".join(f"{energy_ev!r}, {value!r}\n" for energy_ev, value in rows))
        targets.read_target_spectrum(str(target))
    shape = (stack.n_cols, stack.n_rows, stack.n_ev)
    return Mantis(
        stack.od.reshape(shape, order="F").transpose(2, 1, 0), targets.target_svd_maps.transpose(2, 1, 0)
    )


def written(folder: Path, energies_ev: FloatArray) -> tuple[Path, RawStack]:
    """Write a stack as NXstxm and read it again: the file, and what is in it."""
    plan = plan_of(shape=(12, 9), cycles=1, energies_ev=energies_ev)
    path = folder / "run.hdf5"
    lines = lines_of(plan, stack_of(plan, np.random.default_rng(5), cycles=1))
    write_nxstxm(path, list(stacks_of([plan, *lines])))
    reader = DocumentReader()
    (stack,) = stacks_of(item for name, document in read_nxstxm(path) for item in reader.read(name, document))
    return path, stack


def test_with_equal_weights_the_amounts_are_the_same(tmp_path: Path) -> None:
    path, stack = written(tmp_path, ENERGIES_EV)
    mantis = fitted_by_mantis(path, tmp_path)
    od, _ = optical_density(stack.counts, np.array(I0), np.array(0.0), Detector(1.0))
    np.testing.assert_allclose(mantis.od, od, rtol=0, atol=1e-12)
    design = design_of(resample(LIBRARY, ENERGIES_EV), LIBRARY.lithium, ENERGIES_EV, Background.NONE)
    flat = od.reshape(len(ENERGIES_EV), -1)
    ours = fit(flat, np.ones_like(flat), design)
    amounts = (ours.fraction * ours.thickness).reshape(mantis.amounts.shape)
    defined = (mantis.amounts >= 0).all(axis=0)
    assert defined.sum() > 50
    np.testing.assert_allclose(amounts[:, defined], mantis.amounts[:, defined], rtol=0, atol=1e-8)
    # Where MANTiS has a negative amount, ours has none.
    assert (~defined).any()
    assert (amounts[:, ~defined] >= 0).all()


def test_a_replay_gives_its_lithium_content_where_weights_do_not_matter(tmp_path: Path) -> None:
    energies_ev = np.array([708.0, 709.0, 710.0])
    path, _ = written(tmp_path, energies_ev)
    mantis = fitted_by_mantis(path, tmp_path)
    monitor = Monitor(DocumentSource(read_nxstxm(path), "file"), Work(LIBRARY, recipe(), LayoutSettings()))
    while monitor.pull():
        pass
    monitor.finish()
    assert monitor.newest is not None
    found = monitor.newest.map
    assert found is not None
    defined = (mantis.amounts >= 0).all(axis=0) & found.valid
    assert defined.sum() > 30
    lithium = np.tensordot(LIBRARY.lithium, mantis.amounts, 1) / mantis.amounts.sum(axis=0)
    # We also correct the logarithm of few counts, by half a variance: much less than the error of one pixel.
    off = np.abs(found.lithium - lithium) / found.lithium_error
    assert off[defined].max() < 0.05
