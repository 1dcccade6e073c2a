import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operando.errors import DamagedFileError, SourceUnreachable
from operando.io.documents import read_json_documents

REAL = Path(__file__).parents[3] / "shared" / "data" / "lightfall_run" / "golden_energy_stack_run.json"

# Shared machines pause for seconds; each example writes its own content.
patient = settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

names = st.sampled_from(["start", "descriptor", "event", "event_page", "stop"])
bodies = st.dictionaries(
    st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5) | st.lists(st.floats(0, 1))
)
documents = st.lists(st.tuples(names, bodies), min_size=1, max_size=6)
forms = ["list", "indented list", "list of mappings", "lines", "lines of mappings"]


def written(found: list[tuple[str, dict[str, Any]]], form: str) -> str:
    pairs: list[Any] = [[name, doc] for name, doc in found]
    mappings: list[Any] = [{"name": name, "doc": doc} for name, doc in found]
    match form:
        case "list":
            return json.dumps(pairs)
        case "indented list":
            return "\n\n" + json.dumps(pairs, indent=4) + "\n"
        case "list of mappings":
            return json.dumps(mappings)
        case "lines":
            return "".join(json.dumps(pair) + "\n" for pair in pairs)
        case _:
            return "\n".join(json.dumps(mapping) for mapping in mappings)


@patient
@given(documents, st.sampled_from(forms))
def test_what_is_written_is_read_in_every_form(
    tmp_path: Path, found: list[tuple[str, dict[str, Any]]], form: str
) -> None:
    path = tmp_path / "run.json"
    path.write_text(written(found, form))
    assert list(read_json_documents(path)) == found


@patient
@given(documents, st.sampled_from(forms), st.data())
def test_a_file_cut_off_anywhere_gives_what_stands_before_the_cut(
    tmp_path: Path, found: list[tuple[str, dict[str, Any]]], form: str, data: st.DataObject
) -> None:
    path = tmp_path / "run.json"
    text = written(found, form).rstrip()
    path.write_text(text[: data.draw(st.integers(0, len(text) - 1))])
    read: list[tuple[str, dict[str, Any]]] = []
    try:
        for document in read_json_documents(path):
            read.append(document)
    except DamagedFileError as error:
        assert f"first {len(read)} documents" in str(error) or "no documents" in str(error)  # noqa: PT017
    else:
        assert form.startswith("lines"), "only a cut between lines can go unseen"
    assert read == found[: len(read)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[1, 2]",
        "hello",
        '[["start"]]',
        '[["start", 1]]',
        '{"name": 1, "doc": {}}',
        "[" * 100_000,
        "\xff",
    ],
    ids=[
        "empty",
        "no entries",
        "no name",
        "numbers",
        "words",
        "no document",
        "number",
        "name",
        "deep",
        "no text",
    ],
)
def test_what_is_no_document_is_damaged(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(DamagedFileError):
        list(read_json_documents(path))


def test_a_missing_file_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="check the name"):
        list(read_json_documents(tmp_path / "nowhere.json"))
    with pytest.raises(SourceUnreachable):
        list(read_json_documents(tmp_path))


@pytest.mark.skipif(not REAL.exists(), reason="the recorded ALS run is not beside the repository")
def test_the_recorded_run_is_read() -> None:
    found = list(read_json_documents(REAL))
    assert [name for name, _ in found] == ["start", "descriptor", *["event_page"] * 6, "stop"]
    assert found[0][1]["stxm"]["shape"] == [2, 3, 4]
