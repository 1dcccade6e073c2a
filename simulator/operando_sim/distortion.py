"""A stream of documents that suffers faults, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from operando_sim.document_faults import Document, DocumentFault

__all__ = ["Distortion", "distorted"]


class Distortion:
    """Documents pass through faults, one after the other; called with each in turn.

    Parameters
    ----------
    faults
        In the order in which they happen.
    seed
        Of all that is left to chance.
    """

    def __init__(self, faults: Sequence[DocumentFault], seed: int) -> None:
        rng = random.Random(seed)  # noqa: S311 - it only has to be the same again
        self._stages = [fault.begin(random.Random(rng.getrandbits(64))) for fault in faults]  # noqa: S311

    def __call__(self, name: str, document: dict[str, Any]) -> list[Document]:
        """Return what arrives when this document is sent."""
        documents: list[Document] = [(name, document)]
        for stage in self._stages:
            documents = [passed for sent in documents for passed in stage(sent)]
        return documents


def distorted(
    documents: Iterable[Document], faults: Sequence[DocumentFault], seed: int
) -> Iterator[Document]:
    """Yield what arrives of `documents`."""
    distortion = Distortion(faults, seed)
    for name, document in documents:
        yield from distortion(name, document)
