"""Other people's programs, called as their users call them, where they are installed.

The extra `bench` brings them. What each of them does and leaves out is in
`docs/reference/benchmarks.md`; a program that is not there has no row, and the log says so.
"""

# They have no types, and are imported only where their row is asked for.
# ruff: noqa: PLC0415
# pyright: reportMissingImports=false

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from functools import cache, partial
from importlib import import_module
from logging import getLogger
from types import SimpleNamespace

import numpy as np

from operando.bench.row import Row, row_of, shortest_s
from operando.bench.scene import LOOP_PIXELS, Scene

__all__ = ["rows_of_loop_programs", "rows_of_matrix_programs"]

_log = getLogger(__name__)

_SLOW_PIXELS = 20
"""Pixels for programs that take milliseconds for each."""


def rows_of_matrix_programs(scene: Scene, threads: int, repeats: int) -> Iterable[Row]:
    """Time what treats the whole field at once."""
    from threadpoolctl import threadpool_limits

    if _is_here("mantis_xray.analysis.analyze", "mantis-xray"):
        with threadpool_limits(threads):
            yield row_of("mantis", scene, threads, shortest_s(_mantis(scene), repeats), (scene.od,))


def rows_of_loop_programs(scene: Scene) -> Iterable[Row]:
    """Time what goes from pixel to pixel, on some of the pixels."""
    if _is_here("PyMca5.PyMcaMath.linalg", "PyMca5"):
        some = scene.first(LOOP_PIXELS)
        yield row_of("pymca", some, 1, shortest_s(_pymca(some), 3), (some.od, some.variance))
    if _is_here("hyperspy.api", "hyperspy"):
        some, few = scene.first(LOOP_PIXELS), scene.first(_SLOW_PIXELS)
        unweighted, weighted = _hyperspy(some, is_weighted=False), _hyperspy(few, is_weighted=True)
        yield row_of("hyperspy_nnls_unweighted", some, 1, shortest_s(unweighted, 3), (some.od,))
        yield row_of("hyperspy_nnls", few, 1, shortest_s(weighted, 3), (few.od, few.variance))
    if _is_here("larch.math.lincombo_fitting", "xraylarch"):
        few = scene.first(_SLOW_PIXELS)
        yield row_of("larch", few, 1, shortest_s(_larch(few), 3), (few.od,))


@cache
def _is_here(module: str, package: str) -> bool:
    try:
        # Some tell stdout what they load; that is for data.
        with redirect_stdout(sys.stderr):
            import_module(module)
    except ImportError as error:
        _log.warning("no row for %s: %s; the extra [bench] brings it", package, error)
        return False
    return True


def _mantis(scene: Scene) -> Callable[[], None]:
    """Return MANTiS's maps of target spectra."""
    from mantis_xray.analysis.analyze import analyze

    energies, pixels = scene.od.shape
    stack = SimpleNamespace(
        od=np.ascontiguousarray(scene.od.T), n_ev=energies, n_cols=pixels, n_rows=1, ev=np.arange(energies)
    )
    analysis = analyze(stack)
    analysis.target_spectra, analysis.n_target_spectra = scene.model.T, scene.design.phases
    return analysis.calc_svd_maps


def _pymca(scene: Scene) -> Callable[[], object]:
    """Return PyMca's linear fit of many spectra, each with its own errors."""
    from PyMca5.PyMcaMath.linalg import lstsq

    sigma = np.sqrt(scene.variance)
    # Without `svd` it inverts, as its maps do for unequal weights, and is three times as fast.
    return partial(lstsq, scene.model, scene.od, sigma_b=sigma, weight=1, svd=False)


def _hyperspy(scene: Scene, *, is_weighted: bool) -> Callable[[], object]:
    """Return HyperSpy's linear fit of a model of fixed patterns, non-negative."""
    import hyperspy.api as hs

    signal = hs.signals.Signal1D(np.ascontiguousarray(scene.od.T))
    if is_weighted:
        signal.set_noise_variance(hs.signals.Signal1D(np.ascontiguousarray(scene.variance.T)))
    model = signal.create_model()
    for reference in scene.model.T:
        pattern = hs.model.components1D.ScalableFixedPattern(hs.signals.Signal1D(reference.copy()))
        pattern.shift.free = pattern.xscale.free = False
        model.append(pattern)
    return partial(model.multifit, optimizer="nnls", show_progressbar=False)


def _larch(scene: Scene) -> Callable[[], object]:
    """Return Larch's linear combination fit of one spectrum after the other, weights not negative."""
    from larch import Group
    from larch.math.lincombo_fitting import lincombo_fit

    energy = np.linspace(0.0, 1.0, len(scene.od))
    phases = scene.design.phases
    components = [Group(energy=energy, norm=np.ascontiguousarray(reference)) for reference in scene.model.T]
    spectra = [Group(energy=energy, norm=np.ascontiguousarray(od)) for od in scene.od.T]

    def every() -> None:
        for spectrum in spectra:
            lincombo_fit(
                spectrum, components, minvals=[0.0] * phases, maxvals=[np.inf] * phases, sum_to_one=False
            )

    return every
