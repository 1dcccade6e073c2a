import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.errors import DamagedFileError
from operando.io.sdf_header import Block, Value, entries, parse

# Shared machines pause for seconds: that is not a failure of what is tested here.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

names = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=8)
texts = st.text(st.characters(codec="latin-1", exclude_characters='"'), max_size=12)
numbers = st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)
blocks = st.dictionaries(names, values, max_size=6)


def written(value: Value, end: str = ";") -> str:
    if isinstance(value, dict):
        return "{" + " ".join(f"{name} = {written(inner, end)}{end}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "(" + ",\n ".join(written(inner, end) for inner in value) + ")"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def header(block: Block, end: str = ";") -> str:
    return "".join(f"{name}={written(value, end)}{end}\n" for name, value in block.items())


@patient
@given(blocks, st.sampled_from([";", " ", " ;\t;", "\r\n"]))
def test_what_is_written_is_read_with_and_without_semicolons(block: Block, end: str) -> None:
    found = parse(header(block, end))
    assert found == block
    assert list(found) == list(block)


@patient
@given(
    blocks,
    st.text(string.punctuation.replace("=", "").replace('"', "") + string.ascii_letters + " \n", max_size=30),
)
def test_junk_behind_the_header_changes_nothing(block: Block, junk: str) -> None:
    assert parse(header(block) + junk) == block


@patient
@given(blocks, st.data())
def test_a_header_cut_off_anywhere_keeps_what_stood_before(block: Block, data: st.DataObject) -> None:
    text = header(block)
    found = parse(text[: data.draw(st.integers(0, len(text)))])
    whole = list(found)[:-1]
    assert whole == list(block)[: len(whole)]
    assert all(found[name] == block[name] for name in whole)


@patient
@given(st.text(max_size=200))
def test_any_text_is_read_to_some_block(text: str) -> None:
    assert isinstance(parse(text), dict)


def test_the_forms_found_in_real_headers() -> None:
    text = """
ScanDefinition = { Label = "a.hdr"; Dwell = 0.433;
    Regions = (1,
{ PAxis = { Name = "Sample X"; Points = (3, -1.5, 0, +1.5e0);
};
});
};
 Time = "2007 December 14 18:52:00"; Feedback = true; Off = false
Axis = { Name = CoarseZ; Other = Micro Mirror Horz; LastPosition =  1000; };
Image000_0 = {StorageRingCurrent = 483.21; ZP_dest= -5176.08; ZP_error = -.57;};
"""
    assert parse(text) == {
        "ScanDefinition": {
            "Label": "a.hdr",
            "Dwell": 0.433,
            "Regions": [1, {"PAxis": {"Name": "Sample X", "Points": [3, -1.5, 0, 1.5]}}],
        },
        "Time": "2007 December 14 18:52:00",
        "Feedback": True,
        "Off": False,
        "Axis": {"Name": "CoarseZ", "Other": "Micro Mirror Horz", "LastPosition": 1000},
        "Image000_0": {"StorageRingCurrent": 483.21, "ZP_dest": -5176.08, "ZP_error": -0.57},
    }


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(DamagedFileError, match="nested deeper"):
        parse("a = {" * 100_000)
    with pytest.raises(DamagedFileError, match="nested deeper"):
        parse("a = " + "(" * 100_000)


def test_a_counted_list_is_as_long_as_it_says() -> None:
    assert entries([2, "a", "b"], "Points") == ["a", "b"]
    assert entries([0], "Points") == []
    with pytest.raises(DamagedFileError, match="Points says 3 entries and has 1"):
        entries([3, "a"], "Points")
    for value in (None, [], "text"):
        with pytest.raises(DamagedFileError, match="no list Points"):
            entries(value, "Points")
