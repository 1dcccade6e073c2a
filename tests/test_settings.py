"""Profiles and libraries are checked once, at the door, and say what is wrong in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from operando.app.work import Options, work_of
from operando.core.fit import Background
from operando.core.incident import IncidentMode
from operando.errors import ConfigurationError
from operando.io.library import load_library, read_spectrum
from operando.settings import load_profile

LIBRARY = """
element = "Fe"
edge = "L"
formula = "LixFePO4"
[[phase]]
name = "poor"
lithium = 0.0
file = "poor.txt"
[[phase]]
name = "rich"
lithium = 1.0
file = "rich.txt"
energy_unit = "keV"
column = 2
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "library.toml").write_text(LIBRARY)
    (tmp_path / "poor.txt").write_text("* comment\nenergy od\n700.0 0.1\n710.0\t0.9\n\n720.0, 0.4\n")
    # Descending, in keV, values in the third column.
    (tmp_path / "rich.txt").write_text("% c\n0.720 9 0.3\n0.710 9 0.5\n0.700 9 0.2\n")
    return tmp_path


def test_a_library_of_mixed_notations_is_read(folder: Path) -> None:
    library = load_library(folder / "library.toml")
    assert [phase.name for phase in library.phases] == ["poor", "rich"]
    for phase in library.phases:
        np.testing.assert_allclose(phase.energy_ev, [700.0, 710.0, 720.0])
    assert library.phases[0].value.tolist() == [0.1, 0.9, 0.4]
    assert library.phases[1].value.tolist() == [0.2, 0.5, 0.3]


def test_spectra_may_lie_beside_the_data(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("profile")
    (elsewhere / "library.toml").write_text(LIBRARY)
    with pytest.raises(ConfigurationError, match="poor"):
        load_library(elsewhere / "library.toml")
    assert len(load_library(elsewhere / "library.toml", beside=folder).phases) == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"poor.txt"', '"nowhere.txt"', "was not found at"),
        ("lithium = 1.0", "lithium = -1", "lithium"),
        ("lithium = 1.0", "lithum = 1.0", "not a known key"),
        ('name = "rich"', 'name = "rich"\nkind = "od_per_nm"', "mixes spectra"),
        ("lithium = 1.0", "lithium = 0.0", "different"),
        ("column = 2", "column = 7", "column 7"),
        ("[[phase]]", "[[phase]", "not TOML"),
    ],
)
def test_a_bad_library_is_refused_with_what_to_mend(folder: Path, old: str, new: str, words: str) -> None:
    (folder / "library.toml").write_text(LIBRARY.replace(old, new))
    with pytest.raises(ConfigurationError, match=words):
        load_library(folder / "library.toml")


def test_a_library_and_a_profile_that_are_mistaken_for_each_other_are_told_apart(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="give it as --references"):
        load_profile(folder / "library.toml")
    profile = folder / "profile.toml"
    profile.write_text('library = "library.toml"\n')
    with pytest.raises(ConfigurationError, match="give it as --profile"):
        load_library(profile)


@pytest.mark.parametrize("text", ["", "# only comments\n", "700.0\n", "700.0 1.0\n701.0 none\n"])
def test_a_file_without_columns_is_no_spectrum(tmp_path: Path, text: str) -> None:
    path = tmp_path / "spectrum.txt"
    path.write_text(text)
    with pytest.raises(ConfigurationError):
        read_spectrum(path)


def test_a_profile_and_the_options_over_it(folder: Path) -> None:
    (folder / "i0.txt").write_text("690 1000\n730 900\n")
    profile = folder / "profile.toml"
    profile.write_text(
        'library = "library.toml"\n[i0]\nmode = "file"\nfile = "i0.txt"\nscale = 2.0\n'
        '[detector]\ngain = 0.4\ndark_counts = 3\n[fit]\nbackground = "linear"\n[limits]\nmax_od = 2.0\n'
    )
    recipe = work_of(Options(profile=profile)).recipe
    assert (recipe.detector.gain, recipe.detector.dark_counts, recipe.limits.max_od) == (0.4, 3.0, 2.0)
    assert recipe.background is Background.LINEAR
    assert recipe.incident.mode is IncidentMode.FILE
    assert recipe.incident.scale == 2.0
    recipe = work_of(Options(profile=profile, i0="blank", background="none", gain=1.0)).recipe
    assert recipe.detector.gain == 1.0
    assert recipe.background is Background.NONE
    assert recipe.incident.mode is IncidentMode.BLANK


def test_options_are_looked_for_here_profile_entries_beside_the_profile_and_both_beside_the_data(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, data = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("data")
    monkeypatch.chdir(here)
    profile = folder / "profile.toml"
    profile.write_text('library = "library.toml"\n[i0]\nmode = "file"\nfile = "i0.txt"\n')

    def first_i0(**options: str) -> float:
        rate = work_of(Options(profile=profile, **options), beside=data).recipe.incident.counts_per_ms
        assert rate is not None
        return float(rate[0])

    (data / "i0.txt").write_text("690 3\n730 3\n")
    (here / "i0.txt").write_text("690 1\n730 1\n")
    assert first_i0() == 3.0, "what the profile names is not looked for in the current folder"
    assert first_i0(i0="i0.txt") == 1.0
    (folder / "i0.txt").write_text("690 2\n730 2\n")
    assert first_i0() == 2.0
    assert first_i0(i0="i0.txt") == 1.0
    (here / "i0.txt").unlink()
    assert first_i0(i0="i0.txt") == 3.0
    for name in ("library.toml", "poor.txt", "rich.txt"):
        (folder / name).rename(data / name)
    assert len(work_of(Options(references=Path("library.toml")), beside=data).library.phases) == 2
    assert len(work_of(Options(profile=profile), beside=data).library.phases) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "no reference spectra"),
        ({"references": Path("nowhere.toml")}, "cannot read nowhere.toml"),
        ({"i0": "blnk"}, "neither 'blank' nor 'channel' nor a file"),
        ({"background": "cubic"}, "cubic"),
        ({"gain": 0.0}, "above 0"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(folder: Path, options: dict, words: str) -> None:
    given = {"references": folder / "library.toml", **options} if options else {}
    with pytest.raises(ConfigurationError, match=words):
        work_of(Options(**given))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[detector]\ngain = -1\n", "gain"),
        ("[detector]\ngian = 1\n", "gian"),
        ('[i0]\nmode = "guess"\n', "mode"),
        ("[layout]\ndwell_ms = 0\n", "dwell_ms"),
        ("[layout]\npitch_um = inf\n", "pitch_um"),
        ("gain = ", "not TOML"),
    ],
)
def test_a_bad_profile_names_the_key(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "profile.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        load_profile(path)
