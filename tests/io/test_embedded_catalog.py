"""The address of a catalog in a folder, and what is said where there is none; without Tiled."""

from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

from operando.app.export import export_documents, export_growing, takes_documents
from operando.app.file_kinds import is_address
from operando.app.many import gather as gathering
from operando.app.many.gather import gather, sources_in
from operando.app.open_source import advice_of, follow_log, log_of, open_recording, results_of
from operando.errors import ConfigurationError, DamagedFileError, SourceUnreachable
from operando.io.embedded_catalog import folder_of_catalog, made_catalog, opened_catalog


def test_the_address_names_the_folder() -> None:
    assert folder_of_catalog("https://here") is None
    assert folder_of_catalog("catalog:night/runs") == Path("night/runs")
    assert folder_of_catalog("catalog:/night/runs/catalog.db") == Path("/night/runs")
    with pytest.raises(ConfigurationError, match="names no folder"):
        folder_of_catalog("catalog:")


def test_names_of_files_follow_from_the_folder_and_the_run() -> None:
    assert is_address("catalog:/night/runs#a1")
    assert takes_documents("catalog:/night/runs")
    assert log_of("catalog:/night/runs#a1") is None
    assert results_of("catalog:/night/runs#a1") == Path("runs-a1-lithiation.h5")
    assert results_of("catalog:runs") == Path("runs-lithiation.h5")
    assert advice_of("catalog:/night/runs#a1") == Path("runs-a1.advice.json")


def test_runs_of_a_folder_are_named_as_any_process_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def runs(address: str, conditions: list[tuple[str, object]]) -> list[str]:
        asked.append((address, conditions))
        return ["a1", "b2"]

    monkeypatch.setattr(gathering, "runs_in_catalog", runs)
    monkeypatch.chdir(tmp_path)
    found = gather(["catalog:runs", "catalog:other#c3"], tmp_path / "out", ["sample=NMC"])
    assert found == [
        f"catalog:{tmp_path}/runs#a1",
        f"catalog:{tmp_path}/runs#b2",
        f"catalog:{tmp_path}/other#c3",
    ]
    assert asked == [(f"catalog:{tmp_path}/runs", [("sample", "NMC")])]
    (tmp_path / "night").mkdir()
    (tmp_path / "night" / "list.txt").write_text("catalog:runs#a1\ncatalog:/elsewhere\n")
    assert sources_in(tmp_path / "night" / "list.txt") == [
        f"catalog:{tmp_path}/night/runs#a1",
        "catalog:/elsewhere",
    ]


def test_what_is_no_catalog_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match="there is no catalog"):
        open_recording(f"catalog:{tmp_path}/none#a1")
    with pytest.raises(ConfigurationError, match="name the run too"):
        open_recording(f"catalog:{tmp_path}")
    with pytest.raises(ConfigurationError, match="name one run of it"):
        follow_log(f"catalog:{tmp_path}#a,b", threading.Event())
    (tmp_path / "catalog.db").write_text("something else")
    with pytest.raises(DamagedFileError, match="cannot be read as a catalog"):
        opened_catalog(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("x")
    for path in (tmp_path / "full", tmp_path / "full" / "notes.txt"):
        with pytest.raises(ConfigurationError, match="is there and is no catalog"):
            made_catalog(path)
    with pytest.raises(ConfigurationError, match="--follow writes into a catalog"):
        export_growing("any.runlog", "out.jsonl", threading.Event())


@pytest.mark.skipif(find_spec("tiled") is not None, reason="Tiled is installed here")
def test_without_tiled_the_extra_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"with its extra \[embedded\]"):
        made_catalog(tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
    (tmp_path / "one.jsonl").write_text("")
    with pytest.raises(ConfigurationError, match=r"with its extra \[embedded\]"):
        export_documents(str(tmp_path / "one.jsonl"), f"catalog:{tmp_path}/runs")
