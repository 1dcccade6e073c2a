"""Documents into a file of JSON lines, or into a Tiled catalog."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from operando.errors import ConfigurationError, SourceUnreachable
from operando.io.atomic import replacement
from operando.io.catalog import connected, shown

__all__ = ["write_json_lines", "write_to_catalog"]

Documents = Iterable[tuple[str, Mapping[str, Any]]]


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


def write_to_catalog(address: str, documents: Documents) -> int:
    """Write documents into a Tiled catalog, and return how many runs there were.

    Raises
    ------
    ConfigurationError
        The extra is not installed, or the address is that of another machine and not encrypted.
    SourceUnreachable
        No catalog answers there, or it takes no more.
    """
    catalog, broken = connected(address)
    try:
        try:
            plugins = import_module("bluesky_tiled_plugins")
        except ImportError as error:
            msg = "a catalog is written with bluesky-tiled-plugins: install operando with its extra [catalog]"
            raise ConfigurationError(msg) from error
        writer = plugins.TiledWriter(catalog)
        runs = 0
        for name, document in documents:
            runs += name == "start"
            writer(name, dict(document))
        return runs
    except broken as error:
        msg = f"the catalog at {shown(address)} does not take what is written ({error})"
        raise SourceUnreachable(msg) from error
    finally:
        catalog.context.close()


def _listed(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    msg = f"a {type(value).__name__} has no place in JSON"
    raise TypeError(msg)
