"""The file beside the results that says where a monitor's window is attached: only its owner can read it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from operando.app.open_source import results_of
from operando.app.window.messages import TOKEN_BYTES
from operando.errors import ConfigurationError, SourceUnreachable
from operando.io.endpoints import Endpoint, loopback

__all__ = ["Plate", "plate_for", "plate_of", "read_plate", "write_plate"]

_MOST_BYTES = 4096
_TOKEN = re.compile(rf"[0-9a-f]{{{TOKEN_BYTES}}}")


@dataclass(frozen=True, slots=True)
class Plate:
    """Where, `tcp://127.0.0.1:PORT`, and with which token."""

    address: str
    token: str

    @property
    def endpoint(self) -> Endpoint:
        """The address, which is on this machine."""
        return loopback(self.address)


def plate_of(results: Path) -> Path:
    """Return the file that says where the window of a monitor is attached, given its results file."""
    return results.with_suffix(".window")


def plate_for(monitored: str) -> Path:
    """Return the file that says where the window of a monitor is attached, given what a user calls it.

    Parameters
    ----------
    monitored
        What the monitor follows, its results file, or this file itself.
    """
    named = Path(monitored)
    # Results may end in anything; where there is such a file beside what is named, it is the one.
    is_results = monitored.endswith((".h5", ".window")) or (named.name and plate_of(named).exists())
    return plate_of(named if is_results else results_of(monitored))


def write_plate(path: Path, plate: Plate) -> None:
    """Write the file, whole, for its owner only.

    Raises
    ------
    OSError
        The disk refuses.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    # Nobody may read it, not even for the moment before its mode is set.
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        json.dump(asdict(plate), file)
    part.replace(path)


def read_plate(path: Path) -> Plate:
    """Return what the file says.

    Raises
    ------
    SourceUnreachable
        There is none: no monitor runs there.
    ConfigurationError
        It is something else.
    """
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(_MOST_BYTES))
    except FileNotFoundError:
        msg = f"there is no {path}, so no monitor runs that writes there; start one with 'operando monitor'"
        raise SourceUnreachable(msg) from None
    except (OSError, ValueError) as error:
        msg = f"{path} does not say where a monitor is ({error}); start the monitor again"
        raise ConfigurationError(msg) from error
    match said:
        case {"address": str() as address, "token": str() as token} if _TOKEN.fullmatch(token):
            loopback(address)
            return Plate(address, token)
        case _:
            msg = f"{path} does not say where a monitor is; start the monitor again"
            raise ConfigurationError(msg)
