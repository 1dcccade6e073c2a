"""From what the user wrote to a source of documents."""

from __future__ import annotations

import threading
from pathlib import Path

from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable
from operando.io.documents import read_json_documents
from operando.io.keys import load_client_keys
from operando.io.remote_log import RecordedPart, RemoteLog
from operando.io.runlog import LogReader
from operando.io.sdf import read_sdf
from operando.io.sources import DocumentSource, FollowedLog, PacedSource, RecordedLog, Source

__all__ = ["advice_of", "folder_of", "follow_log", "open_recording", "results_of", "runs_of"]

_JSON = frozenset({".json", ".jsonl", ".ndjson"})
_UNFIT = str.maketrans(dict.fromkeys("/\\:[]", "-"))
"""Letters of an address that have no place in the name of a file."""


def open_recording(text: str, speed: float | None = None, keys: Path | None = None) -> Source:
    """Return the documents of a finished recording.

    Parameters
    ----------
    text
        Path of a run log, of documents as JSON or JSON lines, or of an SDF header (`.hdr`); or the
        address of a served run log, which is read up to where it is now.
    speed
        Acquisition seconds per wall second; None for as fast as it can.
    keys
        Folder of the keys for an address; None without.

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
    source = _recording(text, keys)
    return source if speed is None else PacedSource(source, speed)


def _recording(text: str, keys: Path | None) -> Source:
    if _is_address(text):
        return RecordedPart(_remote(text, threading.Event(), keys))
    path = _path(text)
    if path.suffix.lower() == ".hdr":
        return DocumentSource(read_sdf(path), str(path))
    if path.suffix.lower() in _JSON:
        return DocumentSource(read_json_documents(path), str(path))
    return RecordedLog(LogReader(path), str(path))


def follow_log(text: str, ended: threading.Event, keys: Path | None = None) -> Source:
    """Return the documents of a run log that is being written, until told that it has ended.

    Parameters
    ----------
    text
        Path of the log, or the address where it is served.
    ended
        Set by whoever knows that no more will be written.
    keys
        Folder of the keys for an address; None without.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        There is no run log there.
    ConfigurationError
        It is an address that is not on this machine and there are no keys, or not the right ones.
    """
    if _is_address(text):
        return _remote(text, ended, keys)
    path = _path(text)
    return FollowedLog(LogReader(path), str(path), ended)


def folder_of(text: str) -> Path | None:
    """Return the folder that a source lies in, or None if it is not a file."""
    path = Path(text)
    return path.parent if path.exists() else None


def results_of(text: str) -> Path:
    """Return what the results of a source are called, in the present folder."""
    name = text.partition("://")[2].translate(_UNFIT) if _is_address(text) else Path(text).stem
    return Path(f"{name}-lithiation.h5")


def advice_of(text: str) -> Path:
    """Return where the advice about a source goes: beside a log; of an address, in the present folder."""
    if _is_address(text):
        name = text.partition("://")[2].translate(_UNFIT)
        return Path(f"{name}.advice.json")
    return Path(f"{text}.advice.json")


def runs_of(text: str) -> frozenset[str]:
    """Return the uids of the runs in a run log; none of another kind of source, or of a damaged log.

    Raises
    ------
    OperandoError
        As `open_recording`.
    """
    if _is_address(text):
        return frozenset()
    path = _path(text)
    if path.suffix.lower() in _JSON | {".hdr"}:
        return frozenset()
    with LogReader(path) as log:
        try:
            return log.runs()
        except DamagedFileError:
            # What stands before the damage can still be read.
            return frozenset()


def _remote(text: str, ended: threading.Event, keys: Path | None) -> RemoteLog:
    return RemoteLog(text, ended, keys=None if keys is None else load_client_keys(keys))


def _is_address(text: str) -> bool:
    return "://" in text


def _path(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        msg = f"there is no file {text}; give the path of a run log, a .json or .jsonl file, or a .hdr file"
        raise SourceUnreachable(msg)
    return path
