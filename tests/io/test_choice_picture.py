"""The picture of a choice says what it shows, in units, and can be written."""

from __future__ import annotations

from pathlib import Path

from operando.core.choice import choose
from operando.core.question import Question
from operando.io.choice_picture import choice_figure, write_choice_picture
from scans import library


def test_the_picture_names_phases_units_and_every_energy(tmp_path: Path) -> None:
    material = library(2)
    choice = choose(material, Question(range_ev=(700.0, 716.0)))
    figure = choice_figure(material, choice)
    spectra, dwell, gain = figure.axes
    texts = {text.get_text() for text in spectra.texts}
    assert {f"{energy:.2f}" for energy in choice.energies_ev} <= texts
    assert "(eV)" in dwell.get_xlabel()
    assert "optical density" in spectra.get_ylabel()
    assert "σ(x)" in gain.get_ylabel()
    legend = spectra.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "phase 0, x = 0 (model)", "phase 1, x = 1 (model)",
    ]  # fmt: skip
    drawn = sorted(int(text.get_text()) for text in dwell.texts)
    assert drawn == list(range(1, choice.energies_ev.size + 1))
    write_choice_picture(tmp_path / "choice.png", material, choice)
    assert (tmp_path / "choice.png").read_bytes().startswith(b"\x89PNG")
