"""What a flyer over records takes as a scan, and what it refuses: a law, without any server."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando_plans.epics.scan import scan_of

OWN = {"SampleX", "SampleY", "Flyer"}
places = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8)
dwells = st.floats(1e-3, 1e3)
labels = st.dictionaries(
    st.text(min_size=1).filter(lambda key: key not in OWN), st.floats(-1e6, 1e6), max_size=3
)


@given(x_um=places, y_um=places, dwell_ms=dwells, said=labels)
def test_a_scan_holds_what_it_was_given(x_um: list, y_um: list, dwell_ms: float, said: dict) -> None:
    scan = scan_of({"x_um": x_um, "y_um": y_um, "dwell_ms": dwell_ms, "labels": said}, OWN)
    assert (list(scan.x_um), list(scan.y_um), scan.dwell_ms, dict(scan.labels)) == (
        x_um,
        y_um,
        dwell_ms,
        said,
    )
    assert scan.duration_s == pytest.approx(1e-3 * dwell_ms * len(x_um) * len(y_um))


@given(x_um=places, y_um=st.floats(-1e3, 1e3), dwell_ms=dwells)
def test_a_line_has_one_row(x_um: list, y_um: float, dwell_ms: float) -> None:
    scan = scan_of({"x_um": x_um, "y_um": y_um, "dwell_ms": dwell_ms, "labels": {}}, OWN)
    assert scan.y_um == (y_um,)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"x_um": []}, "pixel centres"),
        ({"x_um": [[0.0]]}, "pixel centres"),
        ({"y_um": math.nan}, "finite"),
        ({"dwell_ms": 0.0}, "above 0"),
        ({"dwell_ms": math.inf}, "above 0"),
        ({"labels": {"Flyer": 1.0}}, "Flyer"),
        ({"labels": {"row": "three"}}, "row"),
        ({"speed": 1.0}, "exactly"),
    ],
)
def test_what_is_no_scan_is_refused(wrong: dict, words: str) -> None:
    good = {"x_um": [0.0, 1.0], "y_um": 0.0, "dwell_ms": 1.0, "labels": {}}
    with pytest.raises(ValueError, match=words):
        scan_of({**good, **wrong}, OWN)
