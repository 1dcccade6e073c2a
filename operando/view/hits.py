"""Which outline is under the mouse."""

from __future__ import annotations

import numpy as np

from operando.view.album import Album, Pick

__all__ = ["outline_at"]


def outline_at(album: Album, x_um: float, y_um: float, near_um: float) -> Pick | None:
    """Return the region or mask whose outline passes nearest to a position, None where none is near."""
    nearest, found = near_um, None
    for pick in album.picks():
        region = album.at(pick)
        if region is None:
            continue
        start = np.array(region.polygon_um)
        along = np.roll(start, -1, axis=0) - start
        to_point = np.array([x_um, y_um]) - start
        length2 = np.maximum((along**2).sum(axis=1), 1e-30)
        share = np.clip((to_point * along).sum(axis=1) / length2, 0.0, 1.0)
        distance = float(np.hypot(*(to_point - share[:, np.newaxis] * along).T).min())
        if distance <= nearest:
            nearest, found = distance, pick
    return found
