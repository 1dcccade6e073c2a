"""Any text is read back from TOML as it was written."""

from __future__ import annotations

import tomllib

from hypothesis import example, given
from hypothesis import strategies as st

from operando.io.toml_text import toml_text


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example('V₂O₃ "rock salt" 𝑥\n\\\x7f\x00')
def test_text_is_read_back(text: str) -> None:
    assert tomllib.loads(f"name = {toml_text(text)}") == {"name": text}


def test_half_a_letter_is_no_reason_to_write_no_file() -> None:
    assert tomllib.loads(f"name = {toml_text(chr(0xD800))}") == {"name": "?"}
