"""What metadata say is shown as it is, wherever it is shown, and decides over no file.

The whole way of hostile names: documents, log, replay, results, pictures, console.
"""

from __future__ import annotations

import io
import logging
import re
import unicodedata
from pathlib import Path

import h5py
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from typer.testing import CliRunner

from operando.cli import Exit, app
from operando.cli.console import PlainLines, escaped
from operando.io.hdf5 import text_at
from operando.io.lettering import as_label, as_written, with_any_letters
from operando.io.plain import as_plain, as_plain_text
from operando.io.runlog import LogWriter
from scans import documents_of, library, plan_of, stack_of

PLAN = plan_of(shape=(4, 5))
DOCUMENTS = documents_of(PLAN, stack_of(PLAN, np.random.default_rng(0)))

HOSTILE = {
    "markup of the console": "[bold red]cell[/] [link=http://example.org]7[/link] [/nothing]",
    "markup of a page": '<b>cell</b><img src="http://example.org/x.png"><script>alert(1)</script>',
    "escapes of a terminal": "cell\x1b[2J\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07\x9b31m",
    "a path upwards": "../../../../tmp/cell",
    "a path from the root": "/etc/passwd",
    "a path of Windows": "C:\\Windows\\cell:stream",
    "a name of Windows": "CON.h5",
    "a NUL": "cell\0.txt",
    "half of a pair": "cell \ud800",
    "letters that turn round": "cell \u202e7 egral\u2066\u200b",
    "a formula": "$\\frac{$ $\\undefined{x}$ $",
    "a formula of a spreadsheet": '=HYPERLINK("http://example.org")',
    "a format": "%s%n{0.__class__}{plan!r}",
    "many lines": "cell\r\nINFO: all is well\n\n",
    "a great name": "cell " * 200_000,
    "no letters": "",
    "other scripts": "電池 ячейка خلية 🔋",
}
SHORT = " ".join(name for name in HOSTILE.values() if len(name) < 1000)
WHOLE_WAY = {
    "all of them": SHORT,
    "a great name": HOSTILE["a great name"],
    "no letters": "",
}
UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co"})
NAMES = re.compile(r"\.?[A-Za-z0-9._-]+")


def hostile_documents(name: str) -> list[tuple[str, dict]]:
    """Return a run whose every name is this."""
    found = []
    for kind, document in DOCUMENTS:
        changed = dict(document)
        if kind == "start":
            changed |= {"sample": name, "plan_name": name, "operator": name, "purpose": {name or "key": name}}
            changed["scan_id"] = name
        elif kind == "stop":
            changed |= {"reason": name}
        elif kind == "event":
            changed["data"] = {**changed["data"], name or "other": 1.0}
        found.append((kind, changed))
    # One event that cannot be used: what is said of it has names in it.
    broken = dict(found[-2][1])
    broken["data"] = {key: value for key, value in broken["data"].items() if key != "counter"}
    return [*found[:-2], ("event", {**broken, "seq_num": 10_000, "uid": name}), *found[-2:]]


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("references")
    lines = ['element = "Fe"', 'edge = "L"', 'formula = "test"']
    for phase in library().phases:
        table = np.column_stack([phase.energy_ev, phase.value])
        np.savetxt(folder / f"{phase.name}.txt", table)
        lines += [
            "[[phase]]",
            f'name = "{phase.name}"',
            f"lithium = {phase.lithium}",
            f'file = "{phase.name}.txt"',
        ]
        lines += ["model = true"]
    (folder / "library.toml").write_text("\n".join(lines))
    (folder / "i0.txt").write_text("600 20000\n800 20000\n")
    return folder


def replay(log: Path, results: Path, references: Path) -> tuple[int, str, str]:
    arguments = [
        "replay",
        log,
        "--headless",
        "--output",
        results,
        "--references",
        references / "library.toml",
    ]
    arguments += ["--i0", references / "i0.txt"]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("name", WHOLE_WAY.values(), ids=WHOLE_WAY)
def test_hostile_names_go_the_whole_way(name: str, tmp_path: Path, references: Path) -> None:
    log, results = tmp_path / "run.log", tmp_path / "out" / "lithium.h5"
    with LogWriter(log) as writer:
        writer.append(
            [(kind, as_plain(document).document) for kind, document in hostile_documents(name)], 1.0
        )
    code, said, told = replay(log, results, references)

    # One event could not be used, and that is said.
    assert code == Exit.INCOMPLETE, told
    assert "could not be used" in told
    for text in (said, told):
        bad = {letter for letter in text if letter != "\n" and unicodedata.category(letter) in UNSAFE}
        assert not bad
        assert len(text) < 20_000
    written = written_in(tmp_path)
    assert results in written
    assert {path.parent for path in written} == {results.parent}
    assert all(NAMES.fullmatch(path.name) for path in written)
    for picture in (path for path in written if path.suffix == ".png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    with h5py.File(results) as file:
        kept = text_at(file, "entry/sample/name")
    # As the log holds it, cut to what an attribute can.
    assert kept == as_plain_text(name)[:1000].replace("\0", "?")


def written_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("run.log")}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_is_drawn_as_it_is(name: str, tmp_path: Path) -> None:
    axes = Figure().add_subplot()
    axes.set_title(as_written(name), parse_math=False)
    axes.plot([0, 1], label=as_label(name) or " ")
    axes.legend()
    FigureCanvasAgg(axes.figure)
    with with_any_letters():
        axes.figure.savefig(tmp_path / "name.png", format="png", dpi=30)
    assert len(as_written(name)) <= 200
    assert as_written(name).isprintable()


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_has_no_power_over_the_console(name: str) -> None:
    heard = io.StringIO()
    Console(file=heard, force_terminal=True, width=10**7, highlight=False).print(
        escaped(name), soft_wrap=True
    )
    logged = PlainLines("%(message)s").format(logging.LogRecord("x", 30, "x", 1, "%s", (name,), None))
    expected = "".join(letter if letter.isprintable() else "?" for letter in name[:4000])
    assert heard.getvalue().rstrip("\n") == expected.rstrip("\n")
    assert logged == expected


@pytest.mark.parametrize(
    "uid", [HOSTILE["a path upwards"], HOSTILE["escapes of a terminal"] + HOSTILE["letters that turn round"]]
)
def test_a_hostile_uid_decides_over_no_file(uid: str, tmp_path: Path, references: Path) -> None:
    log, results = tmp_path / "run.log", tmp_path / "out" / "lithium.h5"
    plain = [("start", {**DOCUMENTS[0][1], "uid": "run-0"}), ("stop", {"run_start": "run-0", "uid": "s"})]
    renamed = []
    for kind, document in [*DOCUMENTS, *DOCUMENTS]:
        run = uid if len(renamed) < len(DOCUMENTS) else f"{uid} "
        key = {"start": "uid", "descriptor": "run_start", "stop": "run_start"}.get(kind)
        own = {"descriptor": run} if kind == "event" else {"uid": run} if kind == "descriptor" else {}
        renamed.append((kind, {**document, **own, **({key: run} if key else {})}))
    with LogWriter(log) as writer:
        writer.append([(kind, as_plain(document).document) for kind, document in [*renamed, *plain]], 1.0)

    _, said, told = replay(log, results, references)

    for text in (said, told):
        assert not {letter for letter in text if letter != "\n" and unicodedata.category(letter) in UNSAFE}
    written = written_in(tmp_path)
    assert {path.parent for path in written} <= {results.parent}
    assert all(NAMES.fullmatch(path.name) for path in written)
