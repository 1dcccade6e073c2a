"""The counts of a recording into a file that other programs read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from operando.errors import ConfigurationError, DamagedFileError
from operando.io.filled import with_images
from operando.io.layouts import DocumentReader, Item
from operando.io.nxstxm_writer import write_nxstxm
from operando.io.rawstack import stacks_of
from operando.io.sdf_writer import write_sdf
from operando.io.sources import Source
from operando.settings import LayoutSettings

__all__ = ["ExportFormat", "export", "format_of"]

_log = logging.getLogger(__name__)

_BATCH = 256


class ExportFormat(StrEnum):
    """What raw stacks can be written as."""

    NXSTXM = "nxstxm"
    SDF = "sdf"


_BY_SUFFIX = {
    ".hdf5": ExportFormat.NXSTXM,
    ".h5": ExportFormat.NXSTXM,
    ".hdf": ExportFormat.NXSTXM,
    ".nxs": ExportFormat.NXSTXM,
    ".stxm": ExportFormat.NXSTXM,
    ".hdr": ExportFormat.SDF,
}


def format_of(output: Path) -> ExportFormat:
    """Return the format that the ending of a file's name means.

    Raises
    ------
    ConfigurationError
        It means none that is written.
    """
    try:
        return _BY_SUFFIX[output.suffix.lower()]
    except KeyError:
        msg = f"{output} ends in '{output.suffix}'; end it in {', '.join(_BY_SUFFIX)}"
        raise ConfigurationError(msg) from None


def export(source: Source, output: Path, layout: LayoutSettings) -> int:
    """Write the images of all runs of a source, every cycle, and return how many cycles there were.

    Parameters
    ----------
    source
        A recording; read to its end and closed.
    output
        `.hdf5`, `.h5`, `.hdf`, `.nxs` or `.stxm` for NXstxm, `.hdr` for SDF; must not exist.
    layout
        How the documents are to be read.

    Raises
    ------
    ConfigurationError
        The output exists, or ends in something else.
    OperandoError
        The source cannot be read, or holds no image.
    """
    write = {ExportFormat.NXSTXM: write_nxstxm, ExportFormat.SDF: write_sdf}[format_of(output)]
    if output.exists():
        msg = f"{output} exists already; choose another name"
        raise ConfigurationError(msg)
    try:
        return write(output, stacks_of(_items(source, layout)))
    finally:
        source.close()


def _items(source: Source, layout: LayoutSettings) -> Iterator[Item]:
    reader = DocumentReader(layout)
    source = with_images(source, layout)
    after = 0
    while not source.has_ended(after):
        try:
            batch = source.read(after, _BATCH)
        except DamagedFileError as error:
            if not after:
                raise
            # What stands before the damage is kept.
            _log.error("%s", error)
            return
        for logged in batch:
            yield from reader.read(logged.name, logged.document)
            after = logged.seq
    yield from reader.endings()
