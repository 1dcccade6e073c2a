"""An order from the window or a command, as a picture file."""

from __future__ import annotations

from pathlib import Path

from operando.app.paper.maps import map_sheet
from operando.app.paper.sheet import save
from operando.app.paper.spectra import spectrum_sheet
from operando.app.paper.times import time_sheet
from operando.view.orders import MapOrder, Order, SpectrumOrder, TimeOrder

__all__ = ["draw"]


def draw(order: Order, path: Path) -> None:
    """Draw a panel into a file, at 300 dpi where it has dots.

    Parameters
    ----------
    order
        What to draw.
    path
        .png or .svg; replaced if it exists.

    Raises
    ------
    ConfigurationError
        The suffix is another one.
    OSError
        The file cannot be written.
    """
    match order:
        case MapOrder():
            sheet = map_sheet(order)
        case SpectrumOrder():
            sheet = spectrum_sheet(order)
        case TimeOrder():
            sheet = time_sheet(order)
    save(sheet, path)
