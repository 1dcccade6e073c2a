"""Whatever a document holds, the log can hold what is made of it; numbers come through unchanged."""

from __future__ import annotations

import enum
from collections import ChainMap, deque
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from io_values import assert_same, documents, keys, leaves
from operando.io import blob, plain
from operando.io.blob import MAX_DEPTH, decode, encode
from operando.io.plain import as_plain, as_plain_text

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Colour(enum.Enum):
    RED = 1


class Thing:
    def __str__(self) -> str:
        return "a thing"


ODD = [
    (datetime(2026, 11, 22, 4, 5, tzinfo=UTC), "2026-11-22 04:05:00+00:00"),
    (date(2026, 11, 22), "2026-11-22"),
    (PurePosixPath("/data/2026"), "/data/2026"),
    (Colour.RED, "Colour.RED"),
    (Thing(), "a thing"),
    (1 + 2j, "(1+2j)"),
    (2**64, "18446744073709551616"),
    (-(2**63) - 1, "-9223372036854775809"),
    ({3, 1, 2}, [1, 2, 3]),
    (frozenset({"b", "a"}), ["a", "b"]),
    ({1: "a", None: "b", Colour.RED: "c"}, {"1": "a", "None": "b", "Colour.RED": "c"}),
    ({1: "a", "1": "b"}, {"1": "a", "1'": "b"}),
    (np.array(["a", "bc"]), ["a", "bc"]),
    (np.array([["a"], ["bc"]], dtype=object), [["a"], ["bc"]]),
    (np.array([Thing(), 1, None]), ["a thing", 1, None]),
    (np.array([1 + 2j]), ["(1+2j)"]),
    (np.array(["2026-01-01"], dtype="M8[ns]"), ["2026-01-01T00:00:00.000000000"]),
    (np.datetime64("2026-01-01"), "2026-01-01"),
    (np.zeros(2, dtype=[("a", "f8"), ("b", "i2")]), [[0.0, 0], [0.0, 0]]),
    (np.array([b"x"]), [b"x"]),
    (np.longdouble(0.5), 0.5),
    ("\ud800", "\\ud800"),
]

odd_leaves = (
    leaves
    | st.sampled_from([value for value, _ in ODD])
    | st.integers()
    | st.text(st.characters())
    | st.datetimes()
)
odd_values = st.recursive(
    odd_leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys | st.integers() | st.none() | st.text(st.characters()), inner, max_size=4)
    ),
    max_leaves=12,
)


@patient
@given(st.dictionaries(keys, odd_values, max_size=5))
def test_any_document_can_be_stored_once_it_is_plain(document: dict[str, Any]) -> None:
    made = as_plain(document).document
    assert_same(decode(encode(made)), made)
    assert list(made) == list(document)


@patient
@given(documents)
def test_what_has_a_place_in_the_log_is_copied_as_it_is(document: dict[str, Any]) -> None:
    found = as_plain(document)
    assert_same(decode(encode(found.document)), document)
    assert found.turned == frozenset()


@patient
@given(st.dictionaries(keys, odd_values, max_size=5))
def test_what_is_plain_stays_as_it_is(document: dict[str, Any]) -> None:
    once = as_plain(document).document
    twice = as_plain(once)
    assert_same(twice.document, once)
    assert twice.turned == frozenset()


@pytest.mark.parametrize(("value", "expected"), ODD, ids=[repr(expected)[:40] for _, expected in ODD])
def test_what_is_not_plain_is_turned_and_its_key_is_named(value: object, expected: object) -> None:
    found = as_plain({"md": {"good": 1, "odd": value}})
    assert found.document == {"md": {"good": 1, "odd": expected}}
    assert all(key.startswith("md.odd") for key in found.turned)
    assert found.turned


def test_an_integer_that_python_does_not_write_out_is_text_too() -> None:
    assert as_plain({"n": [10**5000]}).document == {"n": [hex(10**5000)]}


def test_other_containers_are_lists_and_mappings() -> None:
    found = as_plain({"q": deque([1, (2,)]), "m": ChainMap({"a": 1}), "b": bytearray(b"x")})
    assert found.document == {"q": [1, [2]], "m": {"a": 1}, "b": b"x"}
    assert found.turned == frozenset()


def test_a_masked_count_is_undetermined_and_the_others_keep_their_value() -> None:
    found = as_plain({"i": np.ma.masked_equal([1, 2], 2), "b": np.ma.masked_equal([True, False], False)})
    np.testing.assert_array_equal(found.document["i"], [1.0, np.nan])
    assert found.document["b"] == [True, None]


def test_an_array_is_copied() -> None:
    image = np.zeros((2, 3), dtype=">i2")
    copy = as_plain({"image": image}).document["image"]
    image += 1
    assert copy.dtype == image.dtype
    assert not copy.any()


def test_what_holds_itself_or_is_too_deep_is_left_out_where_it_is() -> None:
    endless: list[Any] = [1]
    endless.extend([endless, endless])
    assert as_plain({"e": endless}).document == {"e": [1, *["list left out: it holds itself"] * 2]}
    deep: Any = 0
    for _ in range(MAX_DEPTH + 5):
        deep = [deep]
    found = as_plain({"deep": deep, "n": 1})
    assert decode(encode(found.document))["n"] == 1
    assert "beyond the limits" in str(found.document["deep"])


def test_what_is_too_large_is_left_out_and_the_rest_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "MAX_ELEMENTS", 10)
    monkeypatch.setattr(plain, "MAX_BYTES", 2000)
    found = as_plain({"list": [0] * 11, "image": np.zeros(1000), "text": "x" * 3000, "n": [1]})
    assert found.document == {
        "list": "list of 11 values left out: beyond the limits of the log",
        "image": "ndarray of 8000 bytes left out: beyond the limits of the log",
        "text": "str of 3000 bytes left out: beyond the limits of the log",
        "n": [1],
    }
    assert found.turned == {"list", "image", "text"}


@pytest.mark.parametrize("count", range(14))
def test_the_limits_are_those_of_the_log(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    for module in (plain, blob):
        monkeypatch.setattr(module, "MAX_ELEMENTS", 10)
    made = as_plain({"a": [0] * count, "b": {"c": [1, 2, 3]}}).document
    assert decode(encode(made)) == made


def test_escapes_stand_for_what_is_not_text() -> None:
    assert as_plain_text("σ(x) \udc80") == "σ(x) \\udc80"
