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

from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable
from operando.io.endpoints import web_address
from operando.io.plain import as_plain

__all__ = ["Column", "Node", "connected", "documents_of_run", "read_catalog", "shown"]

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
    """Give name and document of everything that a Tiled server has of a run.

    Parameters
    ----------
    address
        Of the catalog: `https://…`, or `http://…` on this machine.
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
    """Return what a Tiled server has at an address, and what it raises when it does not answer any more.

    Raises
    ------
    ConfigurationError, SourceUnreachable
        As `read_catalog`.
    """
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
        yield from documents_of_run(_run(catalog, uid, name))
    except broken as error:
        msg = f"the catalog at {name} does not answer any more ({error})"
        raise SourceUnreachable(msg) from error
    finally:
        catalog.context.close()


def _run(catalog: Node, uid: str, name: str) -> Node:
    try:
        return catalog[uid]
    except KeyError as error:
        msg = f"the catalog at {name} has no run {uid}; check the uid"
        raise SourceUnreachable(msg) from error


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
    streams: Node = run["streams"] if "streams" in list(run) else run
    for name in streams:
        yield from _documents_of_stream(str(start.get("uid")), name, streams[name])
    if isinstance(stop, Mapping):
        yield "stop", as_plain(stop).document


def _documents_of_stream(run: str, name: str, stream: Node) -> Iterator[tuple[str, dict[str, Any]]]:
    about = stream.metadata
    keys = about.get("data_keys")
    columns: dict[str, Column] = {key: stream[key] for key in stream}
    if not isinstance(keys, Mapping) or not columns.keys() >= _OWN:
        return  # no stream of events
    uid = str(about.get("uid") or f"{run} {name}")
    descriptor = {
        "uid": uid,
        "run_start": run,
        "name": name,
        "time": about.get("time"),
        "data_keys": keys,
        "hints": about.get("hints") or {},
        "configuration": about.get("configuration") or {},
    }
    yield "descriptor", as_plain(descriptor).document
    numbers = np.asarray(columns["seq_num"][:])
    for key, column in columns.items():
        if column.shape[:1] != numbers.shape:
            msg = (
                f"'{key}' of stream '{name}' has shape {column.shape}, but there are {numbers.size} events: "
                "which row belongs to which cannot be told"
            )
            raise DamagedFileError(msg)
    yield from _events(uid, columns, numbers)


def _events(
    descriptor: str, columns: Mapping[str, Column], numbers: np.ndarray[Any, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield an event for the last row of each number, in the order of the rows."""
    is_last = np.zeros(numbers.size, dtype=bool)
    # The first of each number, seen from the end.
    is_last[numbers.size - 1 - np.unique(numbers[::-1], return_index=True)[1]] = True
    row_bytes = sum(int(np.prod(column.shape[1:])) * column.dtype.itemsize for column in columns.values())
    step = max(_SLICE_BYTES // max(row_bytes, 1), 1)
    for first in range(0, numbers.size, step):
        rows = {key: np.asarray(column[first : first + step]) for key, column in columns.items()}
        for place in np.flatnonzero(is_last[first : first + step]).tolist():
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
    return address.partition("?")[0]
