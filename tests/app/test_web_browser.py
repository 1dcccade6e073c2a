"""The page in a real browser, at the width of a telephone and of a desk, light and dark."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from operando.app.web import Page
from operando.regions import Marks, Outline, Region
from operando.types import Finding, Severity
from operando.view.example import Stage, Story, records_until, snapshot_at, with_marks
from operando.view.history import HistoryBook
from visitors import served

playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra [browser]")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs chromium, from the system's packages")

RUNNING = snapshot_at(Stage(cycles=5, frames=2, rows=40))
MARKED = with_marks(RUNNING, Marks((Region("rim", Outline.RECTANGLE, ((1.5, -0.5), (3.0, 1.0))),)))
WIDE = snapshot_at(Stage(cycles=2, frames=1, rows=9), Story(shape=(30, 120)))
SIZES = {"telephone": (360, 740), "desk": (1280, 800)}
EVIL = "<b id=evil>bold</b><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module", name="chromium")
def _chromium() -> Iterator:
    with playwright.sync_playwright() as play:
        # Within a container there is no sandbox to be had; what is shown is our own page.
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def looking(chromium, page: Page, size: str = "telephone", scheme: str = "dark", clock: str = "") -> Iterator:
    """Open the page; what the browser complains of is an error at the end."""
    width, height = SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    screen = context.new_page()
    complaints: list[str] = []
    screen.on("console", lambda said: complaints.append(said.text))
    screen.on("pageerror", lambda error: complaints.append(str(error)))
    screen.on("dialog", lambda dialog: complaints.append(dialog.message) or dialog.dismiss())
    if clock:
        screen.clock.install(time=clock)
    screen.goto(page.url)
    yield screen
    context.close()
    assert [each for each in complaints if "ERR_" not in each] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_all_is_there_and_nothing_is_cut_off(chromium, size: str, scheme: str) -> None:
    with served() as (page, box):
        box.put(MARKED)
        with looking(chromium, page, size, scheme) as screen:
            screen.wait_for_selector("#map[data-drawn]")
            expect = playwright.expect
            expect(screen.locator("#word")).to_have_text("LIVE")
            expect(screen.locator("#sample")).to_have_text("LFP platelet 7, cell B")
            expect(screen.locator("#map-words")).to_contain_text("PROVISIONAL")
            expect(screen.locator("#headline-value")).to_contain_text("±")
            expect(screen.locator("#strands li")).to_have_count(2)
            expect(screen.locator("#strands")).to_contain_text("rim")
            expect(screen.locator("#chart polyline")).to_have_count(2)
            expect(screen.locator("#findings li")).to_have_count(3)
            expect(screen.locator("#veil")).to_be_hidden()
            assert screen.locator("#map").evaluate("image => image.naturalWidth") == 96
            width = SIZES[size][0]
            assert screen.locator("html").evaluate("page => page.scrollWidth") <= width
            boxes = boxes_of(screen, "main *, header *")
            assert all(each["x"] >= 0 and each["x"] + each["width"] <= width for each in boxes)


def test_pauses_and_lost_beam_are_bands_with_their_words(chromium) -> None:
    story, book = Story(pause_s=420.0, lost_cycle=4), HistoryBook()
    for record in records_until(6, story):
        book.note(record)
    with served(history=book.read) as (page, box):
        box.put(snapshot_at(Stage(cycles=6, rows=2), story))
        with looking(chromium, page) as screen:
            screen.wait_for_selector("#map[data-drawn]")
            expect = playwright.expect
            expect(screen.locator("#chart rect.pause").first).to_be_visible()
            expect(screen.locator("#chart rect.loss").first).to_be_visible()
            expect(screen.locator("#chart rect.loss title").first).not_to_be_empty()
            expect(screen.locator("#strands")).to_contain_text("lost beam or low I0")


def boxes_of(screen, selector: str) -> list[dict]:
    """Where elements are on the screen."""
    found = screen.locator(selector).evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().toJSON())"
    )
    return [each for each in found if each["width"] and each["height"]]


def overlapping(boxes: list[dict]) -> bool:
    """Whether any two of some boxes in a row or column cover each other."""
    return any(
        one["x"] < other["x"] + other["width"]
        and other["x"] < one["x"] + one["width"]
        and one["y"] < other["y"] + other["height"]
        and other["y"] < one["y"] + one["height"]
        for number, one in enumerate(boxes)
        for other in boxes[:number]
    )


@pytest.mark.parametrize("snapshot", [MARKED, WIDE], ids=["square", "wide"])
@pytest.mark.parametrize("size", SIZES)
def test_numbers_of_axes_do_not_cover_each_other(chromium, size: str, snapshot) -> None:
    with served() as (page, box):
        box.put(snapshot)
        with looking(chromium, page, size) as screen:
            screen.wait_for_selector("#map[data-drawn]")
            for labels in ("#x-axis span:not(.unit)", "#y-axis span", "#scale-ticks span", "#chart text"):
                boxes = boxes_of(screen, labels)
                assert len(boxes) >= 2
                assert not overlapping(boxes), labels


def test_another_map_can_be_chosen_and_stays_chosen(chromium) -> None:
    with served() as (page, box):
        box.put(RUNNING)
        with looking(chromium, page) as screen:
            screen.get_by_role("button", name="Phase", exact=True).click()
            screen.wait_for_selector("#map[data-drawn^='phase ']")
            playwright.expect(screen.locator("#legend")).to_contain_text("LiFePO₄")
            screen.reload()
            screen.wait_for_selector("#map[data-drawn^='phase ']")
            playwright.expect(screen.locator("#map-title")).to_have_text("Phase")


def test_a_new_snapshot_is_shown(chromium) -> None:
    with served() as (page, box):
        box.put(RUNNING)
        with looking(chromium, page) as screen:
            screen.wait_for_selector("#map[data-drawn^='lithium 1 ']")
            box.put(snapshot_at(Stage(cycles=12, is_closed=True)))
            screen.wait_for_selector("#map[data-drawn^='lithium 2 ']")
            playwright.expect(screen.locator("#word")).to_have_text("FINISHED")


def test_names_of_strangers_are_text_and_nothing_else(chromium) -> None:
    phases = replace(RUNNING.phases, names=(EVIL, EVIL))
    found = Finding("evil", Severity.ALARM, EVIL, EVIL)
    marked = with_marks(
        RUNNING, Marks((Region("<i id=evil>", Outline.RECTANGLE, ((1.5, -0.5), (3.0, 1.0))),))
    )
    plan = replace(RUNNING.plan, sample=EVIL, plan_name=EVIL)
    with served() as (page, box):
        box.put(replace(marked, plan=plan, phases=phases, findings=(found,)))
        with looking(chromium, page) as screen:
            screen.wait_for_selector("#map[data-drawn]")
            playwright.expect(screen.locator("#sample")).to_have_text(EVIL)
            assert screen.locator("#evil, img:not(#map)").count() == 0


def test_data_that_stop_grey_the_page_and_it_says_for_how_long(chromium) -> None:
    with served(stale_after_s=0.2) as (page, box):
        box.put(RUNNING)
        with looking(chromium, page) as screen:
            veil = screen.locator("#veil")
            playwright.expect(veil).to_contain_text("NO NEW DATA FOR")
            playwright.expect(screen.locator("body")).to_have_class("stale veiled")


def test_a_page_that_hears_nothing_greys_and_says_for_how_long(chromium) -> None:
    go_on = threading.Event()
    with served() as (page, box):
        box.put(RUNNING)
        with looking(chromium, page, clock="2026-01-01T04:00:00") as screen:
            screen.clock.run_for(1000)
            playwright.expect(screen.locator("#word")).to_have_text("LIVE")
            # The program hangs: its connections stay open.
            page._look = lambda: go_on.wait(30.0)  # type: ignore[method-assign]
            screen.clock.run_for(90_000)
            playwright.expect(screen.locator("#veil")).to_contain_text("NO CONNECTION FOR 1 min")
            del page._look
            go_on.set()
            playwright.expect(screen.locator("#veil")).to_be_hidden()


def test_the_end_of_the_monitor_is_said(chromium) -> None:
    with served() as (page, box):
        box.put(RUNNING)
        with looking(chromium, page) as screen:
            screen.wait_for_selector("#map[data-drawn]")
            page.close()
            playwright.expect(screen.locator("#veil")).to_contain_text("THE MONITOR HAS ENDED")


def test_before_the_first_run_it_waits(chromium) -> None:
    with served() as (page, _), looking(chromium, page) as screen:
        playwright.expect(screen.locator("#veil")).to_contain_text("WAITING FOR A RUN")
