"""The gallery: every state has a picture of its own, also where there is no screen."""

from __future__ import annotations

import subprocess
import sys

import pytest

from operando.errors import ConfigurationError
from operando.view.gallery import SCENES, draw_gallery
from operando.view.qt import require_qt
from operando.view.theme import scale_for

try:
    require_qt()
except ConfigurationError as error:
    pytest.skip(str(error), allow_module_level=True)

FEW = tuple(scene for scene in SCENES if scene.name in {"waiting", "stale", "regions-light", "history"})


def test_each_scene_is_another_picture(tmp_path, qapp):
    paths = draw_gallery(tmp_path / "new", FEW)
    pictures = [path.read_bytes() for path in paths]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert len(set(pictures)) == len(FEW) == 4


def test_the_states_that_are_asked_for_are_there_once_each():
    names = [scene.name for scene in SCENES]
    assert len(set(names)) == len(names)
    wanted = {"empty", "filling", "live", "catching-up", "stale", "beam-loss", "one-phase-missing"}
    assert wanted | {"live-light", "regions", "history"} <= set(names)


def test_the_command_says_how_it_is_used():
    command = [sys.executable, "-m", "operando.view.gallery"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "FOLDER" in found.stderr


@pytest.mark.parametrize(
    ("size", "scale"), [((1040, 680), 1.0), ((1280, 800), 1.0), ((1920, 1080), 1.25), ((3840, 2160), 2.5)]
)
def test_what_is_written_grows_with_the_window(size, scale):
    assert scale_for(*size) == scale
