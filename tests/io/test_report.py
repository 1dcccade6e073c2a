"""The page about a results file: whole, the same twice, and without power for what the file says."""

import dataclasses
import re
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread
from test_pictures import PHASES, grid_of, lithiation_on

from operando.io.again import profile_text, replay_command
from operando.io.animation import animation_gif
from operando.io.curve_svg import curve_svg
from operando.io.plates import thumb
from operando.io.report import even_places, report_html
from operando.io.results import Results
from operando.io.results_tables import NO_TABLES
from operando.types import Curve, PhaseSpectra, Reason, ScanGrid, ScanPlan

HOSTILE = (
    '</title><script>alert(1)</script><img src=http://example.org/x.png onerror="x"> \x1b[2J\u202e & "\''
)
PROCESS = {
    "i0_mode": "blank",
    "background": "linear",
    "estimator": "timed",
    "detector_gain": "auto",
    "detector_saturation_counts": float("inf"),
    "max_od": 3.0,
    "references": "FePO₄: measured; here: LiFePO₄ $x$: a model",
    "version": "0.1.0",
}


def results_of(
    cycles: int, phases: PhaseSpectra = PHASES, name: str = "particle", process: dict | None = None
) -> Results:
    reason = np.zeros((3, 4), np.uint8)
    reason[0, 1], reason[2, 3] = Reason.THIN, Reason.UNSEEN
    maps = [
        dataclasses.replace(lithiation_on(3, 4, reason), cycle=cycle, time_s=1.7e9 + 60.0 * (cycle + 1))
        for cycle in range(cycles)
    ]
    like = lithiation_on(3, 4, reason)
    series = {
        field.name: np.array([getattr(one, field.name) for one in maps]).reshape(
            (cycles, *np.shape(getattr(like, field.name)))
        )
        for field in dataclasses.fields(like)
    }
    number = np.arange(cycles, dtype=np.int64)
    return Results(
        plan=ScanPlan(name, name, name, grid_of(3, 4), np.array([704.5, 709.5]), np.ones(2), None, 1.7e9),
        phases=phases,
        process=PROCESS if process is None else process,
        curve=Curve(number, 1.7e9 + 60.0 * (number + 1), 0.1 * number, 0.01 + 0.0 * number, 10 + number),
        i0=np.full((cycles, 2), 1000.0),
        particle_labels=np.zeros((cycles, 3, 4), np.int32),
        unexplained_place=np.zeros((cycles, 3, 4), np.uint8),
        cluster_labels=np.zeros((cycles, 3, 4), np.uint8),
        dose_mgy=np.full((cycles, 3, 4), np.nan, np.float32),
        tables=NO_TABLES,
        **{**series, "is_provisional": series["is_provisional"].astype(bool)},
    )


class Page(HTMLParser):
    """What a browser would see: elements in their nesting, what they point to, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: set[str] = set()
        self.targets: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.targets += [value or "" for name, value in attrs if name in {"src", "srcset", "href"}]
        if tag not in {"meta", "img", "source", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open
    return page


@pytest.fixture(scope="module")
def hostile() -> str:
    phases = dataclasses.replace(PHASES, names=(HOSTILE, HOSTILE + "2"), unit=HOSTILE)
    return report_html(results_of(2, phases, HOSTILE, {HOSTILE: HOSTILE, "i0_mode": HOSTILE}))


def test_the_page_is_whole_and_needs_no_network(hostile: str) -> None:
    page = page_of(hostile)
    assert page.targets
    assert all(target.startswith("data:image/png;base64,") for target in page.targets)
    assert not page.elements & {"script", "link", "iframe", "object"}
    assert "default-src 'none'" in hostile


def test_what_the_file_says_has_no_power_over_the_page(hostile: str) -> None:
    assert not [name for name in page_of(hostile).attributes if name.startswith("on")]
    assert "&lt;script&gt;" in hostile
    assert not set(hostile) & {"\x1b", "\u202e"}


def test_a_page_says_what_the_file_holds_and_is_the_same_twice() -> None:
    results = results_of(3)
    page = report_html(results)
    assert page == report_html(results)
    assert "0.2000 ± 0.0100" in page
    assert "10 of 12" in page
    assert "At least one reference is a computed model" in page
    assert "measured; here" in page
    assert "--background linear" in page
    assert "gain = &quot;auto&quot;" in page
    # x, σ, amount, two fractions, χ², reasons, references in two inks each; and the three cycles.
    assert page.count("data:image/png") == 8 * 2 + 3


def test_a_file_without_a_cycle_has_a_page_that_says_so() -> None:
    page = report_html(results_of(0))
    page_of(page)
    assert "No cycle has been finished" in page


@given(count=st.integers(0, 5000), most=st.integers(2, 300))
def test_places_are_spread_from_first_to_last(count: int, most: int) -> None:
    places = even_places(count, most)
    assert len(places) == min(count, most)
    assert places == sorted(set(places))
    if count:
        assert (places[0], places[-1]) == (0, count - 1)


def test_a_cycle_without_a_mean_is_a_gap_in_the_curve() -> None:
    curve = results_of(5).curve
    lithium = np.where(curve.cycle == 2, np.nan, curve.lithium)
    drawn = curve_svg(dataclasses.replace(curve, lithium=lithium), 1.7e9, PHASES.lithium)
    assert drawn.count("<polyline") == 2
    assert drawn.count("<circle") == 4
    assert "nan" not in drawn
    assert not curve_svg(dataclasses.replace(curve, lithium=np.full(5, np.nan)), 1.7e9, PHASES.lithium)


def test_a_small_map_has_each_pixel_at_its_place_however_the_scan_ran() -> None:
    lithiation = lithiation_on(3, 4)
    grid = grid_of(3, 4)
    one = imread(BytesIO(thumb(lithiation, grid, PHASES)))
    mirrored = dataclasses.replace(lithiation, lithium=lithiation.lithium[::-1, ::-1])
    back = ScanGrid(x_um=grid.x_um[::-1], y_um=grid.y_um[::-1])
    assert np.array_equal(one, imread(BytesIO(thumb(mirrored, back, PHASES))))
    assert one.shape[:2] == (3, 4)


def test_the_command_and_profile_give_the_settings_again() -> None:
    assert replay_command(PROCESS).endswith("--i0 blank --background linear --estimator timed")
    assert replay_command({"i0_mode": "blank; rm x"}).endswith("--i0 'blank; rm x'")
    registered = {"registration": "on", "registration_cap_px": 9.0, "registration_manual": "0 1 1.5 -2e-05"}
    assert replay_command(registered).endswith("--registration on")
    assert profile_text(registered) == (
        "[registration]\ncap_px = 9.0\n\n"
        "[[registration.manual]]\ncycle = 0\nenergy = 1\ny_px = 1.5\nx_px = -2e-05"
    )
    assert profile_text({"registration_manual": "0 1 1.5 x; 2 3; 0 1 2 3 4"}) == ""
    assert profile_text(PROCESS) == (
        '[detector]\ngain = "auto"\nsaturation_counts = inf\n\n[limits]\nmax_od = 3.0'
    )


def test_an_animation_has_a_frame_for_each_cycle_at_its_pace() -> None:
    results = results_of(3)
    gif = animation_gif(results, 5)
    assert gif.startswith(b"GIF89a")
    # The graphic control extension before each frame has its time in 1/100 s.
    paces = re.findall(rb"\x21\xf9\x04.(..)", gif, re.DOTALL)
    assert [int.from_bytes(pace, "little") for pace in paces] == [20, 20, 20]
    assert gif == animation_gif(results, 5)
