"""A log of sixty documents, and its server, for all tests that only read them."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from operando.io.log_server import LogServer
from served import documents, record, serving


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("served") / "run.log", documents(60))


@pytest.fixture(scope="module")
def served(log: Path) -> Generator[LogServer]:
    with serving(log) as server:
        yield server
