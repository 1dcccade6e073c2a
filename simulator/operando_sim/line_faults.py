"""What goes wrong inside the documents of lines: an energy, some pixels or a channel is not there."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from operando_sim.document_faults import LINES, Document, DocumentFault

__all__ = ["MissingChannel", "MissingEnergy", "ShapeChange"]


@dataclass(frozen=True, slots=True)
class MissingEnergy(DocumentFault):
    """No line of one energy arrives.

    Attributes
    ----------
    index
        Which of the energies of the run.
    """

    index: int

    def begin(self, rng: random.Random) -> Callable[[Document], Iterable[Document]]:
        """Return a stream that lacks an energy."""
        del rng
        shape = [1, 1]

        def pass_on(document: Document) -> Iterator[Document]:
            name, content = document
            if name == "start":
                shape[:] = content.get("stxm", {}).get("shape", [1, 1])[:2]
            if name not in LINES or _energy_index(content, *shape) != self.index:
                yield document

        return pass_on


@dataclass(frozen=True, slots=True)
class ShapeChange(DocumentFault):
    """From some line on, lines have fewer pixels than were announced.

    Attributes
    ----------
    lines
        That are whole.
    fewer
        Pixels that the later ones lack.
    """

    lines: int
    fewer: int

    def begin(self, rng: random.Random) -> Callable[[Document], Iterable[Document]]:
        """Return a stream whose lines become shorter."""
        del rng

        def shortened(name: str, content: dict[str, Any]) -> dict[str, Any]:
            depth = int(name == "event_page")
            data = {key: _shortened(value, self.fewer, depth) for key, value in content["data"].items()}
            return {**content, "data": data}

        return _behind(self.lines, shortened)


@dataclass(frozen=True, slots=True)
class MissingChannel(DocumentFault):
    """From some line on, a channel that was announced is not in the lines.

    Attributes
    ----------
    key
        Of the channel.
    lines
        That still have it.
    """

    key: str
    lines: int

    def begin(self, rng: random.Random) -> Callable[[Document], Iterable[Document]]:
        """Return a stream that loses a channel."""
        del rng

        def without(_name: str, content: dict[str, Any]) -> dict[str, Any]:
            parts = {
                part: {key: value for key, value in content[part].items() if key != self.key}
                for part in ("data", "timestamps")
            }
            return {**content, **parts}

        return _behind(self.lines, without)


def _behind(
    lines: int, change: Callable[[str, dict[str, Any]], dict[str, Any]]
) -> Callable[[Document], Iterable[Document]]:
    """Return a stream that passes so many lines as they are, and changes all that follow."""
    count = 0

    def pass_on(document: Document) -> Iterator[Document]:
        nonlocal count
        name, content = document
        count += name in LINES
        yield (name, change(name, content)) if name in LINES and count > lines else document

    return pass_on


def _energy_index(line: dict[str, Any], energies: int, rows: int) -> int:
    """Return which energy a line belongs to: as it says, or by its number as the ALS counts."""
    index = line["data"].get("energy_index", line["seq_num"])
    first = index[0] if isinstance(index, list) else index
    return first if "energy_index" in line["data"] else (first - 1) // rows % energies


def _shortened(value: object, fewer: int, depth: int) -> object:
    """Return readings without the last ones; numbers stay as they are."""
    if isinstance(value, np.ndarray):
        return value[..., :-fewer] if value.ndim > depth else value
    if not isinstance(value, list):
        return value
    return [_shortened(item, fewer, depth - 1) for item in value] if depth else value[:-fewer]
