"""Wait for a run log that is not there yet: a monitor may be started before the scan."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from operando.app.file_kinds import is_address
from operando.app.open_source import Opened, follow_log
from operando.errors import SourceUnreachable
from operando.io.runlog import LogBlank

__all__ = ["follow_when_there"]

_POLL_S = 0.3


def follow_when_there(
    text: str,
    ended: threading.Event,
    tell: Callable[[str], None],
    *,
    keys: Path | None = None,
    repair: Path | None = None,
) -> Opened:
    """Return the source that `follow_log` opens, waiting for a file that no recorder has made yet.

    Parameters
    ----------
    text
        Path of the log, or an address; an address is not waited for.
    ended
        As for `follow_log`.
    tell
        Called once with a sentence if there is something to wait for.
    keys
        As for `follow_log`.
    repair
        As for `follow_log`; not waited for.

    Raises
    ------
    SourceUnreachable, DamagedFileError, ConfigurationError
        As `follow_log`; also if the folder of the file does not exist.
    """
    path = Path(text)
    has_told = False
    while True:
        try:
            return follow_log(text, ended, keys=keys, repair=repair)
        except LogBlank:
            # Not by the size of the file: while a recorder makes its log, that is any.
            pass
        except SourceUnreachable:
            if is_address(text) or path.exists() or not path.parent.is_dir():
                raise
        if not has_told:
            tell(f"waiting for {path}: no recorder has written to it yet; Ctrl-C ends the wait")
            has_told = True
        time.sleep(_POLL_S)
