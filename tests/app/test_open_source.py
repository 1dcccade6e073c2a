"""A source that cannot be opened leaves nothing open."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from operando.app import open_source
from operando.app.open_source import advice_of, follow_log, log_of, results_of
from operando.errors import ConfigurationError


class Kept:
    """A log that knows whether it was closed."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True


def test_the_log_for_repairs_is_closed_where_the_proxy_cannot_be_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Kept()
    monkeypatch.setattr(open_source, "_followed_log", lambda *_: log)
    with pytest.raises(ConfigurationError, match="not on this machine"):
        follow_log("proxy://192.0.2.1:5578", threading.Event(), repair=Path("any.runlog"))
    assert log.is_closed


def test_only_a_run_log_on_this_machine_has_a_disk_here() -> None:
    assert log_of("folder/series.runlog") == Path("folder/series.runlog")
    for other in ("tcp://127.0.0.1:5577", "kafka://127.0.0.1:9092/topic", "documents.json", "stack.hdr"):
        assert log_of(other) is None


def test_files_about_an_address_have_its_name_without_its_key() -> None:
    address = "https://catalog.example/api/v1?api_key=secret#uid"
    assert results_of(address) == Path("catalog.example-api-v1-uid-lithiation.h5")
    assert results_of(address.replace("?api_key=secret", "")) == results_of(address)
    assert results_of(address.replace("catalog.", "me:secret@catalog.")) == results_of(address)
    assert advice_of(address) == Path("catalog.example-api-v1-uid.advice.json")
    assert advice_of("tcp://[::1]:5577") == Path("---1--5577.advice.json")
    assert advice_of("nights/a.runlog") == Path("nights/a.runlog.advice.json")


def test_files_about_many_runs_have_a_name_that_a_disk_bears(tmp_path: Path) -> None:
    first, second = (
        results_of("https://catalog.example#" + ",".join(f"{number:036}" for number in range(10, last)))
        for last in (20, 21)
    )
    assert first != second
    (tmp_path / first).touch()
