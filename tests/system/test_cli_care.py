"""keys, verify and doctor as a user meets them, and a log that is served and followed with keys."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operando.cli import Exit, app
from served import documents, record

RUN = [sys.executable, "-m", "operando"]
HEADLESS = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "DISPLAY": "", "WAYLAND_DISPLAY": ""}


def invoke(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return record(tmp_path / "run.log", documents(40))


def test_new_keys_say_what_to_copy_where_and_are_not_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    code, said, told = invoke("keys", "new", folder)
    assert code == Exit.DONE
    assert all(Path(line).is_file() for line in said.splitlines())
    assert "server.public" in told
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    code, _, told = invoke("keys", "new", folder)
    assert code == Exit.CONFIGURATION
    assert "not overwritten" in told
    assert {path: path.read_bytes() for path in before} == before
    assert invoke("keys", "new", folder, "--client", "laptop")[0] == Exit.DONE
    assert invoke("keys", "new", folder, "--client", "../laptop")[0] == Exit.CONFIGURATION


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:0", "tcp://10.0.0.5:5577", "tcp://[::]:0"])
def test_other_networks_are_not_served_without_keys(log: Path, address: str) -> None:
    code, said, told = invoke("serve", log, "--address", address)
    assert (code, said) == (Exit.CONFIGURATION, "")
    assert "operando keys new" in told


def test_keys_that_are_not_there_are_refused_before_anything_is_bound(log: Path, tmp_path: Path) -> None:
    code, said, told = invoke("serve", log, "--address", "tcp://0.0.0.0:0", "--keys", tmp_path / "nothing")
    assert (code, said) == (Exit.CONFIGURATION, "")
    assert "operando keys new" in told
    code, _, told = invoke("verify", "tcp://127.0.0.1:1", "--keys", tmp_path / "nothing")
    assert code == Exit.CONFIGURATION


def test_a_log_served_with_keys_is_verified_by_who_has_them_only(log: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    assert invoke("keys", "new", keys)[0] == Exit.DONE
    with subprocess.Popen(
        [*RUN, "serve", log, "--address", "tcp://127.0.0.1:0", "--keys", keys],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=HEADLESS,
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            code, said, _ = invoke("verify", address, "--keys", keys)
            assert code == Exit.DONE
            assert said == "40 documents, 0 of them bad\n"
            code, _, told = invoke("verify", address)
            assert code == Exit.CONFIGURATION
            assert "--keys" in told
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)


def test_verify_says_what_is_good_and_what_is_not(log: Path) -> None:
    code, said, _ = invoke("verify", log, "--json")
    assert code == Exit.DONE
    assert json.loads(said) == {
        "source": str(log), "kind": "run log", "records": 40, "good": 40, "bad": 0, "first_bad": None,
        "reason": "", "is_good": True,
    }  # fmt: skip
    with sqlite3.connect(log) as db:
        db.execute("UPDATE documents SET blob = x'00' WHERE seq IN (5, 9)")
    db.close()
    code, said, told = invoke("verify", log)
    assert code == Exit.DAMAGED
    assert said == "40 documents, 2 of them bad\n"
    assert "4 documents are good before it: document 5 of" in told
    assert invoke("verify", log.with_name("nothing.log"))[0] == Exit.UNREACHABLE


def test_doctor_says_how_everything_is(log: Path) -> None:
    code, said, told = invoke("doctor", log, "--json")
    found = {check["name"]: check for check in json.loads(said)}
    assert {
        "python",
        "packages",
        "screen",
        "compiled fit",
        "clock",
        "source",
        "clock and log",
        "disk",
    } == set(found)
    assert all(check["state"] in ("ok", "warning", "failed") for check in found.values())
    failed = [name for name, check in found.items() if check["state"] == "failed"]
    assert code == (Exit.FAILED if failed else Exit.DONE), told
    code, said, told = invoke("doctor", log.with_name("nothing.log"))
    assert code == Exit.FAILED
    assert "source" in told
