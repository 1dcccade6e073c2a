"""The benchmark: that its table says what was run. It states times and asserts none."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import pytest

from operando.bench import LINE_PIXELS, Row, fit_rows, peers, render
from operando.bench.scene import scene_of


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """The smallest run of the whole table."""
    return fit_rows(sides=(8,), problems=((5, 4),), threads=(1, 2), repeats=1)


@pytest.mark.bench
def test_every_way_to_fit_has_a_row_for_each_number_of_threads(rows: list[Row]) -> None:
    optional = {"mantis", "pymca", "hyperspy_nnls", "hyperspy_nnls_unweighted", "larch"}
    assert {(row.name, row.threads) for row in rows if row.name not in optional} == {
        *((name, 1) for name in ("scipy_nnls", "sklearn_positive", "sklearn_positive_unweighted")),
        *((f"{name}_line", 1) for name in ("operando", "operando_float64")),
        *(
            (name, threads)
            for name in ("operando", "operando_frame", "operando_float64", "operando_float64_frame",
                         "numpy_lstsq", "numpy_pinv")
            for threads in (1, 2)
        ),
    }  # fmt: skip


@pytest.mark.bench
def test_a_row_says_what_it_was_about(rows: list[Row]) -> None:
    for row in rows:
        assert (row.energies, row.phases) == (5, 4)
        assert row.ns_per_pixel > 0
        assert row.ratio_to_memory > 0
        if row.name.endswith("_line"):
            assert row.pixels == LINE_PIXELS
        elif row.name in {"operando", "operando_frame", "numpy_pinv"}:
            assert row.pixels == 64


@pytest.mark.bench
def test_rows_go_through_json(rows: list[Row]) -> None:
    assert [Row(**fields) for fields in json.loads(json.dumps([asdict(row) for row in rows]))] == rows


def test_the_table_has_a_line_for_each_row() -> None:
    table = render([Row("operando", 65_536, 5, 4, 2, 40.04, 12.0), Row("x", 1, 10, 6, 1, 1e6, 0.5)])
    assert table.splitlines() == [
        "name      pixels  energies  phases  threads     ns/pixel  /memory",
        "operando  65,536         5       4        2         40.0     12.0",
        "x              1        10       6        1  1,000,000.0      0.5",
    ]


def test_a_program_that_is_not_there_has_no_row_and_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for package in ("PyMca5", "hyperspy", "larch"):
        monkeypatch.setitem(sys.modules, package, None)
    peers._is_here.cache_clear()
    try:
        assert list(peers.rows_of_loop_programs(scene_of(5, 4, 1))) == []
    finally:
        peers._is_here.cache_clear()
    assert [record.args[0] for record in caplog.records] == ["PyMca5", "hyperspy", "xraylarch"]
    assert "[bench]" in caplog.text
