"""Laws of distorted streams: what is lost, repeated and moved is what was asked for, and no more."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando_sim import (
    ALL,
    DOCUMENT_FAULTS,
    WORLD_FAULTS,
    Abort,
    Document,
    Drops,
    Duplicates,
    Extent,
    MissingChannel,
    MissingEnergy,
    NoStop,
    Reordering,
    Rewinds,
    ShapeChange,
    Twin,
    distorted,
    document_faults,
    world_faults,
)

EXTENT = Extent(100.0, 40, 16, 4, 1e6, "counter_i0")


def run_of(lines: int = 40, page: bool = False) -> list[Document]:
    """A run of four energies with five rows each, twice."""
    documents: list[Document] = [
        ("start", {"uid": "run", "time": 0.0, "stxm": {"shape": [4, 5, 16]}}),
        ("descriptor", {"uid": "stream", "run_start": "run", "data_keys": {}}),
    ]
    for n in range(lines):
        data = {"counter": [float(n)] * 16, "counter_i0": [1.0] * 16, "SampleY": 0.5}
        line = {"uid": f"line {n}", "seq_num": n + 1, "time": 1.0 + n, "data": data}
        if page:
            line = {key: [value] for key, value in line.items() if key != "data"}
            line["data"] = {key: [value] for key, value in data.items()}
        line |= {"descriptor": "stream", "timestamps": dict.fromkeys(data, [1.0 + n] if page else 1.0 + n)}
        documents.append(("event_page" if page else "event", line))
    documents.append(("stop", {"uid": "stop", "run_start": "run", "exit_status": "success"}))
    return documents


RUN = run_of()
seeds = st.integers(0, 2**32)


def numbers(documents: list[Document]) -> list[int]:
    return [document["seq_num"] for name, document in documents if name == "event"]


@given(seeds, st.floats(0.0, 1.0), st.integers(1, 12))
def test_duplicates_and_disorder_lose_nothing_and_leave_the_frame_in_place(
    seed: int, share: float, window: int
) -> None:
    found = list(distorted(RUN, [Duplicates(share), Reordering(window)], seed))
    assert set(numbers(found)) == set(range(1, 41))
    assert [name for name, _ in found if name != "event"] == ["start", "descriptor", "stop"]
    assert found[-1][0] == "stop"
    if share == 0.0:
        assert all(abs(place - number) < window for place, number in enumerate(numbers(found), start=1))
    assert found == list(distorted(RUN, [Duplicates(share), Reordering(window)], seed))


@given(seeds, st.floats(0.0, 1.0))
def test_drops_lose_lines_and_nothing_else(seed: int, share: float) -> None:
    found = list(distorted(RUN, [Drops(share)], seed))
    assert [document for document in found if document in RUN] == found
    assert len(found) - len(numbers(found)) == 3
    assert (len(numbers(found)) == 40) if share == 0.0 else True


@given(seeds, st.integers(1, 5))
def test_a_rewind_repeats_the_last_numbers_with_new_uids(seed: int, lines: int) -> None:
    found = list(distorted(RUN, [Rewinds(0.2, lines)], seed))
    uids = [document["uid"] for name, document in found if name == "event"]
    assert len(set(uids)) == len(uids)
    seen = 0
    for number in numbers(found):
        assert number <= seen + 1, "nothing is skipped"
        assert number > seen - lines
        seen = max(seen, number)
    data = {document["seq_num"]: document["data"] for name, document in RUN if name == "event"}
    assert all(document["data"] == data[document["seq_num"]] for name, document in found if name == "event")


@given(st.integers(1, 40))
def test_an_abort_ends_the_run_where_it_says(lines: int) -> None:
    found = list(distorted(RUN, [Abort(lines)], 1))
    assert numbers(found) == list(range(1, lines + 1))
    stops = [document for name, document in found if name == "stop"]
    assert [(stop["exit_status"], stop["num_events"]) for stop in stops] == [("abort", {"primary": lines})]
    assert found[-1][0] == "stop"


@pytest.mark.parametrize("page", [False, True])
def test_twins_are_two_whole_runs_with_nothing_in_common(page: bool) -> None:
    documents = run_of(page=page)
    found = list(distorted(documents, [Twin()], 1))
    assert found[::2] == documents
    twins = found[1::2]
    start, descriptor, stop = twins[0][1], twins[1][1], twins[-1][1]
    assert descriptor["run_start"] == stop["run_start"] == start["uid"] != "run"
    assert {document["descriptor"] for _, document in twins[2:-1]} == {descriptor["uid"]}
    ours = {str(document["uid"]) for _, document in documents}
    assert ours.isdisjoint(str(document["uid"]) for _, document in twins)


@pytest.mark.parametrize("page", [False, True])
def test_lines_lose_an_energy_some_pixels_or_a_channel(page: bool) -> None:
    documents = run_of(page=page)
    name = documents[2][0]

    def after(fault: object) -> list[dict]:
        return [document for kind, document in distorted(documents, [fault], 1) if kind == name]

    def first(value: object) -> object:
        return value[0] if page else value

    left = [first(line["seq_num"]) for line in after(MissingEnergy(2))]
    assert left == [number for number in range(1, 41) if (number - 1) // 5 % 4 != 2]
    lengths = [len(first(line["data"]["counter"])) for line in after(ShapeChange(10, 3))]
    assert lengths == [16] * 10 + [13] * 30
    has_channel = ["counter_i0" in line["data"] for line in after(MissingChannel("counter_i0", 7))]
    assert has_channel == [True] * 7 + [False] * 33
    assert documents == run_of(page=page), "what was sent is not changed"


def test_a_run_may_have_no_end() -> None:
    assert list(distorted(RUN, [NoStop()], 1)) == RUN[:-1]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_name_makes_a_fault_and_a_seed_makes_it_again(seed: int) -> None:
    names = [*WORLD_FAULTS, *DOCUMENT_FAULTS]
    assert len(set(names)) == len(names)
    assert set(ALL) == set(names) - {"abort"}
    world, documents = world_faults(names, EXTENT, seed), document_faults(names, EXTENT, seed)
    assert (len(world), len(documents)) == (len(WORLD_FAULTS), len(DOCUMENT_FAULTS))
    alone = [fault for name in names for fault in world_faults([name], EXTENT, seed)]
    # NaN is not equal to itself; its repr is.
    assert [repr(fault) for fault in alone] == [repr(fault) for fault in world]
    found = Counter(name for name, _ in distorted(RUN, documents, seed))
    assert found["start"] == 2
    assert found["stop"] == 0
