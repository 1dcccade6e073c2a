"""Every bad record is found, the first one is named, and what is good is counted."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.app.export import export
from operando.app.keeper import Keeper
from operando.app.open_source import open_recording
from operando.app.verify import verify
from operando.errors import SourceUnreachable
from operando.io.results import read_results
from operando.io.results_layout import QUANTITIES, SINCE_1
from operando.io.results_moment import read_moment
from operando.io.runlog import LogWriter
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of
from served import documents, record, serving

PLAN = plan_of(shape=(4, 5))
DOCUMENTS = documents_of(PLAN, stack_of(PLAN, np.random.default_rng(0)))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("results") / "lithium.h5"
    keeper = Keeper(path, Work(library(), recipe(), LayoutSettings()))
    monitor = Monitor(DocumentSource(iter(DOCUMENTS), "memory"), keeper.work, keeper)
    while monitor.pull():
        pass
    monitor.finish()
    keeper.finish()
    return path


def test_a_file_from_before_a_quantity_was_kept_is_good(results: Path, tmp_path: Path) -> None:
    older = tmp_path / "older.h5"
    shutil.copyfile(results, older)
    with h5py.File(older, "r+") as file:
        for quantity in QUANTITIES:
            if quantity.name in SINCE_1:
                del file[f"entry/{quantity.place}"]
    assert verify(str(older)).is_good
    assert read_results(older).cycle.size == 2
    assert read_moment(older).map is not None


@settings(max_examples=20, deadline=None)
@given(bad=st.sets(st.integers(1, 40)), gone=st.sets(st.integers(1, 40)))
def test_every_bad_and_missing_document_is_counted(
    tmp_path_factory: pytest.TempPathFactory, bad: set[int], gone: set[int]
) -> None:
    path = record(tmp_path_factory.mktemp("log") / "run.log", documents(40))
    with sqlite3.connect(path) as db:
        db.executemany("UPDATE documents SET blob = x'8001' WHERE seq = ?", [(seq,) for seq in bad])
        db.executemany("DELETE FROM documents WHERE seq = ?", [(seq,) for seq in gone])
    db.close()
    verdict = verify(str(path))
    broken = bad | gone
    assert verdict.is_good == (not broken)
    assert (verdict.records, verdict.bad) == (40, len(broken))
    assert verdict.first_bad == min(broken, default=None)
    assert verdict.good == min(broken, default=41) - 1


def test_a_served_log_is_verified_like_the_file(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", documents(40))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE documents SET name = 'x' WHERE seq IN (7, 30)")
    db.close()
    with serving(path) as server:
        verdict = verify(server.address)
    assert (verdict.records, verdict.good, verdict.bad, verdict.first_bad) == (40, 6, 2, 7)


def test_the_last_documents_are_missed(tmp_path: Path) -> None:
    """Nothing behind them tells that they were there, but what was noted beside them does."""
    path = record(tmp_path / "run.log", documents(40))
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM documents WHERE seq > 37")
    db.close()
    verdict = verify(str(path))
    assert (verdict.records, verdict.good, verdict.bad, verdict.first_bad) == (40, 37, 3, 38)


def test_a_damaged_file_beside_the_log_is_found(tmp_path: Path) -> None:
    """SQLite would take what stood there as never written."""
    with LogWriter(tmp_path / "run.log") as log:
        for number in range(30):
            log.append([("event", {"number": number, "counts": np.arange(200)})], 1.0)
        for name in ("run.log", "run.log-wal"):
            shutil.copy(tmp_path / name, tmp_path / f"killed-{name}")
    killed, beside = tmp_path / "killed-run.log", tmp_path / "killed-run.log-wal"
    assert verify(str(killed)).is_good
    content = bytearray(beside.read_bytes())
    chance = random.Random(3)  # noqa: S311 - not a secret
    for _ in range(20):
        place = chance.randrange(8 * len(content) // 2)
        content[place // 8] ^= 1 << place % 8
        beside.write_bytes(content)
        verdict = verify(str(killed))
        assert not verdict.is_good, place
        content[place // 8] ^= 1 << place % 8
    # A writer that was killed leaves an end that is not whole.
    beside.write_bytes(content[: len(content) - 1000])
    assert verify(str(killed)).is_good


def test_documents_are_counted_up_to_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    lines = [json.dumps(["event", {"number": number}]) for number in range(5)]
    path.write_text("\n".join(lines))
    assert verify(str(path)).is_good
    path.write_text("\n".join([*lines[:3], '["event", {"numb', *lines[3:]]))
    verdict = verify(str(path))
    assert (verdict.good, verdict.first_bad, verdict.is_good) == (3, 4, False)


def test_a_file_of_another_kind_has_no_good_record(tmp_path: Path) -> None:
    for name in ("run.log", "run.json", "run.hdr", "run.h5"):
        path = tmp_path / name
        path.write_text("this is a shopping list\n" * 50)
        verdict = verify(str(path))
        assert (verdict.is_good, verdict.good, verdict.first_bad) == (False, 0, 1)
    with pytest.raises(SourceUnreachable):
        verify(str(tmp_path / "nothing.log"))


@pytest.mark.parametrize("ending", ["hdf5", "h5", "hdf", "nxs", "stxm", "hdr"])
def test_exported_images_are_neither_results_nor_a_run_log(tmp_path: Path, ending: str) -> None:
    log, path = record(tmp_path / "run.log", DOCUMENTS), tmp_path / f"images.{ending}"
    export(open_recording(str(log)), path, LayoutSettings())
    verdict = verify(str(path))
    assert (verdict.kind, verdict.is_good, verdict.reason) == ("documents", True, "")
    assert verdict.records > 2


def test_an_image_of_a_stack_that_is_missing_is_named(tmp_path: Path) -> None:
    log, path = record(tmp_path / "run.log", DOCUMENTS), tmp_path / "images.hdr"
    export(open_recording(str(log)), path, LayoutSettings())
    (tmp_path / "images_a001.xim").unlink()
    verdict = verify(str(path))
    assert (verdict.is_good, verdict.bad, verdict.first_bad) == (False, 1, 4)
    assert "images_a001.xim is missing" in verdict.reason


def test_results_are_read_whole(results: Path, tmp_path: Path) -> None:
    verdict = verify(str(results))
    assert (verdict.kind, verdict.records, verdict.good, verdict.is_good) == ("results", 2, 2, True)
    for place, value, words in (
        ("fit/valid", 0, "which pixels are valid"),
        ("fractions/fraction", 0.7, "sum up to one"),
        ("lithiation/lithium", np.nan, "determined"),
        ("fit/energies_used", 99, "more energies"),
    ):
        path = tmp_path / "changed.h5"
        shutil.copy(results, path)
        with h5py.File(path, "r+") as file:
            file[f"entry/{place}"][1] = value
        verdict = verify(str(path))
        assert (verdict.good, verdict.bad, verdict.first_bad) == (1, 1, 2)
        assert words in verdict.reason
    path.write_bytes(results.read_bytes()[:5000])
    assert not verify(str(path)).is_good
