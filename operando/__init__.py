"""Lithiation maps from few-energy STXM, with their uncertainty, while the scan is running."""

__version__ = "0.1.0"
__all__ = ["__version__"]
