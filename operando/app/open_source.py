"""From what the user wrote to a source of documents: one table says which kind is which."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from operando.app.file_kinds import FileKind, is_address, kind_of, without_key
from operando.errors import ConfigurationError, DamagedFileError, OperandoError, SourceUnreachable
from operando.io.catalog import read_catalog
from operando.io.documents import read_json_documents
from operando.io.embedded_catalog import SCHEME
from operando.io.followed_catalog import follow_catalog
from operando.io.hdf5_documents import read_hdf5
from operando.io.kafka import open_kafka
from operando.io.keys import load_client_keys
from operando.io.msgpack_documents import read_msgpack_documents
from operando.io.past_damage import PastDamage
from operando.io.proxy import ProxySource
from operando.io.ptychography import read_ptychography
from operando.io.remote_log import RecordedPart, RemoteLog
from operando.io.repair import RepairedSource
from operando.io.runlog import LogReader
from operando.io.sdf import read_sdf
from operando.io.sources import DocumentSource, FollowedLog, PacedSource, RecordedLog, Source
from operando.io.tiff_stack import holds_tiffs, read_tiff_stack

__all__ = [
    "Opened",
    "advice_of",
    "folder_of",
    "follow_log",
    "log_of",
    "open_recording",
    "results_of",
    "runs_of",
]

_UNFIT = str.maketrans(dict.fromkeys("/\\:[]#", "-"))
"""Letters of an address that have no place in the name of a file."""
_MOST_LETTERS = 150
"""Of an address in the name of a file: disks bear 255 bytes, and more is added behind."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A source to be followed.

    Attributes
    ----------
    source
        Its documents.
    can_reread
        Whether it has what it gave before, so that a monitor that was killed can go on from its checkpoint.
    """

    source: Source
    can_reread: bool


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the user wrote, and the folder of the keys for it, or None."""

    text: str
    keys: Path | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one kind of source is opened.

    Attributes
    ----------
    record
        Its documents up to now, or None if it keeps none.
    follow
        Those that come as well, or None if none will.
    can_reread
        As in `Opened`.
    """

    record: Callable[[_Wanted], Source] | None
    follow: Callable[[_Wanted, threading.Event], Source] | None
    can_reread: bool = True


def open_recording(text: str, speed: float | None = None, keys: Path | None = None) -> Source:
    """Return the documents of a finished recording.

    Parameters
    ----------
    text
        Path of a run log, of documents as JSON or JSON lines, of an SDF header (`.hdr`), of a NXstxm or Data
        Exchange file (`.hdf5`, `.h5`, `.hdf`, `.nxs`, `.stxm`), of a ptychographic reconstruction (`.cxi`,
        `.ptyr`), of TIFF images with their settings beside them, or a folder of one of the last two; or the
        address of a served run log or a topic, which is read up to where it is now; or that of runs in a
        catalog, `https://…#UID,UID` of a Tiled server or `catalog:FOLDER#UID,UID`; documents as msgpack
        (`.msgpack`).
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
    record = _kind(text).record
    if record is None:
        msg = f"{text} keeps nothing that could be replayed; follow it with 'operando monitor'"
        raise ConfigurationError(msg)
    source = record(_Wanted(text, keys))
    return source if speed is None else PacedSource(source, speed)


def follow_log(
    text: str, ended: threading.Event, *, keys: Path | None = None, repair: Path | None = None
) -> Opened:
    """Return the documents of a run log that is being written, until told that it has ended.

    Parameters
    ----------
    text
        Path of the log, or the address where it is served, or that of a proxy.
    ended
        Set by whoever knows that no more will be written.
    keys
        Folder of the keys for an address; None without.
    repair
        A run log of the same documents, for what a proxy loses.

    Raises
    ------
    SourceUnreachable, DamagedFileError
        There is no run log there.
    ConfigurationError
        It is an address that is not on this machine and there are no keys, or not the right ones; or a source
        to which nothing is added.
    """
    kind = _kind(text)
    if kind.follow is None:
        msg = f"nothing is added to {text}; fit it with 'operando replay'"
        raise ConfigurationError(msg)
    if repair is not None and kind.can_reread:
        msg = f"{text} loses nothing, so nothing is to be repaired; leave --repair out"
        raise ConfigurationError(msg)
    wanted = _Wanted(text, keys)
    if repair is None:
        return Opened(kind.follow(wanted, ended), kind.can_reread)
    log = _followed_log(_Wanted(str(repair)), ended)
    try:
        line = kind.follow(wanted, ended)
    except OperandoError:
        log.close()
        raise
    return Opened(RepairedSource(line, log), can_reread=False)


def folder_of(text: str) -> Path | None:
    """Return the folder that a source lies in, or None if it is not a file."""
    path = Path(text)
    return path.parent if path.exists() else None


def log_of(text: str) -> Path | None:
    """Return the run log that a source is, or None if it is not one on a disk of this machine."""
    return Path(text) if _kind(text) is _RUN_LOG else None


def results_of(text: str) -> Path:
    """Return what the results of a source are called, in the present folder."""
    return Path(f"{_name_of(text) if is_address(text) else Path(text).stem}-lithiation.h5")


def advice_of(text: str) -> Path:
    """Return where the advice about a source goes: beside a log; of an address, in the present folder."""
    return Path(f"{_name_of(text) if is_address(text) else text}.advice.json")


def runs_of(text: str) -> frozenset[str]:
    """Return the uids of the runs in a run log; none of another kind of source, or of a damaged log.

    Raises
    ------
    OperandoError
        As `open_recording`.
    """
    if _kind(text) is not _RUN_LOG:
        return frozenset()
    path = _path(text)
    with LogReader(path) as log:
        try:
            return log.runs()
        except DamagedFileError:
            # What stands before the damage can still be read.
            return frozenset()


def _recorded_log(wanted: _Wanted) -> Source:
    path = _path(wanted.text)
    return PastDamage(RecordedLog(LogReader(path), str(path)))


def _followed_log(wanted: _Wanted, ended: threading.Event) -> Source:
    path = _path(wanted.text)
    return PastDamage(FollowedLog(LogReader(path), str(path), ended))


def _served_part(wanted: _Wanted) -> Source:
    return PastDamage(RecordedPart(_remote(wanted, threading.Event())))


def _served(wanted: _Wanted, ended: threading.Event) -> Source:
    return PastDamage(_remote(wanted, ended))


def _remote(wanted: _Wanted, ended: threading.Event) -> RemoteLog:
    keys = None if wanted.keys is None else load_client_keys(wanted.keys)
    return RemoteLog(wanted.text, ended, keys=keys)


def _topic_part(wanted: _Wanted) -> Source:
    return PastDamage(RecordedPart(open_kafka(wanted.text, threading.Event())))


def _topic(wanted: _Wanted, ended: threading.Event) -> Source:
    return PastDamage(open_kafka(wanted.text, ended))


def _proxy(wanted: _Wanted, ended: threading.Event) -> Source:
    return ProxySource(wanted.text, ended)


def _catalog_run(wanted: _Wanted) -> Source:
    address, _, named = wanted.text.partition("#")
    uids = [uid for uid in named.split(",") if uid]
    if not uids:
        msg = f"{address.partition('?')[0]} is a catalog; name the run too: operando replay ADDRESS UID"
        raise ConfigurationError(msg)
    # The first at once: whoever opens it is to be told that nothing answers there.
    first = read_catalog(address, uids[0])
    runs = chain(first, chain.from_iterable(read_catalog(address, uid) for uid in uids[1:]))
    return DocumentSource(runs, f"{address.partition('?')[0]} {' '.join(uids)}")


def _growing_run(wanted: _Wanted, ended: threading.Event) -> Source:
    address, _, uid = wanted.text.partition("#")
    if not uid or "," in uid:
        msg = f"{address.partition('?')[0]} is a catalog; name one run of it: operando monitor 'ADDRESS#UID'"
        raise ConfigurationError(msg)
    return follow_catalog(address, uid, ended)


def _documents(wanted: _Wanted) -> Source:
    path = _path(wanted.text)
    return DocumentSource(read_json_documents(path), str(path))


def _packed_documents(wanted: _Wanted) -> Source:
    path = _path(wanted.text)
    return DocumentSource(read_msgpack_documents(path), str(path))


def _sdf(wanted: _Wanted) -> Source:
    path = _path(wanted.text)
    return DocumentSource(read_sdf(path), str(path))


def _hdf5(wanted: _Wanted) -> Source:
    path = _path(wanted.text)
    return DocumentSource(read_hdf5(path), str(path))


def _tiffs(wanted: _Wanted) -> Source:
    return DocumentSource(read_tiff_stack(wanted.text), wanted.text)


def _objects(wanted: _Wanted) -> Source:
    return DocumentSource(read_ptychography(wanted.text), wanted.text)


_RUN_LOG = _Kind(_recorded_log, _followed_log)
_SERVED = _Kind(_served_part, _served)
_CATALOG = _Kind(_catalog_run, _growing_run, can_reread=False)
_BY_SCHEME = {
    "proxy": _Kind(None, _proxy, can_reread=False),
    "kafka": _Kind(_topic_part, _topic),
    "http": _CATALOG,
    "https": _CATALOG,
    SCHEME.rstrip(":"): _CATALOG,
}
_BY_KIND = {
    FileKind.RUN_LOG: _RUN_LOG,
    FileKind.JSON: _Kind(_documents, None),
    FileKind.MSGPACK: _Kind(_packed_documents, None),
    FileKind.SDF: _Kind(_sdf, None),
    FileKind.HDF5: _Kind(_hdf5, None),
    FileKind.PTYCHOGRAPHY: _Kind(_objects, None),
    FileKind.TIFF: _Kind(_tiffs, None),
}


def _kind(text: str) -> _Kind:
    """Return which kind of source is meant: by the scheme of an address, or the ending of a name."""
    if is_address(text):
        return _BY_SCHEME.get(text.partition(":")[0], _SERVED)
    if Path(text).is_dir():
        return _BY_KIND[FileKind.TIFF if holds_tiffs(Path(text)) else FileKind.PTYCHOGRAPHY]
    return _BY_KIND[kind_of(Path(text)) or FileKind.RUN_LOG]


def _name_of(address: str) -> str:
    """Return what files about an address are called: nothing in it is a key, and disks bear its length."""
    plain = without_key(address)
    place, mark, runs = plain.partition("#")
    # Of a folder, its last name.
    named = Path(place.removeprefix(SCHEME)).name if place.startswith(SCHEME) else place.partition("://")[2]
    name = f"{named}{mark}{runs}".translate(_UNFIT)
    tag = hashlib.sha256(plain.encode()).hexdigest()[:8]
    return name if len(name) <= _MOST_LETTERS else f"{name[:_MOST_LETTERS]}-{tag}"


def _path(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        msg = (
            f"there is no file {text}; give the path of a run log, of documents (.json, .jsonl), "
            "of an SDF header (.hdr), of a NXstxm or Data Exchange file, or of a reconstruction (.cxi, .ptyr)"
        )
        raise SourceUnreachable(msg)
    return path
