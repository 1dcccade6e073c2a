"""The pages become a site without a warning, and its API has every module whose names are public."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
API = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")

needs_sphinx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("sphinx", "myst_parser", "numpydoc")),
    reason="the extra [docs] is not installed",
)


def test_the_api_has_a_place_for_the_core_and_names_modules_that_are_there() -> None:
    assert API.count("<!-- every module of operando.core -->") == 1
    named = re.findall(r"automodule:: (\S+)", API)
    assert {"operando.types", "operando.regions", "operando.errors"} <= set(named)
    assert [name for name in named if importlib.util.find_spec(name) is None] == []


@needs_sphinx
@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_has_every_page(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", ".", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    missing = [
        page for page in pages if not (tmp_path / page.relative_to(ROOT)).with_suffix(".html").is_file()
    ]
    assert missing == []
    api = (tmp_path / "docs" / "reference" / "api.html").read_text(encoding="utf-8")
    assert "shape (energy, pixel)" in api
    core = {path.stem for path in (ROOT / "operando" / "core").glob("[!_]*.py")}
    assert {module for module in core if f"operando.core.{module}" not in api} == set()
