"""Laws of a served log over a bad network: whatever happens between, every document comes once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operando.io.blob import encode
from operando.io.log_server import LogServer
from operando.io.runlog import LogWriter
from operando_sim.network import CALM, FaultProxy, Weather
from served import DEADLINE_S, documents, flat, in_file, record, remote, serving


@pytest.mark.parametrize("had", [0, 1, 30])
@pytest.mark.parametrize("fault", ["cut", "reset", "black hole"])
def test_what_a_broken_line_held_up_comes_once_it_is_mended(
    log: Path, served: LogServer, fault: str, had: int
) -> None:
    with FaultProxy(served.address) as proxy, remote(proxy.address) as source:
        found = flat(source, 0, had)
        if fault == "cut":
            proxy.cut()
        elif fault == "reset":
            proxy.turn(Weather(lets_in=False))
            proxy.reset()
        else:
            proxy.turn(Weather(passes=False))
        assert source.read(had, 10) == []
        assert source.read(had, 10) == [], "silence is no end"
        proxy.turn(CALM)
        found += flat(source, had, 60)
        assert found == in_file(log)


@pytest.mark.parametrize(
    "weather",
    [Weather(delay_s=0.01), Weather(bytes_per_s=100e3), Weather(duplicates=True), Weather(truncated_to=700)],
)
def test_a_slow_or_garbled_line_costs_time_and_nothing_else(
    log: Path, served: LogServer, weather: Weather
) -> None:
    with FaultProxy(served.address) as proxy, remote(proxy.address) as source:
        found = flat(source, 0, 10, [10])
        proxy.turn(weather)
        proxy.reset()
        is_garbled = weather.duplicates or weather.truncated_to is not None
        if is_garbled:
            until = time.monotonic() + DEADLINE_S
            while proxy.connections < 3 and time.monotonic() < until:
                assert source.read(10, 20) == []
            assert proxy.connections >= 3, "it tries again and again"
            proxy.turn(CALM)
            proxy.reset()
        found += flat(source, 10, 60)
        assert found == in_file(log)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(["reset", "cut", "hole", "calm", "slow"]), max_size=8), st.integers(1, 9))
def test_any_sequence_of_faults_loses_nothing_and_repeats_nothing(
    log: Path, served: LogServer, faults: list[str], limit: int
) -> None:
    weathers = {"cut": Weather(lets_in=False), "hole": Weather(passes=False), "slow": Weather(delay_s=0.005)}
    with FaultProxy(served.address) as proxy, remote(proxy.address) as source:
        found = []
        for fault in faults:
            proxy.turn(weathers.get(fault, CALM))
            if fault in ("reset", "cut"):
                proxy.reset()
            if len(found) < 60:
                batch = source.read(len(found), min(limit, 60 - len(found)))
                found += [(row.seq, row.run, row.name, row.recorded_s, encode(row.document)) for row in batch]
        proxy.turn(CALM)
        found += flat(source, len(found), 60)
        assert found == in_file(log)


def test_a_log_that_grows_while_the_line_is_cut_is_caught_up_with(tmp_path: Path) -> None:
    path = record(tmp_path / "run.log", documents(20))
    with serving(path) as server, FaultProxy(server.address) as proxy, remote(proxy.address) as source:
        found = flat(source, 0, 20)
        proxy.cut()
        with LogWriter(path) as writer:
            for document in documents(2000)[20:]:
                writer.append([document], 2.0)
        assert source.read(20, 10) == []
        began_s = time.monotonic()
        proxy.turn(CALM)
        found += flat(source, 20, 2000)
        assert time.monotonic() - began_s < 5.0
        assert found == in_file(path)
