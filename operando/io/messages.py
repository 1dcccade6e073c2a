"""Documents as other programs send them, made plain without trust in the sender.

bluesky's own publishers pickle, unless they are told otherwise; a pickle can run anything when it is
opened, so it is recognised by its first bytes and refused. Read are JSON, msgpack as this program
writes it, and msgpack with the arrays of msgpack-numpy, whose own decoder opens pickles too.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, cast

import msgpack
import numpy as np

from operando.errors import DamagedFileError, FrameRejected
from operando.io.blob import MAX_BYTES, MAX_ELEMENTS, decode, encode
from operando.io.plain import as_plain

__all__ = ["PickledMessage", "document_of", "message_of", "named_document_of"]

_DTYPE = re.compile(r"[<>|=]?[biuf][1248]")
_JSON = (b"{", b"[")
_PICKLE_PROTOCOLS = range(2, 6)


class PickledMessage(FrameRejected):
    """A message is a pickle, which is not opened."""


def message_of(document: dict[str, Any]) -> bytes:
    """Return a document as bytes; for bluesky's Publisher: `Publisher(address, serializer=message_of)`."""
    return encode(as_plain(document).document)


def document_of(message: bytes) -> dict[str, Any]:
    """Return the document in a message.

    Raises
    ------
    PickledMessage
        It is a pickle.
    FrameRejected
        It is no document.
    """
    found = _opened(message)
    if not isinstance(found, dict):
        text = f"a message holds a {type(found).__name__}; expected a document"
        raise FrameRejected(text)
    return as_plain(cast("dict[str, Any]", found)).document


def named_document_of(message: bytes) -> tuple[str, dict[str, Any]]:
    """Return name and document of a message that holds both, as bluesky-kafka sends them.

    Raises
    ------
    PickledMessage, FrameRejected
        As `document_of`.
    """
    match _opened(message):
        case [str(name), dict(document)]:
            return name, as_plain(cast("dict[str, Any]", document)).document
        case other:
            text = f"a message holds a {type(other).__name__}; expected a name and a document"
            raise FrameRejected(text)


def _opened(message: bytes) -> object:
    if len(message) > MAX_BYTES:
        text = f"a message has {len(message)} bytes; the limit is {MAX_BYTES}"
        raise FrameRejected(text)
    if _is_pickle(message):
        text = "a message is a pickle, which is not opened: it could run anything"
        raise PickledMessage(text)
    try:
        if message[:1] in _JSON:
            return json.loads(message)
        return _unpacked(message)
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        text = f"a message is no document: {error}"
        raise FrameRejected(text) from error


def _unpacked(message: bytes) -> object:
    try:
        return decode(message)
    except DamagedFileError:
        # Not as this program writes it; then perhaps as msgpack-numpy does.
        most = min(len(message), MAX_ELEMENTS)
        return msgpack.unpackb(
            message, object_hook=_array_of, strict_map_key=False, max_array_len=most, max_map_len=most
        )


def _is_pickle(message: bytes) -> bool:
    # An empty msgpack mapping begins alike; no mapping goes on with a small number as its first key.
    begins = message[:1] == b"\x80" and len(message) > 1 and message[1] in _PICKLE_PROTOCOLS
    return begins or (message[:1] in b"(cd]}" and message[-1:] == b"." and message[:1] not in _JSON)


def _array_of(found: dict[Any, Any]) -> object:
    """Return the array that a mapping of msgpack-numpy stands for, or the mapping."""
    if b"nd" not in found and b"complex" not in found:
        return found
    kind, data, shape = found.get(b"type"), found.get(b"data"), found.get(b"shape", ())
    name = kind.decode("ascii", "replace") if isinstance(kind, bytes) else kind
    if not isinstance(name, str) or not _DTYPE.fullmatch(name) or not isinstance(data, bytes):
        text = f"an array of dtype {name!r:.40} was found; expected numbers"
        raise TypeError(text)
    dtype = np.dtype(name)
    lengths = [length for length in shape if isinstance(length, int) and length >= 0]
    if len(lengths) != len(shape) or math.prod(lengths) * dtype.itemsize != len(data):
        text = f"an array of shape {shape!r:.40} and dtype {name} was found with {len(data)} bytes"
        raise ValueError(text)
    # Copied, so that it is aligned, and in the byte order that everything here has.
    array = np.frombuffer(data, dtype).astype(dtype.newbyteorder("<")).reshape(lengths)
    return array if found.get(b"nd") else array[()]
