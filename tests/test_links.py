"""Every relative link of the pages leads to a file, every anchor to a heading; the index names every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```", re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def text_of(page: Path) -> str:
    return CODE.sub("", page.read_text(encoding="utf-8"))


def links_of(page: Path) -> list[tuple[Path, str]]:
    """Where the relative links of a page lead: files, and the anchors in them."""
    targets = [link for link in LINK.findall(text_of(page)) if "://" not in link]
    return [
        (page.parent / path if path else page, anchor)
        for path, _, anchor in (target.partition("#") for target in targets)
    ]


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(text_of(page))
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in links_of(page):
        assert target.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors_of(target), f"{target.name} has no heading '{anchor}'"


def test_the_index_names_every_page() -> None:
    named = {target.resolve() for target, _ in links_of(DOCS / "README.md")}
    missing = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if page.resolve() not in named]
    assert missing == ["README.md"]
