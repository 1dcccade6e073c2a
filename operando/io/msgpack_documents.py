"""Documents kept as msgpack, one `[name, document]` after another, as suitcase and databroker 1 do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack

from operando.errors import DamagedFileError, FrameRejected, SourceUnreachable
from operando.io.blob import MAX_BYTES
from operando.io.messages import named_document_of

__all__ = ["read_msgpack_documents"]


def read_msgpack_documents(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and document of everything in the file at `path`, in its order.

    Raises
    ------
    SourceUnreachable
        There is no such file.
    DamagedFileError
        At the first place that is not a document; says how many are good.
    """
    good = 0
    try:
        # Twice: one finds where a document ends, the other takes it apart as any message, within its limits.
        with path.open("rb") as file, path.open("rb") as again:
            ends = msgpack.Unpacker(file, max_buffer_size=MAX_BYTES)
            begin = 0
            while True:
                try:
                    ends.skip()
                except msgpack.OutOfData:
                    break
                yield named_document_of(again.read(ends.tell() - begin))
                begin = ends.tell()
                good += 1
            is_cut = bool(again.read(1))
    except (FrameRejected, ValueError, RecursionError) as error:
        msg = f"{path} is damaged behind its first {good} documents: {error}"
        raise DamagedFileError(msg) from error
    except OSError as error:
        msg = f"there are no readable documents at {path}: {error.strerror}; check the name"
        raise SourceUnreachable(msg) from error
    if is_cut or not good:
        msg = f"{path} ends within a document, behind {good} good ones; expected msgpack of [name, document]"
        raise DamagedFileError(msg)
