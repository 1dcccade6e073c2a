"""The window while the first rows come in, as a moving picture: `python -m operando.view.filling FILE`.

From the same made-up run as the gallery; it is the animation of the README.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from operando.view.example import ENERGIES_EV, Stage, Story, records_until, snapshot_at
from operando.view.history import HistoryBook
from operando.view.options import DashboardOptions
from operando.view.show import Sitting, picture_of

if TYPE_CHECKING:
    from PySide6.QtGui import QPixmap

__all__ = ["draw_filling"]

_WIDTH = 800
_ROWS_A_FRAME = 32
_FRAME_MS = 300
_LAST_MS = 2500
_COLOURS = 96
_STORY = Story(findings=())


def draw_filling(path: Path, cycles: int = 2) -> int:
    """Draw some cycles from their first row on into an animated GIF; return how many frames it has.

    Raises
    ------
    ConfigurationError
        If Qt's libraries are missing.
    OSError
        The file cannot be written.
    """
    frames = [_shown(stage) for stage in _stages(cycles)]
    # One palette for all, so that what stands still is the same in every frame, and packs to nothing.
    # By how far colours reach, not by how much there is of each: letters are few dots, and white.
    palette = frames[-1].quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE)
    few = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    lasting_ms = [_FRAME_MS] * (len(few) - 1) + [_LAST_MS]
    few[0].save(path, save_all=True, append_images=few[1:], duration=lasting_ms, loop=0, optimize=False)
    return len(few)


def _stages(cycles: int) -> Iterator[Stage]:
    rows = _STORY.shape[0]
    for cycle in range(cycles):
        for energy in range(ENERGIES_EV.size):
            for row in range(_ROWS_A_FRAME, rows + 1, _ROWS_A_FRAME):
                yield Stage(cycle, energy, row) if row < rows else _next(cycle, energy)


def _next(cycle: int, energy: int) -> Stage:
    """Return the stage after a frame is whole."""
    return Stage(cycle, energy + 1, 0) if energy + 1 < ENERGIES_EV.size else Stage(cycle + 1)


def _shown(stage: Stage) -> Image.Image:
    book = HistoryBook()
    for record in records_until(stage.cycles, _STORY):
        book.note(record)
    options = DashboardOptions(history=book.read, clock=lambda: 0.0)
    return _image(picture_of(snapshot_at(stage, _STORY), Sitting(options)))


def _image(picture: QPixmap) -> Image.Image:
    from PySide6.QtGui import QImage  # noqa: PLC0415 - only once Qt is known to load

    whole = picture.toImage().convertToFormat(QImage.Format.Format_RGB888)
    high, wide, stride = whole.height(), whole.width(), whole.bytesPerLine()
    dots = np.frombuffer(whole.constBits(), np.uint8).reshape(high, stride)[:, : 3 * wide]
    image = Image.fromarray(dots.reshape(high, wide, 3).copy())
    return image.resize((_WIDTH, round(high * _WIDTH / wide)), Image.Resampling.LANCZOS)


def main() -> int:
    """Draw into the file that is named."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m operando.view.filling FILE.gif\n")
        return 2
    draw_filling(Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
