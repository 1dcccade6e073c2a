"""Numbers and names as words: what is written is what was meant, and never markup."""

from __future__ import annotations

import html
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.view.words import UNKNOWN, about, count, duration, markup, measurement, percent, plain, share

finite = st.floats(-1e3, 1e3)


@given(finite, st.floats(1e-5, 1e2))
def test_rounding_costs_less_than_the_error(value, error):
    written_value, written_error = measurement(value, error).split(" ± ")
    # Half a unit of the last digit: at most half the error, when that rounds up to one digit.
    assert abs(float(written_value) - value) <= 0.5 * max(error, 1.0) + 1e-9
    if error < 1:
        assert abs(float(written_value) - value) <= 0.51 * error
    assert abs(float(written_error) - error) <= 0.5 * max(error, 1.0)
    assert len(written_value.partition(".")[2]) == len(written_error.partition(".")[2])


@pytest.mark.parametrize(
    ("value", "error", "written"),
    [
        (0.4213, 0.031, "0.42 ± 0.03"),
        (0.4213, 0.012, "0.421 ± 0.012"),
        (0.4213, 0.00042, "0.4213 ± 0.0004"),
        (0.5, float("nan"), "0.50 ± ?"),
        (float("nan"), 0.1, UNKNOWN),
        (12.3, 4.2, "12 ± 4"),
        (0.0, 0.03, "0.00 ± 0.03"),
    ],
)
def test_measurements_as_the_field_writes_them(value, error, written):
    assert measurement(value, error) == written


@given(st.floats(0, 1e7))
def test_a_duration_is_near_what_it_says(seconds):
    units = {"s": 1, "min": 60, "h": 3600, "d": 86400}
    for words, step in ((duration(seconds), None), (about(seconds), None)):
        parts = words.split()
        said = sum(int(parts[i]) * units[parts[i + 1]] for i in range(0, len(parts), 2))
        coarsest = units[parts[-1]] if step is None else step
        assert abs(said - seconds) <= coarsest


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (4.4, "4 s"),
        (59.7, "1 min 00 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
        (float("nan"), UNKNOWN),
        (-3, "0 s"),
    ],
)
def test_durations(seconds, written):
    assert duration(seconds) == written


@given(st.text(max_size=300))
def test_untrusted_text_comes_out_on_one_short_line_without_markup(text):
    line = plain(text, 40)
    assert len(line) <= 40
    assert "\n" not in line
    assert "\u202e" not in line
    safe = markup(text, 40)
    assert html.unescape(safe) == line
    assert "<" not in safe
    assert '"' not in safe


def test_a_direction_override_cannot_turn_a_name_round():
    assert plain("cell\u202eB\x07\n 7") == "cellB 7"


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_something_is_never_rounded_to_nothing_nor_to_all(part, whole):
    part = min(part, whole)
    written = percent(part, whole)
    assert (written == "0 %") == (part == 0)
    assert (written == "100 %") == (part == whole)


def test_shares_and_counts():
    assert share(math.nan) == UNKNOWN
    assert share(0.004) == "< 1 %"
    assert count(12400) == "12\u202f400"
