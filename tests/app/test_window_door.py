"""A window attached, closed, attached again, hung and replaced, while a monitor fits a log that grows."""

from __future__ import annotations

import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from operando.app.window import WindowDoor
from operando.app.window.link import Link
from operando.app.window.plate import plate_for, plate_of, read_plate
from operando.errors import ConfigurationError, SourceUnreachable
from operando.io.sources import DocumentSource
from operando.live.monitor import Monitor
from operando.regions import Marks, Outline, Region
from operando.types import Snapshot
from operando.view.history import HistoryBook
from windowed import WAIT_S, WORK, following, offline_bytes, run_of, waited_for, without_regions

TIMES = 50
RUN = run_of((6, 8), cycles=6)
MARKS = Marks((Region("all", Outline.RECTANGLE, ((-9.0, -9.0), (9.0, 9.0))),))


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No thread, and with the warnings of pytest no socket."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def taken(link: Link) -> Snapshot:
    found: list[Snapshot] = []
    waited_for(lambda: (snapshot := link.take()) is not None and not found.append(snapshot))
    return found[0]


def test_attached_fifty_times_no_bit_of_what_was_fitted_changes(tmp_path: Path) -> None:
    (tmp_path / "watched").mkdir()
    with following(tmp_path / "watched", RUN) as found:
        for number in range(TIMES):
            found.write(2)
            link = Link(found.plate)
            snapshot = taken(link)
            assert snapshot.plan.run == RUN.plan.run
            link.send(MARKS if number % 2 else Marks())
            link.close()
        waited_for(lambda: "operando-window" not in {thread.name for thread in threading.enumerate()})
    assert not found.plate.exists()
    assert found.outcome is not None
    assert found.outcome.failure is None
    offline_bytes(tmp_path / "alone", RUN)
    alone = without_regions(tmp_path / "alone" / "results.h5")
    assert "entry/lithiation/lithium" in alone
    assert without_regions(found.results) == alone


def test_marks_travel_back_and_are_answered_and_history_travels_forth(tmp_path: Path) -> None:
    with following(tmp_path, RUN) as found:
        link = Link(found.plate)
        assert (link.welcome.title, link.welcome.choices) == ("a monitor", "dashboard-test.json")
        assert link.welcome.results == found.results.name
        found.write(2 * RUN.plan.lines_in(0) + 3)
        link.send(MARKS)
        waited_for(lambda: len(link.history().moments) == 2)
        waited_for(lambda: taken(link).marks == MARKS or found.write(1))
        snapshot = taken(link) if found.write(3) is None else None
        assert snapshot is not None
        assert snapshot.regions[0].curve.cycle.tolist() == [0, 1]
        link.close()
        again = Link(found.plate)
        waited_for(lambda: len(again.history().moments) >= 2)
        assert [moment.cycle for moment in again.history().moments][:2] == [0, 1]
        assert taken(again).marks == MARKS, "what is marked stays while nobody looks"
        again.close()


def test_a_window_that_takes_nothing_never_delays_the_fit_and_makes_place_for_another(tmp_path: Path) -> None:
    with following(tmp_path, RUN) as found:
        plate = read_plate(found.plate)
        hung = socket.socket()
        hung.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        hung.connect((plate.endpoint.host, plate.endpoint.port))
        hung.sendall(plate.token.encode())
        for _ in range(20):
            found.write(5)
        link = Link(found.plate)
        waited_for(lambda: taken(link).progress.lines_seen >= 100)
        link.close()
        hung.close()


def test_of_two_windows_the_later_one_has_the_monitor_and_the_other_is_told(tmp_path: Path) -> None:
    with following(tmp_path, RUN) as found:
        found.write(5)
        first = Link(found.plate)
        taken(first)
        second = Link(found.plate)
        taken(second)
        waited_for(first.cut)
        cut = first.cut()
        assert cut is not None
        assert cut.words == "another window has taken its place"
        assert second.cut() is None
        first.close()
        second.close()


def test_a_monitor_that_ends_is_said_and_one_that_is_there_again_is_found(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with following(tmp_path / "one", RUN) as found:
        found.write(5)
        link = Link(found.plate)
        taken(link)
        link.send(MARKS)
    waited_for(link.cut)
    cut = link.cut()
    assert cut is not None
    assert cut.words == "the monitor has ended"
    assert cut.for_s >= 0
    with following(tmp_path / "two", RUN) as again:
        again.write(20)
        found.plate.write_bytes(again.plate.read_bytes())
        waited_for(lambda: link.cut() is None)
        waited_for(lambda: taken(link).marks == MARKS or again.write(1))
        link.close()


def test_a_monitor_is_found_by_its_log_by_its_results_and_by_what_says_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert plate_for("series.runlog") == Path("series-lithiation.window")
    assert plate_for("tcp://127.0.0.1:5577") == Path("127.0.0.1-5577-lithiation.window")
    for results in ("night.h5", "night.hdf5", "night"):
        plate = plate_of(tmp_path / results)
        plate.touch()
        assert plate_for(results) == Path("night.window")
        assert plate_for(str(tmp_path / results)) == plate == plate_for(str(plate))
        plate.unlink()


def test_the_age_of_a_snapshot_is_since_it_was_made_not_since_the_window_came(tmp_path: Path) -> None:
    monitor = Monitor(DocumentSource(iter(RUN.documents[:20]), "memory"), WORK)
    door = WindowDoor(tmp_path / "results.h5", HistoryBook(), "a monitor", "choices.json")
    door.begin(monitor)
    while monitor.pull():
        pass
    monitor.show()
    made_s = time.monotonic()
    waited_for(lambda: door._news is not None)
    waited_for(lambda: time.monotonic() - made_s > 0.5)
    link = Link(door.plate)
    taken(link)
    assert 0.2 < link.age_s() < 30.0
    link.close()
    door.close()


def test_only_who_knows_the_token_hears_anything(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with following(tmp_path, RUN) as found:
        assert stat.S_IMODE(found.plate.stat().st_mode) == 0o600
        endpoint = read_plate(found.plate).endpoint
        for token in (b"0" * 64, b"GET / HTTP/1.1\r\n\r\n" + b"x" * 64):
            with socket.create_connection((endpoint.host, endpoint.port), WAIT_S) as stranger:
                stranger.sendall(token)
                with suppress(ConnectionResetError):
                    assert stranger.recv(1) == b""
        assert "does not know its token" in caplog.text


def test_what_a_window_says_wrong_ends_its_connection_only(tmp_path: Path) -> None:
    with following(tmp_path, RUN) as found:
        plate = read_plate(found.plate)
        with socket.create_connection((plate.endpoint.host, plate.endpoint.port), WAIT_S) as evil:
            evil.sendall(plate.token.encode() + b"\xff" * 100)
            evil.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                while evil.recv(65536):
                    pass
        found.write(5)
        link = Link(found.plate)
        assert taken(link).plan.run == RUN.plan.run
        link.close()


def test_where_no_monitor_is_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="operando monitor"):
        Link(tmp_path / "none.window")
    plate = tmp_path / "old.window"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    plate.write_text(f'{{"address": "tcp://127.0.0.1:{port}", "token": "{"a" * 64}"}}')
    with pytest.raises(SourceUnreachable, match="no monitor answers"):
        Link(plate)
    for text in (
        "",
        "[]",
        "{}",
        '{"address": "tcp://192.0.2.1:1", "token": "' + "a" * 64 + '"}',
        "\xff" * 10,
    ):
        plate.write_text(text)
        with pytest.raises(ConfigurationError):
            Link(plate)
