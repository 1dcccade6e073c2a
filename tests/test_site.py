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


def test_the_api_has_the_core_and_what_travels() -> None:
    core = {f"operando.core.{path.stem}" for path in (ROOT / "operando" / "core").glob("[!_]*.py")}
    named = set(re.findall(r"(?:automodule|autoclass):: (\S+)", API))
    wanted = core | {"operando.types", "operando.regions", "operando.errors"}
    assert {name for name in wanted if name not in named and not _has_class_of(name, named)} == set()
    for name in named:
        module = ROOT / (name.replace(".", "/") + ".py")
        assert module.is_file() or importlib.util.find_spec(name.rpartition(".")[0] or name), name


def _has_class_of(module: str, named: set[str]) -> bool:
    return any(name.startswith(f"{module}.") for name in named)


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
