"""A hash by which references are known again."""

from __future__ import annotations

import hashlib

from operando.core.references import Library

__all__ = ["fingerprint"]


def fingerprint(library: Library) -> str:
    """Return a hash over all that the references say, whatever files they came from."""
    digest = hashlib.sha256()
    for phase in library.phases:
        digest.update(f"{phase.name}\0{phase.lithium!r}\0{phase.sigma!r}\0".encode())
        digest.update(phase.energy_ev.tobytes())
        digest.update(phase.value.tobytes())
    return digest.hexdigest()
