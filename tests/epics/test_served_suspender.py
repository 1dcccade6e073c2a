"""A beam loss inside a frame: the session's suspender breaks it off, and it is taken again in the light."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from ophyd import EpicsSignal, EpicsSignalRO

from howto import ROOT
from operando.app.session import open_session
from served_instrument import epics_microscope, served

pytest.importorskip("caproto", reason="caproto is not installed: the extra `epics` brings it")

FRAME = {"name": "frame", "centre_um": [0, 0], "size_um": [1, 1], "points": [4, 12], "energies_ev": [513.0]}


def test_a_frame_in_the_dark_is_broken_off_and_taken_again(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "profiles" / "epics" / "references", tmp_path / "references")
    text = (ROOT / "profiles" / "epics" / "profile.toml").read_text(encoding="utf-8")
    profile = tmp_path / "profile.toml"
    profile.write_text(text.replace("dwell_ms = 1.0", 'dwell_ms = 1.0\nflyer = "frame"'), encoding="utf-8")
    with served("--pace", "1", "--static") as instrument:
        session = open_session(profile, epics_microscope(instrument.prefix))
        names = {"Fault:Beam": "beam", "Frame:RowsDone": "rows", "Frame:State": "state"}
        beam, rows, state = (
            kind(f"{instrument.prefix}{record}", name=name)
            for kind, (record, name) in zip(
                (EpicsSignal, EpicsSignalRO, EpicsSignalRO), names.items(), strict=True
            )
        )
        for signal in (beam, rows, state):
            signal.wait_for_connection(timeout=10.0)
        broken_off = threading.Event()
        is_lost = threading.Event()

        def lose(*, value: int, **_more: object) -> None:
            if value >= 3 and not is_lost.is_set():
                is_lost.set()
                beam.put("lost", use_complete=False)

        def give_back(*, value: int, **_more: object) -> None:
            if value == 3:  # of the menu of states: stopped
                broken_off.set()
                beam.put("there", use_complete=False)

        rows.subscribe(lose, run=False)
        state.subscribe(give_back, run=False)
        pages: list[dict] = []
        session.engine.subscribe(lambda _name, document: pages.append(document), "event_page")
        session.engine(session.operando_series([FRAME], cycles=1))
        session.recorder.close()
    assert is_lost.is_set()
    assert broken_off.is_set()
    (page,) = pages
    counts = page["data"]["STXMFrameFlyer"][0]
    assert min(min(row) for row in counts) > 1000.0
