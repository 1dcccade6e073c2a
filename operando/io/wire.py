"""What a served run log and its readers say to each other, and what neither believes.

A reader asks as a DEALER, the server answers as a ROUTER. A message is two
parts: a token that the reader made up, 8 bytes, which comes back with the answer so that a late
answer is not mistaken for another; and a msgpack mapping:

* question: `version`, `after` (the seq had last), `limit` (most rows), `room` (most bytes of rows);
* answer: `version`, `head` (the last seq now), `first` (checksum of the first document or None,
  which tells one log from another), `needed` (bytes of the next row if it alone is beyond `room`,
  or 0) and `rows`, each `[seq, run, name, recorded_s, crc32, blob]` as in the log;
* refusal: `version`, `error` ("damaged", "unreachable" or "refused") and `text`, a sentence.

Nothing is pickled. Who sends more than a question or an answer may have is cut off before it is taken
(`operando.io.zmtp`); lists and mappings beyond those of a message end its unpacking while it goes on;
types are checked one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import cast

import msgpack

from operando.errors import DamagedFileError, FrameRejected
from operando.io.blob import MAX_BYTES
from operando.io.logrows import COLUMNS, LoggedRow, row_of

__all__ = [
    "BATCH_BYTES",
    "MAX_LIMIT",
    "MAX_QUESTION_BYTES",
    "MAX_ROOM_BYTES",
    "OVERHEAD_BYTES",
    "TOKEN_BYTES",
    "Answer",
    "Question",
    "Refusal",
    "pack_answer",
    "pack_question",
    "pack_refusal",
    "unpack_answer",
    "unpack_question",
]

VERSION = 1
TOKEN_BYTES = 8
BATCH_BYTES = 8 * 2**20
"""Most bytes of rows in one answer; more only for a document that is larger alone."""
MAX_ROOM_BYTES = MAX_BYTES + 2**20
"""The largest document, its run and its name."""
MAX_LIMIT = 1024
"""Most rows in one answer."""
MAX_QUESTION_BYTES = 256
OVERHEAD_BYTES = 64 * 2**10
"""Most bytes that an answer has beside its rows."""

_MAX_SEQ = 2**63 - 1
_MAX_TEXT = 2000
_MOST_FIELDS = 8
_ERRORS = frozenset({"damaged", "unreachable", "refused"})


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows a reader asks for.

    Attributes
    ----------
    after
        The seq of the last row that it has.
    limit
        Most rows it takes; 0 asks only where the log ends.
    room_bytes
        Most bytes of rows it takes.
    """

    after: int
    limit: int
    room_bytes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows asked for, as far as they exist and have room.

    Attributes
    ----------
    head
        The seq of the last row in the log when it was read.
    first_crc32
        Checksum of the first row; None while there is none.
    rows
        From the one behind `after` on, without a gap.
    needed_bytes
        Room to ask for when the next row alone has none; 0 otherwise.
    """

    head: int
    first_crc32: int | None
    rows: tuple[LoggedRow, ...]
    needed_bytes: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there are no rows.

    Attributes
    ----------
    error
        "damaged": the next row is; "unreachable": the file cannot be read now; "refused": the
        question is not understood.
    text
        A sentence for people, of the other side: not to be trusted with a console.
    """

    error: str
    text: str


def pack_question(question: Question) -> bytes:
    """Return `question` as bytes."""
    return _packed({"after": question.after, "limit": question.limit, "room": question.room_bytes})


def unpack_question(body: bytes) -> Question:
    """Return the question in `body`, its limits cut to what is ever given.

    Raises
    ------
    FrameRejected
        If it is something else than a question of this version.
    """
    if len(body) > MAX_QUESTION_BYTES:
        message = f"a question of {len(body)} bytes was found; the limit is {MAX_QUESTION_BYTES}"
        raise FrameRejected(message)
    fields = _unpacked(body)
    after = _whole(fields, "after", _MAX_SEQ)
    limit = _whole(fields, "limit", _MAX_SEQ)
    room_bytes = _whole(fields, "room", _MAX_SEQ)
    return Question(after, min(limit, MAX_LIMIT), min(room_bytes, MAX_ROOM_BYTES))


def pack_answer(answer: Answer) -> bytes:
    """Return `answer` as bytes."""
    rows = [[row.seq, row.run, row.name, row.recorded_s, row.crc32, row.blob] for row in answer.rows]
    return _packed(
        {"head": answer.head, "first": answer.first_crc32, "needed": answer.needed_bytes, "rows": rows}
    )


def pack_refusal(refusal: Refusal) -> bytes:
    """Return `refusal` as bytes."""
    return _packed({"error": refusal.error, "text": refusal.text[:_MAX_TEXT]})


def unpack_answer(body: bytes, question: Question) -> Answer | Refusal:
    """Return what `body` answers to `question`, with every row checked against its checksum.

    Raises
    ------
    FrameRejected
        If it is something else than an answer of this version to this question.
    """
    fields = _unpacked(body)
    if "error" in fields:
        error, text = fields["error"], fields.get("text")
        if error not in _ERRORS or not isinstance(text, str):
            message = f"an error of an unknown kind was found: {error!r:.40}"
            raise FrameRejected(message)
        return Refusal(cast("str", error), text[:_MAX_TEXT])
    head = _whole(fields, "head", _MAX_SEQ)
    first_crc32 = None if fields.get("first") is None else _whole(fields, "first", 2**32 - 1)
    needed_bytes = _whole(fields, "needed", MAX_ROOM_BYTES)
    rows = _rows(fields.get("rows"), question)
    if rows and head < rows[-1].seq:
        message = f"row {rows[-1].seq} was found behind the head {head}"
        raise FrameRejected(message)
    return Answer(head, first_crc32, rows, needed_bytes)


def _rows(found: object, question: Question) -> tuple[LoggedRow, ...]:
    if not isinstance(found, list) or len(found) > question.limit:
        message = f"the rows are not a list of at most {question.limit}"
        raise FrameRejected(message)
    rows: list[LoggedRow] = []
    for values in found:
        if not isinstance(values, list):
            message = f"a row is a {type(values).__name__}; a list was expected"
            raise FrameRejected(message)
        try:
            row = row_of(cast("list[object]", values))
        except DamagedFileError as error:
            message = f"a row arrived damaged: {error}"
            raise FrameRejected(message) from error
        if row.seq != question.after + len(rows) + 1:
            message = f"row {row.seq} was found, {question.after + len(rows) + 1} was expected"
            raise FrameRejected(message)
        rows.append(row)
    return tuple(rows)


def _packed(fields: Mapping[str, object]) -> bytes:
    return bytes(msgpack.packb({"version": VERSION, **fields}) or b"")


def _unpacked(body: bytes) -> Mapping[str, object]:
    """Return the mapping of this version that `body` holds."""
    try:
        fields = msgpack.unpackb(
            body,
            max_array_len=MAX_LIMIT,
            max_map_len=_MOST_FIELDS,
            max_ext_len=0,
            list_hook=_Counted(MAX_LIMIT + 1, MAX_LIMIT * (COLUMNS + 1)).take,
            object_hook=_Counted(1, _MOST_FIELDS).take,
        )
    # Too deep a nesting, too great a length, bytes left over and text that is not UTF-8 are all ValueErrors.
    except (TypeError, ValueError, OverflowError) as error:
        message = f"the bytes are not a message: {error}"
        raise FrameRejected(message) from error
    if not isinstance(fields, dict):
        message = f"a {type(fields).__name__} was found, a mapping was expected"
        raise FrameRejected(message)
    version = fields.get("version")
    if type(version) is not int or version != VERSION:
        message = f"a message of version {version!r:.40} was found; this program speaks version {VERSION}"
        raise FrameRejected(message)
    return fields


class _Counted:
    """So many lists or mappings, with so many values in all: one more ends the unpacking of a message.

    What is not closed yet is bounded by `MAX_LIMIT` and by the depth that msgpack goes to, 1024.
    """

    def __init__(self, most: int, most_values: int) -> None:
        self._left, self._values_left = most, most_values

    def take(self, found: Sized) -> Sized:
        """Return a list or a mapping, if there may be one more."""
        self._left -= 1
        self._values_left -= len(found)
        if self._left < 0 or self._values_left < 0:
            message = "more lists or mappings were found than a message has"
            raise ValueError(message)
        return found


def _whole(fields: Mapping[str, object], key: str, most: int) -> int:
    value = fields.get(key)
    if type(value) is not int or not 0 <= value <= most:
        message = f"'{key}' is {value!r:.40}; a whole number from 0 to {most} was expected"
        raise FrameRejected(message)
    return value
