"""Documents into a file of JSON lines, or into a catalog: of a Tiled server, or in a folder."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from operando.errors import ConfigurationError, SourceUnreachable
from operando.io.atomic import replacement
from operando.io.catalog import connected, shown
from operando.io.embedded_catalog import folder_of_catalog, made_catalog
from operando.io.readings import text

__all__ = ["write_json_lines", "write_to_catalog"]

Documents = Iterable[tuple[str, Mapping[str, Any]]]

_ROWS = 10_000


def write_json_lines(path: Path, documents: Documents) -> int:
    """Write documents, one `[name, document]` a line, and return how many runs there were.

    Arrays become lists; NaN stands as `NaN`, as Python writes and reads it. The file appears once it is
    whole.
    """
    runs = 0
    with replacement(path) as part, part.open("w", encoding="utf-8") as file:
        for name, document in documents:
            runs += name == "start"
            json.dump([name, document], file, default=_listed)
            file.write("\n")
    return runs


def write_to_catalog(address: str, documents: Documents, rows: int = _ROWS) -> int:
    """Write documents into a catalog, and return how many runs there were.

    Parameters
    ----------
    address
        Of a Tiled server, or `catalog:FOLDER`, which is made if it is not there.
    documents
        Of any runs.
    rows
        Events that are written together; 1 for each when it comes.

    Raises
    ------
    ConfigurationError
        The extra is not installed, the address is that of another machine and not encrypted, or one of the
        runs is in the catalog already.
    SourceUnreachable
        No catalog answers there, or it takes no more.
    """
    folder = folder_of_catalog(address)
    if folder is not None:
        made_catalog(folder)
    catalog, broken = connected(address)
    try:
        try:
            plugins = import_module("bluesky_tiled_plugins")
        except ImportError as error:
            msg = "a catalog is written with bluesky-tiled-plugins: install operando with its extra [catalog]"
            raise ConfigurationError(msg) from error
        # Arrays as arrays, however short: not every database has columns of lists.
        writer = plugins.TiledWriter(catalog, batch_size=rows, max_array_size=0)
        runs = 0
        for name, document in documents:
            if name == "start":
                runs += 1
                _refuse_known(catalog, document.get("uid"), address)
            writer(name, dict(document))
        return runs
    except broken as error:
        msg = f"the catalog at {shown(address)} does not take what is written ({error})"
        raise SourceUnreachable(msg) from error
    finally:
        catalog.context.close()


def _refuse_known(catalog: Container[object], uid: object, address: str) -> None:
    if uid in catalog:
        msg = (
            f"run {text(uid)} is in the catalog at {shown(address)} already, and nothing is written over it: "
            "remove it there, or name another catalog"
        )
        raise ConfigurationError(msg)


def _listed(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    msg = f"a {type(value).__name__} has no place in JSON"
    raise TypeError(msg)
