"""The counts of a recording into a file that other programs read; recordings and results as documents."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from operando.app.await_log import follow_when_there
from operando.app.file_kinds import FileKind, endings_of, is_catalog, kind_of, without_key
from operando.app.fresh import refuse_existing
from operando.app.open_source import open_recording
from operando.errors import ConfigurationError, DamagedFileError
from operando.io.analysis_run import analysis_documents
from operando.io.document_writer import write_json_lines, write_to_catalog
from operando.io.filled import with_images
from operando.io.layouts import DocumentReader, Item
from operando.io.nxstxm_writer import write_nxstxm
from operando.io.rawstack import stacks_of
from operando.io.results import is_results, read_results
from operando.io.sdf_writer import write_sdf
from operando.io.sources import Source
from operando.settings import LayoutSettings

__all__ = ["export", "export_documents", "export_growing", "takes_documents"]

_BATCH = 256
_WRITERS = {FileKind.HDF5: write_nxstxm, FileKind.SDF: write_sdf}
_LINES = (".jsonl", ".ndjson")
_POLL_S = 0.3


def takes_documents(output: str) -> bool:
    """Return whether documents are written there, rather than images."""
    return is_catalog(output) or Path(output).suffix.lower() in _LINES


def export_documents(text: str, output: str, keys: Path | None = None) -> int:
    """Write the documents of a recording, or of the analysis run of a results file; return how many runs.

    Parameters
    ----------
    text
        Any recording, or a results file.
    output
        A file of JSON lines (`.jsonl`, `.ndjson`), which must not exist, or the address of a catalog.
    keys
        Folder of the keys for an address to read from.

    Raises
    ------
    ConfigurationError
        The output exists.
    DamagedFileError
        Part of the source is damaged; the rest is written.
    OperandoError
        The source cannot be read, or the catalog not be written.
    """
    if not is_catalog(output):
        refuse_existing(Path(output))
    path = Path(text)
    if path.is_file() and kind_of(path) is FileKind.HDF5 and is_results(path):
        documents = analysis_documents(read_results(path))
        return _written(documents, output)
    source = open_recording(text, keys=keys)
    damage: list[str] = []
    try:
        runs = _written(_documents(source, damage), output)
        _say_damage([*damage, *_passed_over(source)], output)
        return runs
    finally:
        source.close()


def export_growing(
    text: str,
    output: str,
    ended: threading.Event,
    tell: Callable[[str], None] = lambda _words: None,
    keys: Path | None = None,
) -> int:
    """Write the documents of a run log into a catalog as they come; return how many runs there were.

    Parameters
    ----------
    text
        A run log, there or not yet, or the address where one is served.
    output
        Address of the catalog.
    ended
        Set by whoever knows that no more will be written.
    tell
        Called with a sentence if the log has to be waited for.
    keys
        Folder of the keys for an address to read from.

    Raises
    ------
    ConfigurationError
        The output is no catalog, or has one of the runs already.
    OperandoError
        The log cannot be followed, or the catalog not be written.
    """
    if not is_catalog(output):
        msg = f"{output} is written in one go; --follow writes into a catalog, https://… or catalog:FOLDER"
        raise ConfigurationError(msg)
    source = follow_when_there(text, ended, tell, keys=keys).source
    try:
        return write_to_catalog(output, _growing(source, ended), rows=1)
    finally:
        source.close()


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
    DamagedFileError
        Part of the source is damaged; the rest is written.
    OperandoError
        The source cannot be read, or holds no image.
    """
    kind = kind_of(output)
    if kind is None or kind not in _WRITERS:
        msg = f"{output} ends in '{output.suffix}'; end it in {', '.join((*endings_of(*_WRITERS), *_LINES))}"
        raise ConfigurationError(msg)
    refuse_existing(output)
    damage: list[str] = []
    try:
        cycles = _WRITERS[kind](output, stacks_of(_items(source, layout, damage)))
        _say_damage([*damage, *_passed_over(source)], str(output))
        return cycles
    finally:
        source.close()


def _written(documents: Iterator[tuple[str, Mapping[str, Any]]], output: str) -> int:
    if is_catalog(output):
        return write_to_catalog(output, documents)
    return write_json_lines(Path(output), documents)


def _growing(source: Source, ended: threading.Event) -> Iterator[tuple[str, Mapping[str, Any]]]:
    after = 0
    while not source.has_ended(after):
        batch = source.read(after, _BATCH)
        for logged in batch:
            yield logged.name, logged.document
            after = logged.seq
        if not batch:
            ended.wait(_POLL_S)


def _documents(source: Source, damage: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield documents up to the end, or to damage that is not passed over; that is added to `damage`."""
    after = 0
    while not source.has_ended(after):
        try:
            batch = source.read(after, _BATCH)
        except DamagedFileError as error:
            if not after:
                raise
            # What stands before the damage is kept.
            damage.append(str(error))
            return
        for logged in batch:
            yield logged.name, logged.document
            after = logged.seq


def _items(source: Source, layout: LayoutSettings, damage: list[str]) -> Iterator[Item]:
    reader = DocumentReader(layout)
    for name, document in _documents(with_images(source, layout), damage):
        yield from reader.read(name, document)
    yield from reader.endings()


def _passed_over(source: Source) -> Iterator[str]:
    return (found.message for found in source.findings() if found.code == "damage")


def _say_damage(damage: list[str], output: str) -> None:
    """Raise if what was written is not all that was recorded."""
    if damage:
        msg = f"{without_key(output)} has what is good; what is damaged is missing in it: {'; '.join(damage)}"
        raise DamagedFileError(msg)
