"""Faults of a simulated acquisition by name: understood, refused, and the same again for the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operando.app.simulate import Cell, energies_of, fault_names, simulate
from operando.errors import ConfigurationError
from operando.io.runlog import LogReader
from operando.live.recorder import Recorder
from operando_sim import ALL

CELL = Cell("lixv2o5", 5, 1.8e9, 16, 1, 1.0, energies_of("lixv2o5"))


def lines_of(log: Path) -> list[dict[str, Any]]:
    with LogReader(log) as reader:
        return [row.document for row in reader.read(0, 10**6) if row.name == "event_page"]


def test_names_are_taken_apart_and_unknown_ones_are_refused_with_those_there_are() -> None:
    assert fault_names("") == ()
    assert fault_names("drops, beam-loss") == ("drops", "beam-loss")
    assert fault_names("all") == ALL
    with pytest.raises(ConfigurationError, match=r"no fault 'earthquake'; choose all, or any of beam-loss"):
        fault_names("drops,earthquake")


def test_the_same_seed_suffers_the_same(tmp_path: Path) -> None:
    for name in ("one", "other"):
        simulate(
            CELL, tmp_path / name, faults=("beam-loss", "nan-counts", "drops", "reordered", "i0-missing")
        )
    one, other = (lines_of(tmp_path / name) for name in ("one", "other"))
    assert [line["seq_num"] for line in one] == [line["seq_num"] for line in other]
    assert [line["seq_num"] for line in one] != sorted(line["seq_num"] for line in one)
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours["data"]["STXMLineFlyer"], theirs["data"]["STXMLineFlyer"])
    counts = np.concatenate([line["data"]["STXMLineFlyer"][0] for line in one])
    assert 0 < np.isnan(counts).sum() < 0.05 * counts.size
    assert 0 < sum("STXMLineFlyer_i0" in line["data"] for line in one) < len(one)


def test_a_log_that_is_being_recorded_is_refused_before_anything_moves(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with Recorder(path), pytest.raises(ConfigurationError, match="being written by another program"):
        simulate(CELL, path)
    with LogReader(path) as reader:
        assert reader.head() == 0
