"""From what the user wrote to a source of documents."""

from __future__ import annotations

import threading
from pathlib import Path

from operando.errors import ConfigurationError, SourceUnreachable
from operando.io.documents import read_json_documents
from operando.io.runlog import LogReader
from operando.io.sdf import read_sdf
from operando.io.sources import DocumentSource, FollowedLog, PacedSource, RecordedLog, Source

__all__ = ["folder_of", "follow_log", "open_recording"]

_JSON = frozenset({".json", ".jsonl", ".ndjson"})


def open_recording(text: str, speed: float | None = None) -> Source:
    """Return the documents of a finished recording.

    Parameters
    ----------
    text
        Path of a run log, of documents as JSON or JSON lines, or of an SDF header (`.hdr`).
    speed
        Acquisition seconds per wall second; None for as fast as it can.

    Raises
    ------
    SourceUnreachable
        There is nothing there.
    DamagedFileError
        There is something else.
    ConfigurationError
        The kind of source is not one that is read, or the speed is not above zero.
    """
    if speed is not None and not speed > 0:
        msg = f"the speed is {speed}; give a number above 0, or 'max'"
        raise ConfigurationError(msg)
    path = _path(text)
    source: Source
    if path.suffix.lower() == ".hdr":
        source = DocumentSource(read_sdf(path), str(path))
    elif path.suffix.lower() in _JSON:
        source = DocumentSource(read_json_documents(path), str(path))
    else:
        source = RecordedLog(LogReader(path), str(path))
    return source if speed is None else PacedSource(source, speed)


def follow_log(text: str, ended: threading.Event) -> Source:
    """Return the documents of a run log that is being written, until told that it has ended.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        There is no run log there.
    ConfigurationError
        It is not a path.
    """
    path = _path(text)
    return FollowedLog(LogReader(path), str(path), ended)


def folder_of(text: str) -> Path | None:
    """Return the folder that a source lies in, or None if it is not a file."""
    path = Path(text)
    return path.parent if path.exists() else None


def _path(text: str) -> Path:
    if "://" in text:
        msg = f"{text} is a network address; this version reads run logs, .json, .jsonl and .hdr files"
        raise ConfigurationError(msg)
    path = Path(text)
    if not path.is_file():
        msg = f"there is no file {text}; give the path of a run log, a .json or .jsonl file, or a .hdr file"
        raise SourceUnreachable(msg)
    return path
