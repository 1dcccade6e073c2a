"""Which runs of a catalog are meant: those whose start documents say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from operando.errors import SourceUnreachable
from operando.io.catalog import connected, shown

__all__ = ["matching", "runs_in_catalog"]

Value = str | int | float | bool


def runs_in_catalog(address: str, conditions: Sequence[tuple[str, Value]]) -> list[str]:
    """Return the uids of the runs whose start documents have these values, in the catalog's order.

    Parameters
    ----------
    address
        Of the catalog: `https://…`, or `http://…` on this machine, or `catalog:FOLDER`.
    conditions
        Key, with dots into mappings, and value; none for all runs.

    Raises
    ------
    ConfigurationError
        The extra is not installed, or the address is that of another machine and not encrypted.
    SourceUnreachable
        Nothing answers there, or no run is like that.
    """
    catalog, broken = connected(address)
    try:
        found = matching(catalog, conditions, import_module("tiled.queries").Key)
    except broken as error:
        msg = f"the catalog at {shown(address)} does not answer any more ({error})"
        raise SourceUnreachable(msg) from error
    finally:
        catalog.context.close()
    if not found:
        said = " and ".join(f"{key}={value}" for key, value in conditions) or "any uid"
        msg = f"the catalog at {shown(address)} has no run with {said}"
        raise SourceUnreachable(msg)
    return found


def matching(
    catalog: Any,  # noqa: ANN401 - Tiled has no types
    conditions: Sequence[tuple[str, Value]],
    key: Callable[[str], Any],
) -> list[str]:
    """Return the names of what in a catalog meets all conditions, which are tried where the catalog is.

    Parameters
    ----------
    catalog
        Has `search`, and yields names.
    conditions
        As `runs_in_catalog`.
    key
        Makes what, compared with a value, is a query: `tiled.queries.Key`.
    """
    for name, value in conditions:
        catalog = catalog.search(key(f"start.{name}") == value)
    return [str(uid) for uid in catalog]
