"""The window as a process of its own: closed, killed or hung, the fit goes on, and it is attached again."""

from operando.app.window.attach import attach
from operando.app.window.door import WindowDoor
from operando.app.window.process import WindowProcess

__all__ = ["WindowDoor", "WindowProcess", "attach"]
