"""The validator of the ALS contract: our stack and the golden run meet it, and every rule can be broken."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from bluesky import RunEngine
from hypothesis import given
from hypothesis import strategies as st

from microscope import microscope
from operando_plans import Field, Region, energy_stack
from operando_plans.contract import violations
from operando_sim import World, static_settings
from scans import SHARED_DATA

GOLDEN = SHARED_DATA / "lightfall_run" / "golden_energy_stack_run.json"
Documents = list[tuple[str, dict]]


def own_run() -> Documents:
    documents: Documents = []
    region = Region("cell", Field((0.5, -0.5), (2.0, 1.0), (5, 3)), [513.0, 517.9], 1.5)
    plan = energy_stack(microscope(World(static_settings(), seed=1)), region, metadata={"sample_name": "s"})
    RunEngine({}, context_managers=[])(plan, lambda name, document: documents.append((name, dict(document))))
    return documents


@pytest.fixture(scope="module")
def documents() -> Documents:
    return own_run()


OWN = own_run()


def test_our_own_stack_meets_the_contract() -> None:
    assert violations(OWN) == []


def test_the_golden_run_meets_the_contract() -> None:
    if not GOLDEN.exists():
        pytest.skip("the recorded run of the ALS is not here")
    golden = [(name, document) for name, document in json.loads(GOLDEN.read_text())]
    assert violations(golden) == []


@given(st.data())
def test_a_run_that_ends_early_meets_it_and_so_does_a_repeated_line(data: st.DataObject) -> None:
    kept = data.draw(st.integers(1, len(OWN)))
    partial = copy.deepcopy(OWN[:kept])
    pages = [document for name, document in partial if name == "event_page"]
    if pages and partial[-1][0] != "stop":
        again = copy.deepcopy(data.draw(st.sampled_from(pages)))
        again["uid"] = ["another"]
        partial.append(("event_page", again))
    assert violations(partial) == []


def _break_start(documents: Documents, data: st.DataObject) -> None:
    key, values = data.draw(
        st.sampled_from(
            [
                ("plan_name", ["operando_series", None]),
                ("motors", [["SampleY", "energy"], ["energy"], [], None, 7]),
                ("detectors", [[], ["a", "b"], "STXMLineFlyer"]),
                ("stxm", [None, [], "v1"]),
            ]
        )
    )
    documents[0][1][key] = data.draw(st.sampled_from(values))


def _break_block(documents: Documents, data: st.DataObject) -> None:
    nan = float("nan")
    key, values = data.draw(
        st.sampled_from(
            [
                ("contract_version", [0, 2, "1"]),
                ("shape", [[2, 3], [3, 3, 5], [2, 3, 6], [2, 0, 5], [2.5, 3, 5], "235", [2, 1, 5]]),
                ("energies", [[513.0], [513.0, nan], [513.0, -1.0], [513.0, "517.9"], []]),
                ("dwell_ms", [0.0, -1.0, nan, [1.5, 1.5], "1.5"]),
                ("x_extent", [[0.0], [nan, 1.0], None, [0.0, 1.0, 2.0]]),
                ("y_extent", [[0.0], [nan, 1.0], None, [0.0, -1.0]]),
                ("x_motor", ["", None, "SampleZ"]),
                ("y_motor", ["", None, "SampleZ"]),
                ("energy_motor", ["", None, "mono"]),
                ("data_field", ["", None, "counter0"]),
            ]
        )
    )
    documents[0][1]["stxm"][key] = data.draw(st.sampled_from(values))


def _drop_from_block(documents: Documents, data: st.DataObject) -> None:
    del documents[0][1]["stxm"][data.draw(st.sampled_from(sorted(documents[0][1]["stxm"])))]


def _break_descriptor(documents: Documents, data: st.DataObject) -> None:
    descriptor = documents[1][1]
    keys = descriptor["data_keys"]
    which = data.draw(st.sampled_from(["name", "hints", "extra", "lacks", "dtype", "shape", "run_start"]))
    if which == "name":
        descriptor["name"] = "baseline"
    elif which == "hints":
        descriptor["hints"] = {"STXMLineFlyer": {"fields": ["STXMLineFlyer"]}}
    elif which == "extra":
        keys["energy"] = {"source": "x", "dtype": "number", "shape": []}
    elif which == "run_start":
        descriptor["run_start"] = "another"
    else:
        key = data.draw(st.sampled_from(sorted(keys)))
        if which == "lacks":
            del keys[key]
        elif which == "dtype":
            keys[key]["dtype"] = "string"
        else:
            keys[key]["shape"] = [7]


def _break_line(documents: Documents, data: st.DataObject) -> None:
    pages = [document for name, document in documents if name == "event_page"]
    page = data.draw(st.sampled_from(pages))
    which = data.draw(
        st.sampled_from(["number", "row", "short", "two", "uid", "descriptor", "lacks", "nan y"])
    )
    if which == "number":
        page["seq_num"] = data.draw(st.sampled_from([[0], [7], [-1], [1.5], ["1"], []]))
    elif which == "row":
        # In the place of another row of the same image, or of no row.
        number = page["seq_num"][0]
        page["seq_num"] = [number + 1 if number % 3 else number - 1]
    elif which == "short":
        page["data"]["STXMLineFlyer"] = [page["data"]["STXMLineFlyer"][0][:-1]]
    elif which == "two":
        page["data"]["SampleX"] = page["data"]["SampleX"] * 2
    elif which == "uid":
        page["uid"] = []
    elif which == "descriptor":
        page["descriptor"] = "another"
    elif which == "lacks":
        del page["data"][data.draw(st.sampled_from(sorted(page["data"])))]
    else:
        page["data"]["SampleY"] = [float("nan")]


def _break_order(documents: Documents, data: st.DataObject) -> None:
    which = data.draw(st.sampled_from(["event", "start", "descriptor", "stop", "late", "twice"]))
    if which == "event":
        documents[2] = ("event", documents[2][1])
    elif which == "start":
        documents.insert(0, documents.pop(1))
    elif which == "descriptor":
        documents.insert(3, documents[1])
    elif which == "stop":
        documents.insert(4, documents.pop())
    elif which == "late":
        documents.insert(2, documents.pop(1))
    else:
        documents.insert(3, documents[2])


@pytest.mark.parametrize(
    "mutate",
    [_break_start, _break_block, _drop_from_block, _break_descriptor, _break_line, _break_order],
)
@given(data=st.data())
def test_every_rule_that_is_broken_is_found(
    mutate: Callable[[Documents, Any], None], data: st.DataObject
) -> None:
    documents = copy.deepcopy(OWN)
    mutate(documents, data)
    assert violations(documents)


def test_nothing_at_all_is_no_run() -> None:
    assert violations([]) == ["the first document is a nothing; expected the start document"]
