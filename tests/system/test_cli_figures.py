"""The commands that answer with figures."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operando.bench import Row
from operando.cli import Exit, app
from operando_sim import material_named
from operando_sim.references import write_references


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("references")
    write_references(folder, material_named("lixfepo4"))
    return folder / "library.toml"


def invoke(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_energies_are_chosen_and_drawn(library: Path, tmp_path: Path) -> None:
    picture = tmp_path / "energies.png"
    rules = ("--count", "5", "--forbid", "720-730", "--include", "704.0")
    code, said, _ = invoke("energies", library, *rules, "--picture", picture, "--json")
    assert code == Exit.DONE
    chosen = json.loads(said)
    assert len(chosen["energies_ev"]) == 5
    assert 704.0 in chosen["energies_ev"]
    assert not [energy for energy in chosen["energies_ev"] if 720 <= energy <= 730]
    assert sum(chosen["dwell_share"]) == pytest.approx(1.0)
    assert 0 < chosen["sigma"] < 0.5
    assert picture.stat().st_size > 10_000


def test_energies_are_said_in_words(library: Path) -> None:
    code, said, _ = invoke("energies", library)
    assert code == Exit.DONE
    for words in (
        "energy (eV)",
        "σ(x) to expect",
        "order of acquisition",
        "one energy more",
        "evenly spaced",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--count", "3"), "3 energies cannot tell"),
        (("--forbid", "700"), "low-high"),
        (("--background", "cubic"), "cubic"),
        (("--counts", "0"), "above 0"),
        (("--include", "9000"), "9000"),
    ],
)
def test_a_question_that_has_no_answer(library: Path, options: tuple[str, str], words: str) -> None:
    code, _, said = invoke("energies", library, *options)
    assert code == Exit.CONFIGURATION
    assert words in said.replace("\n", " ")


def test_the_benchmark_prints_its_rows(tmp_path: Path) -> None:
    code, said, _ = invoke("bench", "fit", "--quick", "--json")
    assert code == Exit.DONE
    rows = json.loads(said)
    assert {row["name"] for row in rows} >= {"operando", "scipy_nnls"}
    assert all(set(row) == {entry.name for entry in fields(Row)} for row in rows)
    assert all(row["ns_per_pixel"] > 0 for row in rows)
