"""What is bad in a log is passed over, counted and said; the rest is fitted as if it had been alone."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from following import ended, offline, record
from operando.app.keeper import Keeper
from operando.app.open_source import open_recording
from operando.errors import DamagedFileError
from operando.io.past_damage import PastDamage
from operando.io.runlog import LogReader
from operando.io.sources import FollowedLog, Source
from operando.live.monitor import Monitor, Work
from operando.settings import LayoutSettings
from scans import documents_of, library, plan_of, recipe, stack_of
from served import remote, serving

PLAN = plan_of(shape=(4, 5))
DOCUMENTS = documents_of(PLAN, stack_of(PLAN, np.random.default_rng(0)))
WORK = Work(library(), recipe(), LayoutSettings())
patient = settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
ways = st.sampled_from(
    [
        "UPDATE documents SET blob = x'80' WHERE seq = ?",
        "UPDATE documents SET name = 'stopped' WHERE seq = ?",
        "DELETE FROM documents WHERE seq = ?",
    ]
)


def damage(path: Path, statement: str, *values: object) -> None:
    database = sqlite3.connect(path)
    database.execute(statement, values)
    database.commit()
    database.close()


def read_all(source: Source, limits: list[int]) -> list[tuple[int, str, dict[str, Any]]]:
    found: list[tuple[int, str, dict[str, Any]]] = []
    while not source.has_ended(found[-1][0] if found else 0):
        batch = source.read(found[-1][0] if found else 0, limits[len(found) % len(limits)])
        found += [(logged.seq, logged.name, logged.document) for logged in batch]
    return found


@patient
@given(
    bad=st.dictionaries(st.integers(1, len(DOCUMENTS) - 1), ways, max_size=12),
    limits=st.lists(st.integers(1, 9), min_size=1, max_size=4),
)
def test_all_but_the_bad_is_read_and_the_bad_is_counted(
    tmp_path_factory: pytest.TempPathFactory, bad: dict[int, str], limits: list[int]
) -> None:
    log = record(tmp_path_factory.mktemp("log") / "series.runlog", DOCUMENTS)
    for seq, statement in bad.items():
        damage(log, statement, seq)
    source = open_recording(str(log))
    found = read_all(source, limits)
    assert [seq for seq, _, _ in found] == [n for n in range(1, len(DOCUMENTS) + 1) if n not in bad]
    findings = {finding.code: finding.message for finding in source.findings()}
    assert bool(bad) == ("damage" in findings)
    if bad:
        assert findings["damage"].startswith(f"{len(bad)} damaged document")
        assert f" of {log} passed over (number {min(bad)}" in findings["damage"]
    source.close()


@settings(patient, max_examples=6)
@given(bad=st.dictionaries(st.integers(3, len(DOCUMENTS) - 1), ways, min_size=1, max_size=5))
def test_the_rest_is_fitted_as_if_the_bad_had_never_been(
    tmp_path_factory: pytest.TempPathFactory, bad: dict[int, str]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    good = [document for seq, document in enumerate(DOCUMENTS, 1) if seq not in bad]
    expected = offline(good, folder / "offline" / "out.h5", WORK)
    log = record(folder / "series.runlog", DOCUMENTS)
    for seq, statement in bad.items():
        damage(log, statement, seq)
    keeper = Keeper(folder / "out.h5", WORK)
    keeper.prepare()
    monitor = Monitor(open_recording(str(log)), WORK, keeper)
    while monitor.pull():
        pass
    assert ended(monitor, keeper) == expected
    assert monitor.newest is not None
    assert "damage" in {finding.code for finding in monitor.newest.findings}
    assert monitor.delivery.lost == len(bad)


@patient
@given(st.data())
def test_a_byte_changed_anywhere_never_makes_a_false_document(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = record(
        tmp_path_factory.mktemp("log") / "run.log",
        [("event", {"uid": f"event {n}", "image": np.full(300, n)}) for n in range(40)],
    )
    content = bytearray(path.read_bytes())
    where = data.draw(st.integers(0, len(content) - 1))
    content[where] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        source = open_recording(str(path))
        found = read_all(source, [7])
    except OSError:
        return  # it is no run log any more, and says so
    for seq, _, document in found:
        assert document["uid"] == f"event {seq - 1}"
        np.testing.assert_array_equal(document["image"], np.full(300, seq - 1))
    assert len(found) == 40 or source.findings()


def test_a_log_that_was_cut_is_read_up_to_the_cut_and_says_where(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", [("event", {"image": np.full(3000, n)}) for n in range(20)])
    os.truncate(path, path.stat().st_size // 2)
    source = open_recording(str(path))
    found = read_all(source, [6])
    assert 0 < len(found) < 20
    assert f"cut or damaged behind document {len(found)}" in source.findings()[0].message


def test_what_is_served_is_read_past_damage_too(tmp_path: Path) -> None:
    log = record(tmp_path / "series.runlog", DOCUMENTS)
    damage(log, "UPDATE documents SET blob = x'80' WHERE seq = 5")
    with serving(log) as server, remote(server.address) as raw:
        source = PastDamage(raw)
        seen: list[int] = []
        for _ in range(200):
            seen += [logged.seq for logged in source.read(seen[-1] if seen else 0, 10)]
            if len(seen) == len(DOCUMENTS) - 1:
                break
        assert seen == [n for n in range(1, len(DOCUMENTS) + 1) if n != 5]
        assert "1 damaged document of" in source.findings()[0].message


def test_a_bad_last_document_is_passed_over_once_another_has_come(tmp_path: Path) -> None:
    log = record(tmp_path / "series.runlog", DOCUMENTS[:4])
    damage(log, "UPDATE documents SET blob = x'80' WHERE seq = 4")
    source = PastDamage(FollowedLog(LogReader(log), "log", threading.Event()))
    assert len(source.read(0, 10)) == 3
    assert source.read(3, 10) == []
    record(log, DOCUMENTS[4:6])
    assert [logged.seq for logged in source.read(3, 10)] == [5, 6]
    assert source.read(0, 1)[0].seq == 1
    assert "number 4" in source.findings()[0].message


def test_damage_that_has_no_end_is_raised() -> None:
    class Broken:
        name = "broken"

        def read(self, after: int, limit: int) -> list:
            message = f"document {after + 1} of {limit} is bad"
            raise DamagedFileError(message)

        def head(self) -> int:
            return 0

        def has_ended(self, after: int) -> bool:
            return after < 0

        def findings(self) -> tuple:
            return ()

        def close(self) -> None:
            return None

    with pytest.raises(DamagedFileError):
        PastDamage(Broken()).read(0, 1)
