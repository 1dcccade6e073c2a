"""The page of the profile has every block and every key that a profile may have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from operando.settings import LibrarySettings, Profile

DOCS = Path(__file__).parents[1] / "docs"
PROFILE = (DOCS / "reference" / "profile.md").read_text(encoding="utf-8")
ADVICE = (DOCS / "reference" / "advice.md").read_text(encoding="utf-8")
REPLAY = (DOCS / "how-to" / "replay-a-stack.md").read_text(encoding="utf-8")


def model_in(annotation: object) -> type[BaseModel] | None:
    """The block that a key holds, if it holds one, also as one of several or as an optional one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := model_in(part))), None)


def blocks_of(model: type[BaseModel], name: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the blocks of a profile with the keys that are no blocks."""
    inner = {key: model_in(field.annotation) for key, field in model.model_fields.items()}
    yield name, [key for key, block in inner.items() if block is None]
    for key, block in inner.items():
        if block is not None:
            yield from blocks_of(block, f"{name}.{key}".strip("."))


BLOCKS = dict(blocks_of(Profile))


@pytest.mark.parametrize("name", BLOCKS)
def test_every_key_of_a_block_is_on_its_page(name: str) -> None:
    page = ADVICE if name == "advice" else PROFILE
    assert not name or f"[{name}]" in PROFILE
    missing = [key for key in BLOCKS[name] if not re.search(rf"`{key}`", page)]
    assert missing == []


@pytest.mark.parametrize("key", [key for keys in dict(blocks_of(LibrarySettings)).values() for key in keys])
def test_every_key_of_a_library_is_told_where_one_is_written(key: str) -> None:
    assert re.search(rf"(^|`){key}(`| = )", REPLAY, re.MULTILINE)
