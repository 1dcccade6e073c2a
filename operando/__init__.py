"""Lithiation maps from few-energy STXM, with their uncertainty, while the scan is running.

    from operando import Library, LithiationEstimator

    estimator = LithiationEstimator(Library.load("library.toml"))
    estimator.partial_fit(energy_ev, od, variance)

Both are loaded when they are asked for: a monitor needs neither here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from operando.core.estimator import LithiationEstimator
    from operando.io.library import LoadableLibrary as Library

__version__ = "0.1.0"
__all__ = ["Library", "LithiationEstimator", "__version__"]


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name == "Library":
        from operando.io.library import LoadableLibrary  # noqa: PLC0415 - this is what makes it lazy

        return LoadableLibrary
    if name == "LithiationEstimator":
        from operando.core.estimator import LithiationEstimator  # noqa: PLC0415 - this is what makes it lazy

        return LithiationEstimator
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
