"""How the pages become a site: `sphinx-build -W -c docs . FOLDER`, with the extra [docs].

The pages are Markdown that GitHub shows as it is. So the tree of the site is not written twice: it is read
from the index, docs/README.md, section by section.
"""

# Sphinx calls the functions below, with objects of its own.
# ruff: noqa: ANN401

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, TypeVar, get_origin

ROOT = Path(__file__).resolve().parent.parent
for place in (ROOT, ROOT / "plans", ROOT / "simulator"):
    sys.path.insert(0, str(place))

from operando import __version__  # noqa: E402 - once it can be found

project = "Operando"
author = "The Operando developers"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
root_doc = "docs/README"
include_patterns = ["*.md", "docs/*.md", "docs/*/*.md"]
exclude_patterns = [".*", "**/.*", "build", "dist"]
source_suffix = {".md": "markdown"}
html_theme = "alabaster"
html_theme_options = {"description": "Watch a battery react", "page_width": "1080px", "fixed_sidebar": True}
html_copy_source = False

myst_heading_anchors = 4
# numpydoc brings it, for pages of its own that are not made here.
autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

INDEX = "docs/README"
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
PAGE = re.compile(r"^\* \[(.+?)\]\(([^)#:]+)\.md\)", re.MULTILINE)
BEFORE = "README"
BEHIND = ("CHANGELOG", "CONTRIBUTING", "SECURITY")


def tree_of(index: str) -> str:
    """Return the index with a hidden table of contents for each of its sections."""
    first = _toctree("Start", [("Operando", f"/{BEFORE}")])
    sections = [
        _toctree(title, [(words, f"/docs/{name}") for words, name in PAGE.findall(body)])
        for title, body in SECTION.findall(index)
        if PAGE.search(body)
    ]
    last = _toctree("Project", [(name.capitalize(), f"/{name}") for name in BEHIND])
    return "\n\n".join((index, first, *sections, last))


def _toctree(caption: str, pages: list[tuple[str, str]]) -> str:
    entries = "\n".join(f"{title} <{name}>" for title, name in pages if not name.endswith("/../README"))
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```"


def _with_tree(_app: Any, name: str, text: list[str]) -> None:
    if name == INDEX:
        text[0] = tree_of(text[0])


def _with_code_as_code(
    _app: Any, what: str, _name: str, _value: object, _options: Any, lines: list[str]
) -> None:
    """Mark what is indented in the text of a module, which is code there, as code."""
    if what != "module":
        return
    starts = [
        number
        for number, line in enumerate(lines)
        if number > 1 and line.startswith("    ") and not lines[number - 1] and lines[number - 2][:1].strip()
    ]
    for number in reversed(starts):
        lines[number - 1 : number] = ["", "::", ""]


def _is_no_class(_app: Any, _what: str, _name: str, value: object, _skip: bool, _options: Any) -> bool | None:
    """Leave out names of types, which autodoc takes for classes without a text."""
    return True if isinstance(value, TypeVar) or get_origin(value) is not None else None


def setup(app: Any) -> None:
    """Have the index carry the tree of the site."""
    app.connect("source-read", _with_tree)
    app.connect("autodoc-process-docstring", _with_code_as_code)
    app.connect("autodoc-skip-member", _is_no_class)
