"""The page over real connections: who gets in, what is said, and that nobody is waited for."""

from __future__ import annotations

import contextlib
import io
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import cast
from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from operando.app.web import Page
from operando.app.web.bulletin import edition_of, status_of
from operando.app.web.mapimage import map_image
from operando.errors import ConfigurationError
from operando.io.indexed_png import indexed_png
from operando.live.monitor import Monitor
from operando.regions import Marks, Outline, Region
from operando.types import Finding, ScanGrid, Severity
from operando.view.colours import colour_table
from operando.view.example import Stage, Story, records_until, snapshot_at, with_marks
from operando.view.history import HistoryBook
from operando.view.maps import map_levels, present_map
from operando.view.quantities import LITHIUM, Colouring, MapChoice, MapKind
from operando.view.scales import MASKED
from operando.view.theme import DARK, LIGHT
from visitors import Shown, events, served, spoken, visited

LOSS = Story(pause_s=420.0, lost_cycle=4)
RUNNING = snapshot_at(Stage(cycles=2, frames=1, rows=30))
OTHERS = ("", "page.js", "page.css", "theme.css", "icon.svg", "events", "map/lithium.png")


def test_without_the_token_nobody_gets_anything() -> None:
    with served() as (page, box):
        box.put(RUNNING)
        token = urlsplit(page.url).path.strip("/")
        assert len(token) >= 32
        wrong = ["/", "/favicon.ico", "//", f"/{token[:-1]}/", f"/{token}x/", f"/x/{token}/", f"/?{token}"]
        for path in [*wrong, *(f"/{name}" for name in OTHERS)]:
            status, _, content = visited(page, path)
            assert (status, content) == (401, b"Unauthorized\n"), path
    with served() as (other, _):
        assert urlsplit(other.url).path != urlsplit(page.url).path, "the token is new each time"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT"])
def test_nothing_can_be_done_but_look(method: str) -> None:
    with served() as (page, _):
        status, headers, _ = visited(
            page, "events", method, None if method in {"HEAD", "CONNECT"} else b"x" * 1000
        )
        assert status == 405
        assert headers["allow"] == "GET"


def test_every_answer_is_strict_and_no_part_comes_from_elsewhere() -> None:
    with served() as (page, box):
        box.put(RUNNING)
        with events(page) as heard:
            next(name for name, _ in heard if name == "edition")
            for name in (
                *OTHERS[:5],
                "map/lithium.png",
                "map/nothing.png",
                "../page.py",
                "%2e%2e/page.py",
                "",
            ):
                status, headers, content = visited(page, name)
                assert "default-src 'none'" in headers["content-security-policy"]
                assert "unsafe" not in headers["content-security-policy"]
                assert headers["x-content-type-options"] == "nosniff"
                assert headers["referrer-policy"] == "no-referrer"
                assert headers["cache-control"] == "no-store"
                assert status == (404 if "nothing" in name or "page.py" in name else 200), name
                text = content.decode("latin-1").replace("http://www.w3.org/2000/svg", "")
                assert "//cdn" not in text
                assert not re.search(r"https?://", text), name


@pytest.fixture(scope="module", name="lasting")
def _lasting() -> Iterator[Page]:
    """One page for all examples: a thread for each would take the time."""
    with served() as (page, _):
        yield page


@settings(max_examples=60, deadline=None)
@given(words=st.binary(max_size=300))
def test_whatever_is_said_is_answered_or_dropped_and_the_page_goes_on(lasting: Page, words: bytes) -> None:
    answer = spoken(lasting, words + b"\r\n\r\n")
    assert answer == b"" or re.match(rb"HTTP/1\.1 4\d\d ", answer)
    assert visited(lasting)[0] == 200


def test_before_there_is_a_monitor_visitors_are_told_that_nothing_has_come() -> None:
    page, monitor = Page("127.0.0.1:0"), Shown()
    page.open()
    with events(page) as heard:
        _, said = next(heard)
        assert said["is_waiting"]
        page.begin(cast("Monitor", monitor))
        monitor.box.put(RUNNING)
        next(name for name, _ in heard if name == "edition")
    page.close()
    page.close()
    assert not page._thread.is_alive()


def test_a_head_that_is_too_long_is_refused() -> None:
    with served() as (page, _):
        assert spoken(page, b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000).startswith(b"HTTP/1.1 431 ")
        assert spoken(page, b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_head_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operando.app.web.http._HEAD_S", 0.1)
    with served() as (page, _):
        assert spoken(page, b"GET / HT").startswith(b"HTTP/1.1 408 ")


def test_more_visitors_than_there_is_room_for_are_sent_away() -> None:
    with served() as (page, _):
        parts = urlsplit(page.url)
        silent = [socket.create_connection((parts.hostname or "", parts.port or 0), 20.0) for _ in range(32)]
        assert visited(page)[0] == 503
        crowd = [socket.create_connection((parts.hostname or "", parts.port or 0), 20.0) for _ in range(100)]
        answers = [heard_on(line) for line in crowd]
        assert all(not answer or answer.startswith(b"HTTP/1.1 503 ") for answer in answers)
        assert b"" in answers, "of a crowd not all are answered"
        silent += crowd
        for line in silent:
            line.close()
        deadline_s = time.monotonic() + 20.0
        while visited(page)[0] != 200:
            assert time.monotonic() < deadline_s, "their room is free again"


def heard_on(line: socket.socket) -> bytes:
    """All that comes, until nothing does."""
    with contextlib.suppress(ConnectionError):
        return line.recv(4096)
    return b""


def test_who_listens_hears_how_it_stands_and_every_new_edition() -> None:
    with served() as (page, box), events(page) as heard:
        name, status = next(heard)
        assert (name, status["is_waiting"], status["state"]) == ("status", True, "waiting")
        box.put(RUNNING)
        (edition,) = islice((said for name, said in heard if name == "edition"), 1)
        assert edition["words"].startswith("PROVISIONAL")
        assert [entry["key"] for entry in edition["maps"]][:2] == ["lithium", "lithium_error"]
        (status,) = islice((said for name, said in heard if name == "status"), 1)
        assert (status["state"], status["sample"]) == ("live", "LFP platelet 7, cell B")
        box.put(snapshot_at(Stage(cycles=3)))
        (later,) = islice((said for name, said in heard if name == "edition"), 1)
        assert later["edition"] == edition["edition"] + 1
        page.close()
        assert "end" in [name for name, _ in heard]


def test_a_run_that_says_nothing_is_stale() -> None:
    with served(stale_after_s=0.05) as (page, box), events(page) as heard:
        box.put(RUNNING)
        stale = next(said for name, said in heard if name == "status" and said["is_stale"])
        assert stale["word"] == "STALE"
        assert stale["age_s"] >= 0.05


def test_who_takes_nothing_holds_up_nobody() -> None:
    with served() as (page, box):
        parts = urlsplit(page.url)
        hanging = socket.socket()
        hanging.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        hanging.connect((parts.hostname or "", parts.port or 0))
        hanging.sendall(f"GET {parts.path}events HTTP/1.1\r\n\r\n".encode())
        with events(page) as heard:
            numbers = []
            for snapshot in [snapshot_at(Stage(cycles=cycles)) for cycles in range(1, 6)]:
                began = time.perf_counter()
                box.put(snapshot)
                assert time.perf_counter() - began < 0.1, "putting waits for nobody"
                numbers.append(next(said["edition"] for name, said in heard if name == "edition"))
            assert len(set(numbers)) == 5
        hanging.close()


def test_no_thread_and_no_socket_is_left() -> None:
    before = threading.active_count()
    for _ in range(5):
        with served() as (page, box), events(page) as heard:
            box.put(RUNNING)
            next(heard)
        with pytest.raises(ConnectionRefusedError):
            visited(page)
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "address", ["0.0.0.0:8080", "192.0.2.1:8080", "[::]:8080", "beamline.example:8080", "8080", ""]
)
def test_beyond_this_machine_nothing_is_served(address: str) -> None:
    with pytest.raises(ConfigurationError):
        Page(address)


def test_an_address_in_use_is_said() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigurationError, match="another port"),
    ):
        Page(f"127.0.0.1:{taken.getsockname()[1]}")


# What it says


def test_names_of_strangers_are_plain_text_in_json() -> None:
    evil = "</script><img src=x onerror=alert(1)>\n\x00\u202e"
    plan = replace(RUNNING.plan, sample=evil, plan_name=evil)
    phases = replace(RUNNING.phases, names=(evil, evil))
    finding = Finding(evil, Severity.ALARM, evil, evil)
    snapshot = replace(RUNNING, plan=plan, phases=phases, findings=(finding,))
    for text in (edition_of(snapshot, None).text, status_of(snapshot, 0.0, 60.0)):
        assert "\n" not in text
        assert "\\u0000" not in text
        assert "\\u202e" not in text


def test_what_is_not_known_is_null_and_before_the_first_line_there_is_a_page_too() -> None:
    for stage in (Stage(), Stage(rows=10), Stage(cycles=12, is_closed=True)):
        snapshot = snapshot_at(stage)
        for text in (edition_of(snapshot, None).text, status_of(snapshot, float("nan"), 60.0)):
            assert "NaN" not in text
            assert "Infinity" not in text


def test_pauses_and_lost_beam_of_all_cycles_are_said() -> None:
    book = HistoryBook()
    for record in records_until(6, LOSS):
        book.note(record)
    said = json.loads(edition_of(snapshot_at(Stage(cycles=6, rows=2), LOSS), None, book.read()).text)
    spans = said["time"]["spans"]
    assert {span["is_loss"] for span in spans} == {True, False}
    assert all(0 <= span["start"] <= span["end"] <= said["time"]["now"] for span in spans)
    assert any("pause" in span["words"] for span in spans)


def test_a_field_of_one_row_is_as_high_as_its_pixels_are_wide() -> None:
    said = json.loads(edition_of(snapshot_at(Stage(cycles=1), Story(shape=(1, 48))), None).text)
    (left, right), (bottom, top) = said["x_um"], said["y_um"]
    assert top - bottom == pytest.approx((right - left) / 48)


def test_scales_that_are_locked_stay_within_a_run() -> None:
    first = edition_of(snapshot_at(Stage(cycles=1)), None)
    second = edition_of(snapshot_at(Stage(cycles=5)), first)
    thick = MapChoice(MapKind.THICKNESS)
    assert second.levels[thick] == first.levels[thick]
    other = replace(RUNNING, plan=replace(RUNNING.plan, run="another"))
    assert edition_of(other, second).levels[thick] == map_levels(other, thick, None)


@settings(max_examples=50)
@given(data=st.data())
def test_a_picture_is_read_back_as_it_was(data: st.DataObject) -> None:
    ny, nx = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    index = rng.integers(0, 256, (ny, nx), dtype=np.uint8)
    table = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    image = Image.open(io.BytesIO(indexed_png(index, table)))
    assert np.array_equal(np.asarray(image.convert("RGB")), table[index])


@pytest.mark.parametrize("theme", [DARK, LIGHT])
@pytest.mark.parametrize(("x_step", "y_step"), [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_a_map_has_x_to_the_right_and_y_upwards_in_the_colours_of_the_window(theme, x_step, y_step) -> None:
    grid = RUNNING.plan.grid
    turned = ScanGrid(grid.x_um[::x_step], grid.y_um[::y_step])
    snapshot = replace(RUNNING, plan=replace(RUNNING.plan, grid=turned))
    mask = Region("dirt", Outline.RECTANGLE, ((1.0, -2.0), (1.5, -1.5)))
    snapshot = replace(snapshot, marks=Marks((), (mask,)))
    edition = edition_of(snapshot, None)
    drawn = np.asarray(Image.open(io.BytesIO(map_image(edition, LITHIUM, theme))).convert("RGB"))
    index = present_map(snapshot, LITHIUM, edition.levels[LITHIUM]).index[::-y_step, ::x_step]
    expected = colour_table(theme, Colouring.SEQUENTIAL, "viridis")[index, :3]
    masked = colour_table(theme, Colouring.SEQUENTIAL, "viridis")[MASKED, :3]
    is_masked = (drawn == masked).all(axis=2)
    assert is_masked[-1, 0], "the lower left is x and y at their least"
    assert np.array_equal(drawn[~is_masked], expected[~is_masked])


def test_regions_have_their_values_and_curves() -> None:
    marks = Marks((Region("all of it", Outline.RECTANGLE, ((-9.0, -9.0), (9.0, 9.0))),))
    said = json.loads(edition_of(with_marks(RUNNING, marks), None).text)
    assert [region["name"] for region in said["regions"]] == ["all of it"]
    assert [strand["name"] for strand in said["time"]["strands"]] == ["field", "all of it"]
    assert all(len(strand["x"]) == len(strand["low"]) == 2 for strand in said["time"]["strands"])
