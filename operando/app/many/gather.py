"""From what the user wrote to a list of recordings: files, folders, patterns, a list in a file, a catalog."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

from operando.app.file_kinds import FileKind, endings_of, is_address, is_catalog
from operando.errors import ConfigurationError, SourceUnreachable
from operando.io.catalog_query import runs_in_catalog
from operando.io.embedded_catalog import SCHEME, folder_of_catalog
from operando.io.results_writer import run_in

__all__ = ["ENDINGS", "gather", "sources_in"]

_log = logging.getLogger(__name__)

_NAMED = frozenset({".json", *endings_of(FileKind.TIFF)})
ENDINGS = tuple(ending for ending in endings_of(*FileKind) if ending not in _NAMED)
"""Of files that are taken from a folder. `.json` and TIFF are named: too much else is called that."""

_MOST_LIST_BYTES = 16 * 2**20


def gather(sources: Sequence[str], beside: Path, where: Sequence[str] = ()) -> list[str]:
    """Return every recording that is meant, once, in the order in which they are named.

    Parameters
    ----------
    sources
        Files, folders with all that lies below them, patterns such as `night*/*.hdr`, or addresses.
    beside
        The folder of the results, from which nothing is taken.
    where
        What the start documents of the runs of a catalog must say, `KEY=VALUE`.

    Raises
    ------
    SourceUnreachable
        A folder holds no recording, nothing has such a name, or no catalog answers.
    ConfigurationError
        A condition is none, or there is no catalog that it could be of.
    """
    conditions = [_condition(text) for text in where]
    if conditions and not any(map(_is_whole_catalog, sources)):
        msg = (
            "--where takes runs of a catalog, and no catalog is named; give its address, https://… or "
            f"{SCHEME}FOLDER"
        )
        raise ConfigurationError(msg)
    found: dict[str, None] = {}
    for text in map(_seen_from_anywhere, sources):
        if _is_whole_catalog(text):
            found |= dict.fromkeys(f"{text}#{uid}" for uid in runs_in_catalog(text, conditions))
            continue
        if is_address(text):
            found[text] = None
            continue
        files = list(_files_of(text, beside))
        if not files:
            msg = (
                f"there is no recording at {text}; expected a file, a pattern, or a folder with files that "
                f"end in {', '.join(ENDINGS)}"
            )
            raise SourceUnreachable(msg)
        found |= dict.fromkeys(str(path.absolute()) for path in files)
    return list(found)


def sources_in(path: Path) -> list[str]:
    """Return the sources in a text file, one a line; paths are those seen from its folder.

    Raises
    ------
    SourceUnreachable
        It cannot be read.
    ConfigurationError
        It is no such text.
    """
    try:
        if path.stat().st_size > _MOST_LIST_BYTES:
            msg = f"{path} has more than 16 MB, which is no list of recordings"
            raise ConfigurationError(msg)
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        msg = f"the list {path} cannot be read ({error}); check its name"
        raise SourceUnreachable(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path} is no text; expected one recording a line"
        raise ConfigurationError(msg) from error
    lines = [line.strip() for line in text.splitlines()]
    named = [line for line in lines if line and not line.startswith("#")]
    if not named:
        msg = f"{path} names no recording; write one a line"
        raise ConfigurationError(msg)
    return [_seen_from(path.parent, line) for line in named]


def _is_whole_catalog(text: str) -> bool:
    return is_catalog(text) and "#" not in text


def _seen_from_anywhere(text: str) -> str:
    """Return the address of a catalog in a folder as other processes can use it; anything else as it is."""
    return _seen_from(Path.cwd(), text) if text.startswith(SCHEME) else text


def _seen_from(folder: Path, text: str) -> str:
    """Return a source as seen from a folder in which its path, if it has one, begins."""
    if not text.startswith(SCHEME):
        return text if is_address(text) else str(folder / text)
    address, mark, uids = text.partition("#")
    return f"{SCHEME}{folder / (folder_of_catalog(address) or '')}{mark}{uids}"


def _condition(text: str) -> tuple[str, str | int | float | bool]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        msg = f"'{text}' is no condition; write KEY=VALUE, such as plan_name=stxm_energy_stack"
        raise ConfigurationError(msg)
    try:
        read = json.loads(value)
    except ValueError:
        return key, value
    return key, read if isinstance(read, str | int | float | bool) else value


def _files_of(text: str, beside: Path) -> Iterator[Path]:
    path = Path(text)
    if path.is_dir():
        yield from _files_below(path, beside.absolute())
    elif path.exists():
        yield path
    elif has_magic(text):
        # Path.glob takes no pattern of a whole path.
        names = sorted(glob(text, recursive=True))  # noqa: PTH207
        yield from (path for path in map(Path, names) if path.is_file())


def _say(error: OSError) -> None:
    _log.warning("%s cannot be looked into (%s): what is there is left out", error.filename, error.strerror)


def _files_below(folder: Path, beside: Path) -> Iterator[Path]:
    """Yield recordings, in the order of their names; hidden ones and results are none."""
    for place, folders, names in os.walk(folder, onerror=_say):
        here = Path(place)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (here / name).absolute() != beside
        )
        for name in sorted(names):
            path = here / name
            if name.startswith(".") or path.suffix.lower() not in ENDINGS:
                continue
            if run_in(path) is None:
                yield path
