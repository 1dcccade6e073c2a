"""The how-to runs as it stands: its blocks, one after the other, as a reader would type them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import bluesky
import pytest
from bluesky import RunEngine

from operando.io.layouts import DocumentReader
from operando.types import Line
from operando_plans import Estimate

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "run-a-series.md"


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Everything that the reader has at the end."""
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("reader"))
        # As in a session of one's own, but for the main thread's signals, which belong to the tests.
        patch.setattr(bluesky, "RunEngine", lambda: RunEngine({}, context_managers=[]))
        for block in re.findall(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL):
            exec(compile(block, str(HOW_TO), "exec"), names)  # noqa: S102 - our own page
    return names


def test_the_first_series_is_whole_and_says_what_it_is_of(typed: dict[str, Any]) -> None:
    start = typed["documents"][0][1]
    assert (start["sample_name"], start["cell"]) == ("V2O5 on SiN", "cell 7")
    reader = DocumentReader()
    items = [item for name, document in typed["documents"] for item in reader.read(name, document)]
    lines = [item for item in items if isinstance(item, Line) and item.run == start["uid"]]
    assert len(lines) == 2 * 3 * 8


def test_the_dry_run_is_an_estimate_within_its_limits(typed: dict[str, Any]) -> None:
    estimate = typed["estimate"]
    assert isinstance(estimate, Estimate)
    assert 3600.0 <= estimate.duration_s < 2 * 3600.0
    assert estimate.dose_mgy["control"] < estimate.dose_mgy["front"]


def test_the_advice_that_never_came_is_written_down(typed: dict[str, Any]) -> None:
    notes = [
        document["data"]
        for name, document in typed["documents"]
        if name == "event" and "advice_action" in document["data"]
    ]
    assert [note["advice_action"] for note in notes] == ["same", "same"]
    assert "no advice" in notes[0]["advice_reason"]


def test_the_microscope_is_left_as_it_should_be(typed: dict[str, Any]) -> None:
    assert not typed["world"].is_shutter_open
    assert typed["RE"].state == "idle"
