"""Laws of the writer's lock: one at a time, and nobody who is dead is in the way."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from operando.errors import ConfigurationError
from operando.io.lock import WriterLock

HOLDER = """
import sys
from pathlib import Path
from operando.io.lock import WriterLock
lock = WriterLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_one_is_told_who_has_it_until_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "log"
    first = WriterLock(path)
    with pytest.raises(
        ConfigurationError, match=rf"process {os.getpid()}\): end that one, or choose another"
    ):
        WriterLock(path)
    first.release()
    first.release()
    WriterLock(path).release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_a_killed_program_is_in_nobody_s_way(tmp_path: Path) -> None:
    with hold(tmp_path / "log") as holder:
        with pytest.raises(ConfigurationError, match=f"process {holder.pid}"):
            WriterLock(tmp_path / "log")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        WriterLock(tmp_path / "log").release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_does_not_hold_what_its_parent_let_go_of(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path / "log")
    context = multiprocessing.get_context("fork")
    may_end, has_begun = context.Event(), context.Event()
    child = context.Process(target=lambda: (has_begun.set(), may_end.wait(60)))
    child.start()
    assert has_begun.wait(60)
    with pytest.raises(ConfigurationError):
        WriterLock(tmp_path / "log")
    lock.release()
    again = WriterLock(tmp_path / "log")
    may_end.set()
    child.join()
    with pytest.raises(ConfigurationError):
        WriterLock(tmp_path / "log")
    again.release()


def test_the_lock_of_a_folder_that_was_moved_is_not_taken_for_the_one_in_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    moved = WriterLock(folder / "log")
    folder.rename(tmp_path / "there")
    folder.mkdir()
    second = WriterLock(folder / "log")
    moved.release()
    with pytest.raises(ConfigurationError):
        WriterLock(folder / "log")
    second.release()


def test_a_folder_that_is_not_there_is_the_disk_s_trouble(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        WriterLock(tmp_path / "nowhere" / "log")
