"""What a window calls to have its panels drawn; matplotlib is loaded when that is asked for, not before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from operando.view.orders import Orders

__all__ = ["paper_for"]


def paper_for(results: Path) -> Callable[[Orders, Path], tuple[Path, ...]]:
    """Return what draws orders into a folder, with the settings of a results file in the tables.

    Parameters
    ----------
    results
        The results file of what is watched; while it is not there, the settings are left out.
    """

    def drawn(orders: Orders, folder: Path) -> tuple[Path, ...]:
        from operando.app.paper import put_on_paper, settings_beside  # noqa: PLC0415 - takes a second

        return put_on_paper(orders, folder, settings_beside(results))

    return drawn
