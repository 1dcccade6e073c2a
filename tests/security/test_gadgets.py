"""Whoever reads bytes from outside refuses what would run, grow or reach elsewhere, in a sentence.

A pickle that would be loaded leaves a file behind; none may be there at the end.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import msgpack
import numpy as np
import pytest

from operando.errors import OperandoError
from operando.io.blob import decode
from operando.io.documents import read_json_documents
from operando.io.hdf5 import group_at, own_item
from operando.io.library import load_library
from operando.io.logfile import row_checksum
from operando.io.results import read_results
from operando.io.results_check import check_results
from operando.io.results_layout import FORMAT
from operando.io.runlog import LogReader
from operando.io.sdf import read_sdf
from operando.io.wire import BATCH_BYTES, Question, unpack_answer, unpack_question
from operando.settings import load_profile
from served import documents, record


class _Gadget:
    """What unpickling would run."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self._trace),)


@pytest.fixture
def trace(tmp_path: Path) -> Iterator[Path]:
    """Where a gadget would leave its trace."""
    path = tmp_path / "it-ran"
    yield path
    assert not path.exists(), "a gadget was executed"


def gadgets(trace: Path) -> dict[str, bytes]:
    """Return payloads by name."""
    pickled = pickle.dumps(_Gadget(trace))
    objects = np.array([_Gadget(trace)], dtype=object)
    array = b"|O8\x01" + struct.pack("<Q", 1)
    return {
        "pickle": pickled,
        "pickle in a mapping": msgpack.packb({"data": pickled, "__reduce__": pickled}),
        "pickle as an extension": msgpack.packb({"x": msgpack.ExtType(1, pickled)}),
        "msgpack-numpy": msgpack.packb({b"nd": True, b"type": "O", b"kind": b"O", b"data": pickled}),
        "msgpack-numpy as text": msgpack.packb({"nd": True, "type": "|O", "kind": "O", "data": pickled}),
        "objects": msgpack.packb({"x": msgpack.ExtType(1, array + objects.tobytes())}),
        "named fields": msgpack.packb({"x": msgpack.ExtType(1, b"i4,\x01" + bytes(8))}),
        "a time": msgpack.packb({"x": msgpack.Timestamp(1, 1)}),
        "an unknown extension": msgpack.packb({"x": msgpack.ExtType(42, pickled)}),
        "an array of 2^40": msgpack.packb({"x": msgpack.ExtType(1, b"<f8\x01" + struct.pack("<Q", 2**40))}),
        "an array of 2^64": msgpack.packb(
            {"x": msgpack.ExtType(1, b"<f8\x02" + struct.pack("<QQ", 2**32, 2**32))}
        ),
        "an array of 200 axes": msgpack.packb({"x": msgpack.ExtType(1, b"<f8\xc8" + bytes(1600))}),
        "lists in lists": b"\x81\xa1x" + b"\x91" * 100_000 + b"\xc0",
        "a claim of 4 milliard": b"\x81\xa1x\xdd\xff\xff\xff\xff",
        "numpy's own format": b"\x93NUMPY\x01\x00\x76\x00{'descr': '|O', 'shape': (1,)}",
    }


HARMLESS = frozenset({"pickle in a mapping", "msgpack-numpy as text"})
"""Documents like any other: what is in them is bytes and text, and stays that."""


NAMES = (
    "pickle",
    "pickle in a mapping",
    "pickle as an extension",
    "msgpack-numpy",
    "msgpack-numpy as text",
    "objects",
    "named fields",
    "a time",
    "an unknown extension",
    "an array of 2^40",
    "an array of 2^64",
    "an array of 200 axes",
    "lists in lists",
    "a claim of 4 milliard",
    "numpy's own format",
)


def test_all_gadgets_are_tried(trace: Path) -> None:
    assert set(gadgets(trace)) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_that_would_run_or_grow_are_refused_everywhere(name: str, trace: Path) -> None:
    payload = gadgets(trace)[name]
    # In a log, with a checksum that is right.
    path = record(trace.parent / "run.log", documents(3))
    with sqlite3.connect(path) as db:
        crc32 = row_checksum("run-1", "event", 1.5, payload)
        db.execute("UPDATE documents SET run = 'run-1', blob = ?, crc32 = ? WHERE seq = 2", (payload, crc32))
    db.close()
    with LogReader(path) as log:
        if name in HARMLESS:
            assert all(type(value) in (str, bytes, bool) for value in log.read(1, 1)[0].document.values())
        else:
            assert len(log.read(0, 10)) == 1
            with pytest.raises(OperandoError, match=r"document 2 of .* is damaged") as caught:
                log.read(1, 1)
            assert "checksum" not in str(caught.value)
            assert is_sentence(caught.value)
    # On the wire, as question and as answer.
    for body in (payload, msgpack.packb({"version": 1, "after": payload, "limit": 1, "room": 1})):
        with pytest.raises(OperandoError) as caught:
            unpack_question(body)
        assert is_sentence(caught.value)
        with pytest.raises(OperandoError):
            unpack_answer(body, Question(0, 10, BATCH_BYTES))


def is_sentence(error: OperandoError) -> bool:
    """Return whether an error can be shown: short, and in words."""
    said = str(error)
    return 10 < len(said) < 1000 and len(said.split()) > 3


NESTED = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "content",
    [
        '["start", ' + NESTED + "]",
        '["start", {"py/object": "os.system"}',
        '["start", {"x": 1e999999999999999999999, "y": ' + "9" * 100_000 + "}]",
        "[[" + "[" * 50_000,
        '{"name": "start", "doc": "' + "x" * 100 + '"}',
        "\0" * 1000,
        '["start", ["no mapping"]]',
        "[" + ",".join(["[]"] * 1000) + "]",
    ],
)
def test_documents_that_would_exhaust_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(OperandoError) as caught:
        list(read_json_documents(path))
    assert is_sentence(caught.value)


def test_a_document_beyond_the_limits_is_refused_before_it_is_taken_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operando.io.documents._MOST_LETTERS", 10_000)
    for content in (
        '["event", {"x": "' + "y" * 20_000 + '"}]\n',
        '[["event", {"x": "' + "y" * 20_000 + '"}]]',
    ):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(OperandoError, match="more than 10000 letters"):
            list(read_json_documents(tmp_path / "run.json"))
    monkeypatch.setattr("operando.io.documents._COUNTED_LETTERS", 100)
    monkeypatch.setattr("operando.io.documents._MOST_VALUES", 500)
    (tmp_path / "run.json").write_text(json.dumps(["event", {"x": [0] * 1000}]))
    with pytest.raises(OperandoError, match="more than 500 values"):
        list(read_json_documents(tmp_path / "run.json"))


@pytest.mark.parametrize("load", [load_profile, load_library])
@pytest.mark.parametrize(
    "content",
    [
        "x = " + "[" * 20_000,
        "x = " + "{a=" * 5000,
        "[" + "a." * 3000 + "a]",
        "x" * 2_000_000,
        "\0",
        "!!python/object",
    ],
)
def test_settings_that_would_exhaust_are_refused(
    load: Callable[[Path], object], content: str, tmp_path: Path
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(content)
    with pytest.raises(OperandoError) as caught:
        load(path)
    assert is_sentence(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"ScanDefinition = " + b"{x = " * 10_000,
        b"ScanDefinition = { Points = (" + b"9" * 200_000 + b"x); }",
        b"ScanDefinition = (" + b"(" * 10_000,
        b'"' * 9_999,
        b"x" * (2**24 + 1),
        b"\x80\x04\x95cos\nsystem\n.",
    ],
)
def test_a_header_that_would_exhaust_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "stack.hdr"
    path.write_bytes(content)
    with pytest.raises(OperandoError) as caught:
        list(read_sdf(path))
    assert is_sentence(caught.value)


def hostile_results(path: Path, fill: Callable[[h5py.Group, Path], None]) -> Path:
    """Return a file that says it is ours, with something else in the place of the map."""
    with h5py.File(path.with_name("secret.h5"), "w") as file:
        file["secret"] = np.arange(5)
    with h5py.File(path, "w") as file:
        file.attrs["creator"] = FORMAT
        entry = file.create_group("entry")
        entry["entry_identifier"] = "run"
        fill(entry.create_group("lithiation"), path)
    return path


def _external_link(group: h5py.Group, path: Path) -> None:
    group["cycle"] = h5py.ExternalLink(str(path.with_name("secret.h5")), "/secret")


def _external_link_behind_a_soft_one(group: h5py.Group, path: Path) -> None:
    group["other"] = h5py.ExternalLink(str(path.with_name("secret.h5")), "/")
    group["cycle"] = h5py.SoftLink("/entry/lithiation/other/secret")


def _endless_link(group: h5py.Group, path: Path) -> None:
    group["cycle"] = h5py.SoftLink("/entry/lithiation/cycle")


def _external_storage(group: h5py.Group, path: Path) -> None:
    group.create_dataset("cycle", (5,), "<i8", external=[(str(path.with_name("secret.h5")), 0, 40)])


def _virtual(group: h5py.Group, path: Path) -> None:
    layout = h5py.VirtualLayout((5,), "<i8")
    layout[:] = h5py.VirtualSource(str(path.with_name("secret.h5")), "secret", (5,))
    group.create_virtual_dataset("cycle", layout)


def _objects(group: h5py.Group, path: Path) -> None:
    group.create_dataset("cycle", (5,), h5py.vlen_dtype(np.float64))


def _references(group: h5py.Group, path: Path) -> None:
    group.create_dataset("cycle", (5,), h5py.ref_dtype)


def _compound(group: h5py.Group, path: Path) -> None:
    group["cycle"] = np.zeros(5, dtype=[("a", "i4"), ("b", "f8")])


def _opaque(group: h5py.Group, path: Path) -> None:
    group["cycle"] = np.void(pickle.dumps(_Gadget(path.with_name("it-ran"))))


def _huge(group: h5py.Group, path: Path) -> None:
    group.create_dataset("cycle", (2**40,), "<i8", chunks=(1024,))


def _packed(group: h5py.Group, path: Path) -> None:
    group.create_dataset("cycle", (2**30,), "<i8", chunks=(2**20,), compression="gzip")


def _a_group(group: h5py.Group, path: Path) -> None:
    group.create_group("cycle")


HOSTILE = [
    _external_link, _external_link_behind_a_soft_one, _endless_link, _external_storage, _virtual, _objects,
    _references, _compound, _opaque, _huge, _packed, _a_group,
]  # fmt: skip


@pytest.mark.parametrize("fill", HOSTILE, ids=lambda fill: fill.__name__)
def test_results_that_reach_elsewhere_or_hold_other_things_are_refused(
    fill: Callable[[h5py.Group, Path], None], trace: Path
) -> None:
    path = hostile_results(trace.parent / "lithium.h5", fill)
    with pytest.raises(OperandoError, match=re.escape(str(path))) as caught:
        read_results(path)
    assert is_sentence(caught.value)
    assert check_results(path)[1]


@pytest.mark.parametrize(
    "fill", [_external_link, _external_storage, _virtual], ids=lambda fill: fill.__name__
)
def test_files_of_other_programs_reach_no_other_file_either(
    fill: Callable[[h5py.Group, Path], None], tmp_path: Path
) -> None:
    path = hostile_results(tmp_path / "stack.h5", fill)
    with h5py.File(path) as file:
        assert own_item(group_at(file, "entry/lithiation"), "cycle") is None


@pytest.mark.parametrize(
    "statements",
    [
        ["DROP TABLE documents", "CREATE VIEW documents AS SELECT 1 AS seq, 'a' AS run, 'b' AS name, "
         "0.0 AS recorded_s, 0 AS crc32, zeroblob(1000000000) AS blob"],
        ["CREATE VIEW more AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT * FROM n"],
        ["CREATE TRIGGER t AFTER INSERT ON documents BEGIN DELETE FROM documents; END"],
        ["CREATE VIRTUAL TABLE v USING fts5(x)"],
    ],
)  # fmt: skip
def test_a_log_with_a_program_in_it_is_none(statements: list[str], tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", documents(3))
    db = sqlite3.connect(path)
    try:
        for statement in statements:
            db.execute(statement)
        db.commit()
    except sqlite3.OperationalError:
        pytest.skip("this SQLite has no full-text search")
    finally:
        db.close()
    with pytest.raises(OperandoError, match="not a run log"):
        LogReader(path)


def test_a_row_larger_than_any_document_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = record(tmp_path / "run.log", documents(4))
    db = sqlite3.connect(path)
    db.execute("UPDATE documents SET blob = zeroblob(30000) WHERE seq = 2")
    db.commit()
    db.close()
    monkeypatch.setattr("operando.io.logfile.MAX_BYTES", 10_000)
    monkeypatch.setattr("operando.io.logfile._ROW_BYTES", 1000)
    with LogReader(path) as log:
        assert [row.seq for row in log.read(0, 10)] == [1]
        with pytest.raises(OperandoError, match="too big; 1 documents stand before it"):
            log.read(1, 10)
        assert [row.seq for row in log.read(2, 10)] == [3, 4]


def test_a_blob_is_bytes_and_nothing_else(trace: Path) -> None:
    assert decode(gadgets(trace)["pickle in a mapping"])["data"] == pickle.dumps(_Gadget(trace))
