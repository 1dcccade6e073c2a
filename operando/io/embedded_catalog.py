"""A Tiled catalog in a folder, opened in this very process: no server, and no port.

SQLite has the runs and the numbers of their events, files beside it have the arrays. Folders of Tiled's
`SimpleTiledServer` are laid out in the same way, but for the numbers, which it keeps in DuckDB: that one lets
in one process at a time, while SQLite in WAL mode is read while another process writes.
"""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import warnings
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable

__all__ = ["SCHEME", "folder_of_catalog", "made_catalog", "opened_catalog"]

SCHEME = "catalog:"
"""Before the path of a folder; what stands behind `#` are uids."""

_RUNS = "catalog.db"
_NUMBERS = "storage.db"
_NUMBERS_OF_DUCKDB = "storage.duckdb"
_ARRAYS = "data"


def folder_of_catalog(address: str) -> Path | None:
    """Return the folder of a catalog, `catalog:FOLDER`, or None if the address is of a server.

    Raises
    ------
    ConfigurationError
        It names no folder.
    """
    if not address.startswith(SCHEME):
        return None
    named = address.removeprefix(SCHEME)
    if not named.strip():
        msg = f"'{address}' names no folder; write {SCHEME}FOLDER"
        raise ConfigurationError(msg)
    path = Path(named)
    return path.parent if path.name == _RUNS else path


def made_catalog(folder: Path) -> None:
    """Make a folder a catalog, unless it is one.

    Raises
    ------
    ConfigurationError
        The extra is not installed, or the folder holds something else.
    """
    if (folder / _RUNS).exists():
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"{folder} is there and is no catalog; name a folder that is empty, or not there"
        raise ConfigurationError(msg)
    _tiled()
    (folder / _ARRAYS).mkdir(parents=True)
    with closing(sqlite3.connect(folder / _NUMBERS)) as numbers:
        # Stays with the file: whoever reads it need not wait for whoever writes.
        numbers.execute("PRAGMA journal_mode=WAL")
    # In a process of its own, as Tiled itself does it: its migrations want no other thread beside them.
    database = f"sqlite:///{(folder / _RUNS).absolute()}"
    made = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-m", "tiled", "catalog", "init", "--if-not-exists", database],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        said = made.stderr.strip().splitlines() or ["nothing was said"]
        msg = f"no catalog could be made in {folder} ({said[-1]}); check its permissions and the disk"
        raise ConfigurationError(msg)


def opened_catalog(folder: Path) -> tuple[Any, type[Exception]]:
    """Return what a catalog in a folder has, and what it raises when it cannot be read any more.

    Raises
    ------
    ConfigurationError
        The extra is not installed, or the catalog is of a newer or an older Tiled.
    SourceUnreachable
        There is no catalog.
    DamagedFileError
        There is something else.
    """
    database = folder / _RUNS
    if not database.is_file():
        msg = f"there is no catalog in {folder} (no {_RUNS}); check the path"
        raise SourceUnreachable(msg)
    _check(database)
    client, catalog, app, httpx = _tiled()
    # It logs each start to stderr, as a server has to.
    logging.getLogger(app.__name__).setLevel(logging.WARNING)
    place = folder.absolute()
    numbers = (
        f"duckdb:///{place / _NUMBERS_OF_DUCKDB}"
        if (place / _NUMBERS_OF_DUCKDB).exists()
        else f"sqlite:///{place / _NUMBERS}"
    )
    tree = catalog.from_uri(
        f"sqlite:///{place / _RUNS}", writable_storage=[f"{(place / _ARRAYS).as_uri()}", numbers]
    )
    try:
        with warnings.catch_warnings():
            # Of its test client, which is how Tiled speaks to an application in the same process.
            warnings.filterwarnings("ignore", message=r".*starlette\.testclient")
            # What goes wrong in it is an answer, as that of a server, and not an exception of its libraries.
            context = client.Context.from_app(app.build_app(tree), cache=None, raise_server_exceptions=False)
    except (RuntimeError, ValueError, OSError) as error:
        said = next(filter(None, str(error).splitlines()), type(error).__name__)
        msg = f"the catalog in {folder} cannot be opened by this version of Tiled ({said})"
        raise ConfigurationError(msg) from error
    return client.from_context(context), httpx.HTTPError


def _check(database: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as runs:
            runs.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        msg = f"{database} cannot be read as a catalog ({error}); is it damaged, or something else?"
        raise DamagedFileError(msg) from error


def _tiled() -> tuple[Any, Any, Any, Any]:
    """Return the modules of Tiled that are needed: client, catalog, app, and what the client is made on."""
    try:
        # Only where it is asked for, and not known to every installation.
        names = "tiled.client", "tiled.catalog", "tiled.server.app", "httpx"
        client, catalog, app, httpx = (import_module(name) for name in names)
    except ImportError as error:
        msg = (
            f"a catalog in a folder is opened with Tiled and its server's parts, and {error.name} is not "
            "installed: install operando with its extra [embedded]"
        )
        raise ConfigurationError(msg) from error
    return client, catalog, app, httpx
