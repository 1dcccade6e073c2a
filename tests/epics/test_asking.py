"""Whoever waits for a record also asks: until it has happened, or nobody waits any more."""

from __future__ import annotations

import threading

import pytest
from ophyd import Device
from ophyd.status import DeviceStatus

from operando_plans.epics.asking import ask_until
from operando_plans.epics.shutter import EpicsShutter

pytest.importorskip("caproto", reason="caproto is not installed: the extra `epics` brings it")


def status() -> DeviceStatus:
    return DeviceStatus(Device(name="waiting"))


def test_it_asks_again_until_it_is_over_and_no_answer_is_no_end() -> None:
    waiting = status()
    answers = [TimeoutError("nobody"), False, True]

    def is_over() -> bool:
        answer = answers.pop(0)
        if isinstance(answer, TimeoutError):
            raise answer
        if answer:
            waiting.set_finished()
        return answer

    ask_until(is_over, waiting, 0.0)
    waiting.wait(10.0)
    assert not answers


def test_nobody_asks_once_nobody_waits() -> None:
    waiting, asked = status(), threading.Event()
    waiting.set_finished()
    waiting.wait(1.0)

    def is_over() -> bool:
        asked.set()
        return True

    ask_until(is_over, waiting, 10.0)
    for thread in threading.enumerate():
        if thread.name == "asks a record":
            thread.join(10.0)
    assert not asked.is_set()


class Shutter(EpicsShutter):
    """Told at the third time; the two before, its server was away."""

    def __init__(self) -> None:
        super().__init__("Here:Shutter", "Here:Shutter:Readback", name="shutter", timeout_s=10.0)
        self.told: list[str] = []
        self.setpoint.put = self.tell

    def tell(self, position: str) -> None:
        self.told.append(position)
        if len(self.told) < 3:
            raise TimeoutError("the connection broke")

    def wait_for_connection(self, all_signals: bool = False, timeout: object = 2.0) -> None:
        del all_signals, timeout


def test_a_shutter_is_told_until_it_was_heard() -> None:
    shutter = Shutter()
    shutter._tell("closed")
    assert shutter.told == ["closed"] * 3
