"""What a start document says of a run, and what it may not say."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from operando.errors import RunRejected
from operando.io.layouts import DocumentReader
from operando.settings import LayoutSettings
from operando.types import RunClosed
from read_documents import COUNTS, PLAN, counts_in, lines_in, plans_in, read, refusals
from scans import documents_of


@pytest.mark.parametrize("group", ["line", "page", "frame"])
@pytest.mark.parametrize("series", [None, {}, "no block"])
def test_a_run_that_does_not_say_its_cycles_is_open_ended(group: str, series: Any) -> None:
    documents = copy.deepcopy(documents_of(PLAN, COUNTS, group=group))
    documents[0][1]["operando"] = series
    items = read(documents)
    assert plans_in(items)[0].cycles is None
    np.testing.assert_array_equal(counts_in(items), COUNTS)


def test_the_als_energy_stack_visits_its_energies_once() -> None:
    documents = copy.deepcopy(documents_of(PLAN, COUNTS))
    del documents[0][1]["operando"]
    documents[0][1]["plan_name"] = "stxm_energy_stack"
    assert plans_in(read(documents))[0].cycles == 1


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [4, 3]},
        {"shape": [5, 3, 4]},
        {"shape": [4, 0, 4]},
        {"shape": [4, 3, 10**9]},
        {"shape": "huge"},
        {"shape": [4, 16_000, 16_000]},
        {"shape": [10**400, 3, 4]},
        {"shape": [[4, 3, 4]]},
        {"x_extent": [-1e308, 1e308]},
        {"energies": [700.0, 708.0, float("nan"), 715.0]},
        {"energies": [700.0, -708.0, 710.0, 715.0]},
        {"energies": None},
        {"x_extent": [0.0]},
        {"x_extent": [1.0, 1.0]},
        {"y_extent": [0.0, float("inf")]},
        {"dwell_ms": [1.0, 2.0]},
        {"contract_version": 2},
    ],
)
def test_a_block_that_makes_no_sense_refuses_the_run(change: dict[str, Any]) -> None:
    documents = copy.deepcopy(documents_of(PLAN, COUNTS))
    documents[0][1]["stxm"].update(change)
    items = read(documents)
    assert refusals(items, RunRejected)
    assert not lines_in(items)


NUMBERS_THAT_ARE_NONE = [float("nan"), float("inf"), -1.0, 1e18, 10**400, "1", None, [1.0], {}]


@pytest.mark.parametrize("time_s", NUMBERS_THAT_ARE_NONE)
def test_a_run_that_began_at_no_time_is_refused(time_s: Any) -> None:
    documents = documents_of(PLAN, COUNTS)
    documents[0][1]["time"] = time_s
    items = read(documents)
    assert "seconds since 1970" in refusals(items, RunRejected)[0]
    assert not lines_in(items)


@pytest.mark.parametrize("cycles", [*NUMBERS_THAT_ARE_NONE, 0, 1.5])
def test_cycles_are_a_whole_number_or_unknown(cycles: Any) -> None:
    documents = documents_of(PLAN, COUNTS)
    documents[0][1]["operando"]["cycles"] = cycles
    items = read(documents)
    if cycles is None:
        assert plans_in(items)[0].cycles is None
    else:
        assert "operando.cycles" in refusals(items, RunRejected)[0]


def test_names_are_such_that_files_can_hold_them() -> None:
    documents = documents_of(PLAN, COUNTS)
    documents[0][1].update(sample="a\0b\ud800c" + "x" * 10**5, plan_name=["\0"])
    documents[-1][1].update(reason="\0", exit_status="fail")
    items = read(documents)
    plan = plans_in(items)[0]
    assert plan.sample.startswith("a?b?cxxx")
    assert len(plan.sample) == 1000
    assert plan.plan_name == r"['\x00']"
    assert items[-1] == RunClosed(PLAN.run, "fail", "?")


@pytest.mark.parametrize("uid", ["a\0", "\ud800", "u" * 2000])
def test_a_uid_that_no_file_can_hold_refuses_the_run(uid: str) -> None:
    documents = documents_of(PLAN, COUNTS)
    documents[0][1]["uid"] = documents[1][1]["run_start"] = documents[-1][1]["run_start"] = uid
    items = read(documents)
    assert "no file can hold" in refusals(items, RunRejected)[0]
    assert not lines_in(items)


def test_a_dwell_that_is_none_is_that_of_the_profile() -> None:
    documents = documents_of(PLAN, COUNTS)
    documents[0][1]["stxm"]["dwell_ms"] = [1.0, 0.0, float("nan"), float("inf")]
    (plan,) = plans_in(read(documents))
    np.testing.assert_array_equal(plan.dwell_ms, [1.0, np.nan, np.nan, np.nan])
    (plan,) = plans_in(read(documents, DocumentReader(LayoutSettings(dwell_ms=2.0))))
    assert plan.dwell_ms.tolist() == [1.0, 2.0, 2.0, 2.0]
