"""Pixels of like spectra as phases, without references: k-means in the space of the significant components.

As Santos et al. (Patterns 3 (2022) 100634) do with a full spectrum, live and with few energies. scikit-learn
takes a second to import, so nothing imports this that does not cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

from operando.core.components import Components
from operando.oddities import Clusters
from operando.types import FloatArray, MaskArray

__all__ = ["Clusters", "Division", "clustered"]

_BATCH = 4096
_STARTS = 5


@dataclass(frozen=True, slots=True)
class Division:
    """How to divide pixels.

    Attributes
    ----------
    count
        Into how many clusters.
    seed
        Of all that chance decides.
    """

    count: int
    seed: int


def clustered(
    od: FloatArray,
    variance: FloatArray,
    material: MaskArray,
    components: Components,
    division: Division,
    before: Clusters | None = None,
) -> Clusters:
    """Return the pixels in clusters.

    A pixel is placed by its scores relative to that of the first component, the amount of material, and
    counts by the square of that amount, as its noise demands.

    Parameters
    ----------
    od, variance
        Optical density and its variance, shape (energy, ny, nx); NaN where unknown.
    material
        Where there is enough material to judge, shape (ny, nx).
    components
        Of the spectra, with at least one that is significant.
    division
        How many clusters.
    before
        Those of the cycle before: their spectra are the first centres, and their numbers are kept.

    Raises
    ------
    ValueError
        No component is significant, or fewer pixels than clusters can be judged.
    """
    count = division.count
    known = material & (np.isfinite(od) & (variance > 0)).all(axis=0)
    if components.significant == 0 or known.sum() < count:
        msg = (
            f"{count} clusters need as many pixels and one significant component; there are "
            f"{int(known.sum())} pixels and {components.significant} components"
        )
        raise ValueError(msg)
    spectra = od[:, known]
    places, weights = _placed(components.scores(spectra))
    first = None if before is None else _centres(before, components, count)
    start: Any = "k-means++" if first is None else first  # scikit-learn says str, and takes arrays
    starts: Any = _STARTS if first is None else 1
    machine = MiniBatchKMeans(
        n_clusters=count, init=start, n_init=starts, batch_size=_BATCH, random_state=division.seed
    )
    # Threads that wait for each other take longer than these few thousand pixels do.
    with threadpool_limits(1):
        found = machine.fit_predict(places, sample_weight=weights)
    centres = np.asarray(machine.cluster_centers_, dtype=np.float64)
    number = np.arange(count) if first is None else _assigned(centres, first)
    labels = np.zeros(known.shape, dtype=np.int32)
    labels[known] = number[found] + 1
    mean, error = _spectra(labels[known], spectra, variance[:, known], count)
    return Clusters(labels, mean, error)


def _placed(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return places, shape (pixel, coordinate), and weights, shape (pixel,)."""
    amount = np.maximum(scores[0], 1e-9)
    if len(scores) == 1:
        return np.zeros((scores.shape[1], 1)), np.ones(scores.shape[1])
    return np.ascontiguousarray((scores[1:] / amount).T), amount**2


def _centres(before: Clusters, components: Components, count: int) -> FloatArray | None:
    """Return where the clusters of before would be now, or None if they are no start."""
    if len(before.od) != count or not np.isfinite(before.od).all():
        return None
    return _placed(components.scores(before.od.T))[0]


def _assigned(centres: FloatArray, first: FloatArray) -> NDArray[np.intp]:
    """Return for each cluster the number of the one of before that it lies nearest to, each taken once."""
    distance = ((centres[:, None] - first[None]) ** 2).sum(axis=2)
    return linear_sum_assignment(distance)[1]


def _spectra(
    labels: NDArray[np.int32], spectra: FloatArray, variance: FloatArray, count: int
) -> tuple[FloatArray, FloatArray]:
    mean = np.full((count, len(spectra)), np.nan)
    error = np.full_like(mean, np.nan)
    for cluster in range(count):
        own = labels == cluster + 1
        if own.any():
            mean[cluster] = spectra[:, own].mean(axis=1)
            error[cluster] = np.sqrt(variance[:, own].sum(axis=1)) / own.sum()
    return mean, error
