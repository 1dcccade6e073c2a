"""A recorded run in a Tiled catalog, as documents: built from its columns, never from replayed events.

`run.documents()` of bluesky-tiled-plugins pairs images with the wrong energies where a run was paused. Here
the rows of the table and of the arrays are read side by side, in slices, and of the rows with one number
the last one counts, as in the run itself. A databroker 2 catalog is a Tiled catalog too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable
from operando.io.embedded_catalog import SCHEME, folder_of_catalog, opened_catalog
from operando.io.endpoints import web_address
from operando.io.plain import as_plain

__all__ = [
    "Column",
    "Node",
    "columns_of",
    "connected",
    "descriptor_of",
    "documents_of_run",
    "events_of",
    "read_catalog",
    "run_in",
    "shown",
    "streams_of",
]

_SLICE_BYTES = 16 * 2**20
_OWN = frozenset({"seq_num", "time"})
_STAMP = "ts_"


class Column(Protocol):
    """One value a row, in an array whose first axis is the row."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, and the shape of a value."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Kind of the values."""
        ...

    def __getitem__(self, rows: slice, /) -> np.ndarray[Any, Any]:
        """Return some rows."""
        ...


class Node(Protocol):
    """A run, a stream, or what holds them."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What is said of it."""
        ...

    def __iter__(self) -> Iterator[str]:
        """Yield the names of what it holds."""
        ...

    def __getitem__(self, name: str, /) -> Any:  # noqa: ANN401 - a node or a column
        """Return one of them."""
        ...


def read_catalog(address: str, uid: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give name and document of everything that a catalog has of a run.

    Parameters
    ----------
    address
        Of the catalog: `https://…`, or `http://…` on this machine, or `catalog:FOLDER`.
    uid
        Of the run.

    Raises
    ------
    ConfigurationError
        The extra is not installed, or the address is that of another machine and not encrypted.
    SourceUnreachable
        Nothing answers there, or it has no such run.
    """
    catalog, broken = connected(address)
    return _read(catalog, uid, broken, shown(address))


def connected(address: str) -> tuple[Any, type[Exception]]:
    """Return what a catalog has at an address, and what it raises when it does not answer any more.

    Raises
    ------
    ConfigurationError, SourceUnreachable
        As `read_catalog`.
    DamagedFileError
        It is a folder, and what is in it is no catalog.
    """
    folder = folder_of_catalog(address)
    if folder is not None:
        return opened_catalog(folder)
    web_address(address)
    try:
        # Only where it is asked for, and not known to every installation.
        httpx, client = import_module("httpx"), import_module("tiled.client")
    except ImportError as error:
        msg = (
            "a catalog is read with Tiled, which is not installed: install operando with its extra [catalog]"
        )
        raise ConfigurationError(msg) from error
    try:
        return client.from_uri(address), httpx.HTTPError
    except (httpx.HTTPError, OSError) as error:
        msg = f"no catalog answers at {shown(address)} ({error}); check the address"
        raise SourceUnreachable(msg) from error


def _read(
    catalog: Any,  # noqa: ANN401 - Tiled has no types
    uid: str,
    broken: type[Exception],
    name: str,
) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        yield from documents_of_run(run_in(catalog, uid, name))
    except broken as error:
        msg = f"the catalog at {name} does not answer any more ({error})"
        raise SourceUnreachable(msg) from error
    finally:
        catalog.context.close()


def run_in(catalog: Node, uid: str, name: str) -> Node:
    """Return a run of a catalog.

    Raises
    ------
    SourceUnreachable
        There is none of that uid.
    DamagedFileError
        It is kept by databroker's MongoDB server, which has other columns.
    """
    try:
        run = catalog[uid]
    except KeyError as error:
        msg = f"the catalog at {name} has no run {uid}; check the uid"
        raise SourceUnreachable(msg) from error
    try:
        # Where databroker was used in this process, runs come in its old layout, without our columns.
        return getattr(run, "v3", run)
    except NotImplementedError as error:
        msg = f"run {uid} is kept in databroker's MongoDB; export it with suitcase (.jsonl or .msgpack)"
        raise DamagedFileError(msg) from error


def documents_of_run(run: Node) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and document of a run: its start, each stream with its events, its stop if it has one.

    Raises
    ------
    DamagedFileError
        A stream's columns do not fit together, or the run has no start document.
    """
    start, stop = run.metadata.get("start"), run.metadata.get("stop")
    if not isinstance(start, Mapping):
        msg = "the catalog has no start document for this run"
        raise DamagedFileError(msg)
    yield "start", as_plain(start).document
    streams = streams_of(run)
    for name in streams:
        yield from _documents_of_stream(str(start.get("uid")), name, streams[name])
    if isinstance(stop, Mapping):
        yield "stop", as_plain(stop).document


def streams_of(run: Node) -> Node:
    """Return what holds the streams of a run: catalogs differ in it."""
    return run["streams"] if "streams" in list(run) else run


def _documents_of_stream(run: str, name: str, stream: Node) -> Iterator[tuple[str, dict[str, Any]]]:
    columns = columns_of(stream)
    if columns is None:
        return
    descriptor = descriptor_of(run, name, stream)
    yield "descriptor", descriptor
    numbers = np.asarray(columns["seq_num"][:])
    for key, column in columns.items():
        if column.shape[:1] != numbers.shape:
            msg = (
                f"'{key}' of stream '{name}' has shape {column.shape}, but there are {numbers.size} events: "
                "which row belongs to which cannot be told"
            )
            raise DamagedFileError(msg)
    is_last = np.zeros(numbers.size, dtype=bool)
    # The first of each number, seen from the end.
    is_last[numbers.size - 1 - np.unique(numbers[::-1], return_index=True)[1]] = True
    yield from events_of(descriptor["uid"], columns, np.flatnonzero(is_last))


def columns_of(stream: Node) -> dict[str, Column] | None:
    """Return the columns of a stream, or None if it is no stream of events."""
    columns: dict[str, Column] = {key: stream[key] for key in stream}
    has_keys = isinstance(stream.metadata.get("data_keys"), Mapping)
    return columns if has_keys and columns.keys() >= _OWN else None


def descriptor_of(run: str, name: str, stream: Node) -> dict[str, Any]:
    """Return the descriptor of a stream of a run."""
    about = stream.metadata
    descriptor = {
        "uid": str(about.get("uid") or f"{run} {name}"),
        "run_start": run,
        "name": name,
        "time": about.get("time"),
        "data_keys": about["data_keys"],
        "hints": about.get("hints") or {},
        "configuration": about.get("configuration") or {},
    }
    return as_plain(descriptor).document


def events_of(
    descriptor: str, columns: Mapping[str, Column], wanted: NDArray[np.intp]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield an event for each of some rows, in ascending order; columns are read in slices.

    Parameters
    ----------
    descriptor
        Its uid.
    columns
        Of the stream.
    wanted
        Numbers of the rows, ascending.
    """
    if not wanted.size:
        return
    row_bytes = sum(int(np.prod(column.shape[1:])) * column.dtype.itemsize for column in columns.values())
    step = max(_SLICE_BYTES // max(row_bytes, 1), 1)
    for first in range(int(wanted[0]), int(wanted[-1]) + 1, step):
        rows = {key: np.asarray(column[first : first + step]) for key, column in columns.items()}
        for place in (wanted[(wanted >= first) & (wanted < first + step)] - first).tolist():
            values = {key: _value(rows[key], place) for key in rows}
            number, time_s = int(values["seq_num"]), float(values["time"])
            data = {
                key: value for key, value in values.items() if key not in _OWN and not _is_stamp(key, rows)
            }
            yield (
                "event",
                {
                    "uid": f"{descriptor} {number}",
                    "descriptor": descriptor,
                    "seq_num": number,
                    "time": time_s,
                    "data": data,
                    "timestamps": {key: values.get(f"{_STAMP}{key}", time_s) for key in data},
                },
            )


def _is_stamp(key: str, columns: Mapping[str, object]) -> bool:
    return key.startswith(_STAMP) and key.removeprefix(_STAMP) in columns


def _value(rows: np.ndarray[Any, Any], place: int) -> Any:  # noqa: ANN401 - whatever was recorded
    value = rows[place]
    return value.item() if isinstance(value, np.generic) else value


def shown(address: str) -> str:
    """Return an address without what may be a key to it."""
    return address if address.startswith(SCHEME) else address.partition("?")[0]
