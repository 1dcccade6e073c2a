"""What was done is known again, however the file was left, and only where nothing has changed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from many_runs import done_of
from operando.app.ending import Exit
from operando.app.many.ledger import Entry, Ledger, fingerprint_of
from operando.live.monitor import Work
from operando.settings import LayoutSettings
from scans import library, recipe

WORK = Work(library(), recipe(), LayoutSettings())


def entry(source: str = "a", fingerprint: str = "f", code: Exit = Exit.DONE) -> Entry:
    return Entry(source, fingerprint, f"{source}.h5", (f"{source}.h5",), done_of(source, code))


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), st.binary(max_size=30))
def test_the_last_entry_of_each_counts_whatever_else_is_in_the_file(
    tmp_path_factory: pytest.TempPathFactory, sources: list[str], torn: bytes
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger"
    for number, source in enumerate(sources):
        Ledger(path).add(entry(source, f"f{number}"))
    with path.open("ab") as file:
        file.write(b'{"' + torn)
    Ledger(path).add(entry("z"))
    there = Ledger(path)
    for source in {*sources}:
        last = max(number for number, name in enumerate(sources) if name == source)
        assert there.entry(source) == entry(source, f"f{last}")
    assert there.entry("z") == entry("z")


def test_keys_of_addresses_are_not_kept(tmp_path: Path) -> None:
    ledger, address = Ledger(tmp_path / "ledger"), "https://here/api?api_key=secret#a1"
    ledger.add(replace(entry(), source=address, done=replace(done_of("a"), source=address)))
    assert "secret" not in (tmp_path / "ledger").read_text()
    known = Ledger(tmp_path / "ledger").entry("https://here/api?api_key=another#a1")
    assert known is not None
    assert known.done.source == "https://here/api#a1"


@pytest.mark.parametrize("code", list(Exit))
def test_finished_is_what_has_its_files_and_would_come_out_again(tmp_path: Path, code: Exit) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.add(entry(code=code))
    assert ledger.finished("a", "f") is None
    (tmp_path / "a.h5").write_text("x")
    assert ledger.finished("a", "f") == entry(code=code)
    assert ledger.finished("a", "other") is None
    assert ledger.finished("b", "f") is None
    ledger.add(entry(fingerprint=""))
    assert ledger.finished("a", "") is None
    ledger.add(replace(entry(), done=done_of("a", results=None)))
    assert ledger.finished("a", "f") is None


def test_a_name_in_the_file_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_text("x")
    folder = tmp_path / "output"
    folder.mkdir()
    ledger = Ledger(folder / "ledger")
    ledger.add(replace(entry(), files=("../a.h5",)))
    assert ledger.finished("a", "f") is None


def test_a_fingerprint_knows_the_files_and_the_work(tmp_path: Path) -> None:
    header, image, other = (tmp_path / name for name in ("s.hdr", "s_a000.xim", "t_a000.xim"))
    for path in (header, image, other):
        path.write_text("x")
        os.utime(path, ns=(1, 1))
    before = fingerprint_of(str(header), WORK)
    assert before
    os.utime(other, ns=(2, 2))
    assert fingerprint_of(str(header), WORK) == before
    os.utime(image, ns=(2, 2))
    assert fingerprint_of(str(header), WORK) != before
    assert fingerprint_of(str(other), WORK) != fingerprint_of(
        str(other), replace(WORK, energies_ev=np.array([700.0]))
    )


@pytest.mark.parametrize("source", ["tcp://127.0.0.1:5577", "https://catalog#uid", "absent.runlog"])
def test_what_may_have_changed_unseen_has_none(source: str) -> None:
    assert fingerprint_of(source, WORK) == ""
