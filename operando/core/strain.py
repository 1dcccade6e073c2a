"""From the lithium content of a particle to its misfit strain and stress: a model, and only as good as one.

Lithium stretches the host, along each axis of the crystal by its own amount (Vegard). Neighbours that hold
different amounts cannot both have the length they want. What follows is linear elasticity of a thin plate:
plane stress, small strains, one crystal with two axes in the plane, coherent everywhere, free rim, no
plasticity, no cracks, and stiffness that does not depend on x. Santos et al., Patterns 3 (2022) 100634, do
the same with their maps. Every result says that it depends on this model.

Needs scikit-fem: the extra `strain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from skfem import Basis, BilinearForm, ElementQuad1, ElementVector, LinearForm, MeshQuad, condense, solve

from operando.crystal import Crystal
from operando.types import FloatArray, MaskArray

__all__ = ["StressMap", "concentration_mol_m3", "stress_of"]

_LEAST_PIXELS = 4


@dataclass(frozen=True, slots=True)
class StressMap:
    """Stress of one particle; depends on the model named on top of this module and on the crystal given.

    Attributes
    ----------
    stress_gpa
        xx, yy and xy in the middle of each pixel, shape (3, ny, nx); NaN outside.
    misfit_strain
        Wanted by the lithium there, xx, yy and 2 xy, relative to the particle's mean, same shape.
    is_model
        Always True: nothing here was measured but x.
    """

    stress_gpa: FloatArray
    misfit_strain: FloatArray
    is_model: bool = True

    @property
    def principal_gpa(self) -> FloatArray:
        """Largest and smallest principal stress, shape (2, ny, nx)."""
        xx, yy, xy = self.stress_gpa
        radius = np.hypot((xx - yy) / 2, xy)
        return np.stack([(xx + yy) / 2 + radius, (xx + yy) / 2 - radius])

    @property
    def von_mises_gpa(self) -> FloatArray:
        """Equivalent stress, shape (ny, nx)."""
        xx, yy, xy = self.stress_gpa
        return np.sqrt(xx**2 - xx * yy + yy**2 + 3 * xy**2)


def stress_of(
    lithium: FloatArray, particle: MaskArray, pitch_um: tuple[float, float], crystal: Crystal
) -> StressMap:
    """Return the stress in a particle from its lithium content.

    Each pixel is a bilinear element whose x is one value; pixels of the particle that have none take that of
    the nearest that has. Of pixels that hang together by corners only, the largest part is taken.

    Parameters
    ----------
    lithium
        x, shape (ny, nx); NaN where unknown.
    particle
        Its pixels, shape (ny, nx).
    pitch_um
        Distance of rows and of columns; both axes ascend.
    crystal
        Its elastic constants, misfit and orientation.

    Raises
    ------
    ValueError
        The particle has fewer than four pixels, or none with a lithium content.
    """
    body = _largest_part(particle)
    if body.sum() < _LEAST_PIXELS or not np.isfinite(lithium[body]).any():
        told = int(np.isfinite(lithium[body]).sum())
        msg = (
            f"a particle of {int(body.sum())} pixels, {told} with x, has no stress; it needs {_LEAST_PIXELS} "
            "pixels that hang together, and x in one of them"
        )
        raise ValueError(msg)
    x = _filled(lithium, body)[body]
    # The plate may expand as a whole; only differences make stress, and small numbers keep their digits.
    wanted = crystal.misfit_strain()[:, None] * (x - x.mean())
    stiffness = crystal.plane_stress_gpa()
    stress = _solved(_mesh(body, pitch_um), stiffness, wanted)
    image = np.full((2, 3, *body.shape), np.nan)
    image[0][:, body], image[1][:, body] = stress, wanted
    return StressMap(image[0], image[1])


def concentration_mol_m3(lithium: FloatArray, density_g_cm3: float, molar_mass_g_mol: float) -> FloatArray:
    """Return the concentration of lithium, mol per m³ of host, any shape.

    c = x · ρ / M, since each formula unit of the host holds x lithium. A published script has a slip of
    operator precedence here; what it should be is tested.

    Parameters
    ----------
    lithium
        x.
    density_g_cm3, molar_mass_g_mol
        Of the host without lithium.
    """
    host_mol_m3 = 1e6 * density_g_cm3 / molar_mass_g_mol
    return lithium * host_mol_m3


def _largest_part(particle: MaskArray) -> MaskArray:
    labels = np.zeros(particle.shape, dtype=np.int32)
    ndimage.label(particle, output=labels)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return (labels == int(sizes.argmax())) & particle


def _filled(lithium: FloatArray, body: MaskArray) -> FloatArray:
    known = body & np.isfinite(lithium)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    rows, columns = np.asarray(nearest)
    return lithium[rows, columns]


def _mesh(body: MaskArray, pitch_um: tuple[float, float]) -> MeshQuad:
    """Return one element per pixel, in the order of `body`'s pixels."""
    rows, columns = np.nonzero(body)
    width = body.shape[1] + 1
    corners = np.stack(
        [
            rows * width + columns,
            rows * width + columns + 1,
            (rows + 1) * width + columns + 1,
            (rows + 1) * width + columns,
        ]
    )
    used, numbered = np.unique(corners, return_inverse=True)
    places = np.stack([used % width * pitch_um[1], used // width * pitch_um[0]]).astype(np.float64)
    return MeshQuad(places, np.ascontiguousarray(numbered.reshape(corners.shape)))


def _solved(mesh: Any, stiffness: FloatArray, wanted: FloatArray) -> FloatArray:  # noqa: ANN401
    """Return the stress in the middle of every element, shape (3, element).

    Parameters
    ----------
    mesh
        Of quadrilaterals; scikit-fem says nothing of its types.
    stiffness
        Shape (3, 3).
    wanted
        Misfit strain of every element, shape (3, element).
    """
    basis: Any = Basis(mesh, ElementVector(ElementQuad1()), intorder=2)
    pulled = stiffness @ wanted

    @BilinearForm
    def stiffness_form(u: Any, v: Any, _: Any) -> Any:  # noqa: ANN401
        return np.einsum("ij,j...,i...->...", stiffness, _strain(u.grad), _strain(v.grad))

    @LinearForm
    def misfit_form(v: Any, _: Any) -> Any:  # noqa: ANN401
        return np.einsum("ie,ieq->eq", pulled, _strain(v.grad))

    matrix, load = stiffness_form.assemble(basis), misfit_form.assemble(basis)
    # Nothing holds the plate: two nodes are held so that it neither moves nor turns, and carry no force.
    nodes = basis.nodal_dofs
    far = int(np.argmax(np.hypot(*(mesh.p - mesh.p[:, :1]))))
    across = int(abs(mesh.p[0, far] - mesh.p[0, 0]) >= abs(mesh.p[1, far] - mesh.p[1, 0]))
    held = np.array([nodes[0, 0], nodes[1, 0], nodes[across, far]])
    moved: Any = solve(*condense(matrix, load, D=held))
    centre = (np.array([[0.5], [0.5]]), np.ones(1))
    middle: Any = Basis(mesh, ElementVector(ElementQuad1()), quadrature=centre)
    strain = _strain(middle.interpolate(moved).grad)[..., 0]
    return stiffness @ (strain - wanted)


def _strain(grad: Any) -> FloatArray:  # noqa: ANN401
    """Return xx, yy and 2 xy of a displacement gradient, shape (3, ...)."""
    return np.stack([grad[0, 0], grad[1, 1], grad[0, 1] + grad[1, 0]])
