"""Every command that the README shows is run, as it stands there, where its files are."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from many_runs import recorded_runs
from operando.app.ending import Exit
from operando.cli import app
from operando.io.results import read_results

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADLESS = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
INSTALLS = "python3 -m venv --without-pip .venv && python3 -m pip --python .venv install "
FOLLOWED = ("monitor", "serve")
"""They go on until somebody ends them."""


def shown() -> list[list[str]]:
    """The words behind `operando` of every command in a block of the README, in their order."""
    lines = [line for block in BLOCK.findall(README) for line in block.splitlines()]
    calls = [line for line in lines if line.startswith("operando ")]
    return [shlex.split(line.partition("#")[0])[1:] for line in calls]


def invoke(words: list[str]) -> tuple[int, str]:
    result = CliRunner().invoke(app, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the README speaks of: stacks, a log, nights, two results, references and a profile."""
    folder = tmp_path_factory.mktemp("readme")
    first, second = recorded_runs(folder, 2)
    first.rename(folder / "series.runlog")
    nights = folder / "nights" / "first"
    nights.mkdir(parents=True)
    second.rename(nights / "night.runlog")
    (folder / "profile.toml").write_text('library = "library.toml"\n[fit]\nbackground = "constant"\n')
    for name in ("stack.hdr", "71214078.hdr"):
        assert invoke(["export", str(folder / "series.runlog"), str(folder / name)])[0] == Exit.DONE
    for name in ("first", "second"):
        words = ["replay", str(folder / "series.runlog"), "--references", str(folder / "library.toml")]
        assert invoke([*words, "--output", str(folder / f"{name}.h5"), "--headless"])[0] == Exit.DONE
    return folder


def test_there_are_commands_and_all_others_install() -> None:
    assert len(shown()) >= 9
    others = [
        line
        for block in BLOCK.findall(README)
        for line in block.splitlines()
        if line and not line.startswith("operando ")
    ]
    # The demo runs in test_cli.py; .ci/run evaluates the one with the tests.
    assert all(line.startswith(INSTALLS) for line in others)
    ends = [line.rpartition(" && ")[2] for line in others]
    assert ends == [".venv/bin/operando demo", ".venv/bin/pytest"]


@pytest.mark.parametrize("words", [words for words in shown() if words[0] not in FOLLOWED], ids=" ".join)
def test_a_command_ends_well(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for name, value in HEADLESS.items():
        monkeypatch.setenv(name, value)
    shutil.rmtree(folder / "operando-reprocess", ignore_errors=True)
    code, said = invoke(words)
    assert code == Exit.DONE, said


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
@pytest.mark.parametrize("words", [words for words in shown() if words[0] in FOLLOWED], ids=" ".join)
def test_a_command_that_goes_on_is_ended_and_has_its_results(words: list[str], folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "operando", *words],
        cwd=folder,
        env=HEADLESS,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        results = folder / "series-lithiation.h5"
        pause = threading.Event()
        for _ in range(400):
            if child.poll() is not None or _cycles(results) == 2:
                break
            pause.wait(0.1)  # for another process, which has no event to wait on
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
    assert child.returncode == Exit.INTERRUPTED, said
    assert _cycles(results) == 2


def _cycles(results: Path) -> int:
    try:
        return read_results(results).cycle.size
    except OSError:
        return 0
