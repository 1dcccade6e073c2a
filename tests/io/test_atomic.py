"""A file that is changed whole: killed anywhere, it is as it was or as it was to be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.io import atomic
from operando.io.atomic import changed_whole, recover, replacement

patient = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
runs_of_bytes = st.builds(
    lambda byte, length: bytes([byte]) * length, st.integers(1, 255), st.integers(1, 9000)
)
writes = st.lists(st.tuples(st.integers(0, 20_000), runs_of_bytes), min_size=1, max_size=6)
originals = st.builds(
    lambda length, seed: bytes(n * seed % 251 for n in range(length)),
    st.integers(0, 15_000),
    st.integers(1, 250),
)


class Killed(BaseException):
    """Stands for a kill: nothing catches it, and nothing is tidied up after it but by the system."""


def changed(original: bytes, changes: list[tuple[int, bytes]], size: int | None) -> bytes:
    expected = bytearray(original)
    for at, data in changes:
        expected.extend(bytes(max(at + len(data) - len(expected), 0)))
        expected[at : at + len(data)] = data
    return bytes(expected if size is None else expected[:size].ljust(size, b"\0"))


def change(path: Path, changes: list[tuple[int, bytes]], size: int | None) -> None:
    with changed_whole(path) as file:
        for at, data in changes:
            file.seek(at)
            file.write(data)
            file.seek(at)
            assert file.read(len(data)) == data
        if size is not None:
            file.truncate(size)


@patient
@given(original=originals, changes=writes, size=st.none() | st.integers(0, 25_000))
def test_what_is_written_is_there(
    tmp_path: Path, original: bytes, changes: list[tuple[int, bytes]], size: int | None
) -> None:
    path = tmp_path / "file"
    path.write_bytes(original)
    change(path, changes, size)
    assert path.read_bytes() == changed(original, changes, size)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@patient
@given(
    original=originals,
    changes=writes,
    steps=st.lists(st.integers(0, 40), min_size=1, max_size=3),
)
def test_killed_at_any_step_and_again_while_it_recovers_it_is_all_or_nothing(
    tmp_path: Path, original: bytes, changes: list[tuple[int, bytes]], steps: list[int]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(original)
    # What a kill leaves behind is what the calls before it did to the disk.
    with pytest.MonkeyPatch.context() as patch:
        left = [steps[0]]

        def or_killed(call):
            def step(*args):
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
                return call(*args)

            return step

        patch.setattr(atomic, "_write_at", or_killed(_half_then_whole))
        patch.setattr(os, "fsync", or_killed(os.fsync))
        for number, budget in enumerate(steps):
            left[0] = budget
            try:
                change(path, changes, None) if number == 0 else recover(path)
            except Killed:
                continue
            break
    recover(path)
    found = path.read_bytes()
    expected = changed(original, changes, None)
    # Behind the old end may lie what a killed program put there; HDF5 does not look at it.
    assert found == expected or found[: len(original)] == original
    change(path, changes, len(expected))
    assert path.read_bytes() == expected
    assert not (tmp_path / ".file.journal").exists()


def _half_then_whole(file, at, data) -> None:
    file.seek(at)
    file.write(data[: len(data) // 2])
    file.seek(at)
    file.write(data)


def test_the_journal_of_another_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * 5000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic, "_recover", lambda *_: None)
        change(path, [(0, b"b")], None)
    assert (tmp_path / ".file.journal").exists()
    path.rename(tmp_path / "moved")
    path.write_bytes(b"c" * 5000)
    recover(path)
    assert path.read_bytes() == b"c" * 5000
    assert not (tmp_path / ".file.journal").exists()


def test_a_replacement_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="full"), replacement(path) as part:  # noqa: PT012
        part.write_bytes(b"new")
        raise OSError("full")
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [b"old"]
