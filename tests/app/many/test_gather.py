"""What the user names becomes a list of recordings: each once, in order, and no results among them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.app.many.gather import ENDINGS, gather, sources_in
from operando.errors import ConfigurationError, SourceUnreachable
from operando.io.catalog_query import matching


def touched(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return paths


def test_a_folder_gives_what_lies_below_it_in_order(tmp_path: Path) -> None:
    wanted = touched(tmp_path, *(f"b{ending}" for ending in sorted(ENDINGS)), "night/a.hdr", "night/z.runlog")
    touched(tmp_path, "notes.txt", "x.json", ".hidden.hdr", ".git/c.hdr", "out/d.hdr", "night/a_a000.xim")
    found = gather([str(tmp_path)], tmp_path / "out")
    assert sorted(found) == sorted(map(str, wanted))
    assert found == gather([str(tmp_path), str(tmp_path / "night"), str(wanted[0])], tmp_path / "out")


def test_a_folder_that_cannot_be_looked_into_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (wanted, _) = touched(tmp_path, "a.hdr", "closed/b.hdr")
    look = os.scandir

    def refused(place: str) -> Any:
        if str(place).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(place))
        return look(place)

    monkeypatch.setattr(os, "scandir", refused)
    assert gather([str(tmp_path)], tmp_path / "out") == [str(wanted)]
    assert "closed cannot be looked into" in caplog.text


def test_patterns_and_addresses(tmp_path: Path) -> None:
    first, second, _ = touched(tmp_path, "n1/a.hdr", "n2/b.hdr", "n2/c.txt")
    address = "tcp://127.0.0.1:5577"
    found = gather([address, f"{tmp_path}/n*/*.hdr", address], tmp_path / "out")
    assert found == [address, str(first), str(second)]


def test_a_name_with_the_letters_of_a_pattern_is_a_name(tmp_path: Path) -> None:
    (path,) = touched(tmp_path, "scan[1].hdr")
    assert gather([str(path)], tmp_path / "out") == [str(path)]


@pytest.mark.parametrize("name", ["absent.hdr", "absent*.hdr", "empty"])
def test_what_is_not_there_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceUnreachable, match="there is no recording at"):
        gather([str(tmp_path / name)], tmp_path / "out")


LINES = st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1, max_size=5)


@given(LINES, st.booleans())
def test_a_list_gives_its_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], has_mark: bool
) -> None:
    path = tmp_path_factory.mktemp("list") / "list.txt"
    text = "# of the night\n\n" + "\n".join(f"  {line} " for line in lines)
    path.write_text(text, encoding="utf-8-sig" if has_mark else "utf-8")
    assert sources_in(path) == [str(path.parent / line) for line in lines]


@pytest.mark.parametrize(
    ("content", "words"), [(b"# none\n", "names no recording"), (b"\xff\xfe\x00", "is no text")]
)
def test_a_list_that_is_none(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words):
        sources_in(path)


@pytest.mark.parametrize(
    ("sources", "where", "words"),
    [(["."], ["a=1"], "no catalog is named"), (["https://here"], ["a"], "is no condition")],
)
def test_conditions_that_cannot_be_meant(
    tmp_path: Path, sources: list[str], where: list[str], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        gather(sources, tmp_path, where)


class Key:
    """As `tiled.queries.Key`: compared with a value, it is a query."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, value: object) -> Any:
        return (self.name, value)

    __hash__ = None  # type: ignore[assignment]


class Catalog(dict[str, dict[str, Any]]):
    """Start documents by uid, that can be searched."""

    def search(self, query: tuple[str, Any]) -> Catalog:
        name, value = query
        return Catalog({uid: start for uid, start in self.items() if start.get(name) == value})


def test_every_condition_holds_for_what_a_catalog_gives() -> None:
    starts = {f"{plan}{scan}": {"start.plan": plan, "start.scan": scan} for plan in "ab" for scan in (1, 2)}
    catalog = Catalog(starts)
    assert matching(catalog, [], Key) == list(starts)
    assert matching(catalog, [("plan", "a")], Key) == ["a1", "a2"]
    assert matching(catalog, [("plan", "a"), ("scan", 2)], Key) == ["a2"]
