"""Messages that nobody should send, made by chance from those that are good, and who has to bear them."""

from __future__ import annotations

import json
import os
import pickle
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from operando.errors import OperandoError
from operando.io.blob import decode, encode
from operando.io.layouts import DocumentReader
from operando.io.sdf_header import parse
from operando.io.sdf_scan import regions_of
from operando.io.wire import Answer, Question, pack_answer, pack_question, unpack_answer, unpack_question
from operando.io.zmtp import Conversation, framed
from operando.settings import LayoutSettings
from scans import documents_of, plan_of, stack_of
from served import row_of_document

__all__ = ["GREETING", "READY", "TARGETS", "Gadget", "Mutator", "Target", "bear"]

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\x00") + bytes(32)
READY = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
MOST_BYTES = 4096

_MARKS = tuple(
    bytes([mark]) + length
    for mark, size in ((0xDD, 4), (0xDF, 4), (0xC6, 4), (0xDB, 4), (0xC9, 4), (0xDC, 2), (0xDE, 2), (0xC7, 1))
    for length in (b"\xff" * size, b"\x7f" + b"\xff" * (size - 1), b"\x00" * (size - 1) + b"\x10")
)
_PLAN = plan_of(shape=(3, 5))
_DOCUMENTS = documents_of(_PLAN, stack_of(_PLAN, np.random.default_rng(0)))
_HEADER = """ScanDefinition = { Label = "cell"; Type = "Image Scan"; Flags = "Image Stack"; Dwell = 1.0;
Regions = (1, { PAxis = { Name = "x"; Unit = "um"; Points = (3, 0.0, 0.1, 0.2); };
QAxis = { Name = "y"; Unit = "um"; Points = (2, 0.0, 0.1); }; });
StackAxis = { Name = "Energy"; Unit = "eV"; Points = (2, 700.0, 710.0); };
Channels = (1, { Name = "counter0"; Unit = "Hz"; }); }; Time = "2007 December 14 18:52:26";
Image000_0 = { StorageRingCurrent = 200.0; Energy = 700.0; Time = "2007 December 14 18:52:30"; };
"""


class Gadget:
    """What unpickling would run: it leaves a folder behind."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self._trace),)


class Mutator:
    """Makes hostile messages from good ones, by chance that can be repeated."""

    def __init__(self, seed: int, trace: Path) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - not a secret
        pickled = pickle.dumps(Gadget(trace))
        self._pieces = [
            pickled,
            msgpack.packb(msgpack.ExtType(1, pickled)),
            msgpack.packb(msgpack.ExtType(1, b"|O8\x01" + struct.pack("<Q", 1) + bytes(8))),
            msgpack.packb(msgpack.ExtType(1, b"<f8\x01" + struct.pack("<Q", 2**40))),
            msgpack.packb({"nd": True, "type": "|O", "kind": "O", "data": pickled}),
            b"\x91" * 200,
            b"\x81\xa1x" * 60,
            *_MARKS,
        ]

    def mutated(self, good: bytes) -> bytes:
        """Return a message that is good but for a few changes, or not good at all."""
        message = bytearray(good)
        for _ in range(self.chance.choice((1, 1, 1, 2, 3, 8))):
            self._change(message)
        return bytes(message[:MOST_BYTES])

    def _change(self, message: bytearray) -> None:
        chance = self.chance
        at = chance.randrange(len(message) + 1)
        kind = chance.randrange(8)
        if kind == 0 and at < len(message):
            message[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and at < len(message):
            message[at] = chance.randrange(256)
        elif kind == 2:
            del message[at:]
        elif kind == 3:
            del message[at : at + chance.randrange(1, 9)]
        elif kind == 4:
            message[at:at] = chance.randbytes(chance.randrange(1, 40))
        elif kind == 5:
            piece = chance.choice(self._pieces)
            message[at : at + chance.choice((0, len(piece)))] = piece
        elif kind == 6:
            other = chance.randrange(len(message) + 1)
            message[at:at] = message[min(at, other) : max(at, other)]
        else:
            message[:] = chance.randbytes(chance.randrange(300))


@dataclass(frozen=True)
class Target:
    """Somebody who reads bytes from outside.

    Attributes
    ----------
    name
        What is read.
    share
        Of the messages that are made.
    good
        Messages that are understood.
    read
        Reads one; an `OperandoError` is its refusal.
    """

    name: str
    share: float
    good: Sequence[bytes]
    read: Callable[[bytes], object]


def _blobs() -> list[bytes]:
    return [encode(document) for _, document in _DOCUMENTS[:4]] + [encode(_DOCUMENTS[-1][1])]


_QUESTION = Question(0, 10, 2**20)


def _read_question(body: bytes) -> object:
    return unpack_question(body)


def _read_answer(body: bytes) -> object:
    return unpack_answer(body, _QUESTION)


def _read_stream(stream: bytes) -> object:
    talk = Conversation(b"ROUTER", 2, 300)
    talk.hear(stream)
    while talk.message() is not None:
        pass
    return talk.replies()


def _read_document(blob: bytes) -> object:
    """Read a document after a good start and descriptor, as what it says it is."""
    document = decode(blob)
    reader = DocumentReader(LayoutSettings())
    for name, good in _DOCUMENTS[:2]:
        list(reader.read(name, dict(good)))
    name = "start" if "stxm" in document else "descriptor" if "data_keys" in document else "event"
    return list(reader.read(name, document))


def _read_header(content: bytes) -> object:
    text = content.decode("latin-1")
    return regions_of(Path("stack.hdr"), parse(text), "0")


def _read_json(content: bytes) -> object:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise OperandoError(str(error)) from error
    document = found[1] if isinstance(found, list) and len(found) == 2 else {}
    reader = DocumentReader(LayoutSettings())
    items = list(reader.read("start", dict(_DOCUMENTS[0][1])))
    return items + (list(reader.read("event", document)) if isinstance(document, dict) else [])


def _rows() -> list[bytes]:
    rows = tuple(
        row_of_document(seq, name, encode(document)) for seq, (name, document) in enumerate(_DOCUMENTS[:5], 1)
    )
    return [pack_answer(Answer(5, 1, rows[:count], 0)) for count in (0, 1, 5)]


def _streams() -> list[bytes]:
    question = framed(bytes(8), pack_question(_QUESTION))
    return [
        GREETING + READY + question,
        GREETING + READY + 3 * question,
        GREETING + READY + framed(b"x", b""),
    ]


TARGETS = (
    Target("document of a log row", 0.40, _blobs(), decode),
    Target("document as a scan", 0.05, _blobs(), _read_document),
    Target("question to the server", 0.20, [pack_question(_QUESTION)], _read_question),
    Target("answer to the reader", 0.15, _rows(), _read_answer),
    Target("conversation on the wire", 0.15, _streams(), _read_stream),
    Target(
        "documents as JSON",
        0.03,
        [json.dumps(["event", {"data": {"counter": [1, 2.5]}}]).encode()],
        _read_json,
    ),
    Target("SDF header", 0.02, [_HEADER.encode()], _read_header),
)


def bear(target: Target, mutator: Mutator, messages: int) -> tuple[int, int]:
    """Send so many messages to a target; return how many it understood and how many it refused.

    Anything else than these two comes out as what it raised.
    """
    understood = refused = 0
    for _ in range(messages):
        message = mutator.mutated(mutator.chance.choice(target.good))
        try:
            target.read(message)
            understood += 1
        except OperandoError:
            refused += 1
    return understood, refused
