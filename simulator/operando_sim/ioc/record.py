"""One record's value: it carries the world's time, may refuse a put, and may do something after one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caproto import AccessRights, ChannelChar, ChannelDouble, ChannelEnum, ChannelInteger, ChannelString

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from caproto import ChannelData as _Channel
else:
    _Channel = object

__all__ = ["READ_ONLY", "SETTING", "Double", "Integer", "Menu", "Puts", "Record", "Text", "Word"]


@dataclass(frozen=True, slots=True)
class Puts:
    """What a record does with what clients put into it.

    Attributes
    ----------
    is_allowed
        Whether they may.
    check
        Raises ValueError for a value that it does not take.
    then
        Awaited after the value was taken; a put with completion completes after it.
    """

    is_allowed: bool = True
    check: Callable[[Any], None] | None = None
    then: Callable[[Any], Awaitable[None]] | None = None


READ_ONLY = Puts(is_allowed=False)
"""Clients may not put."""

SETTING = Puts()
"""Whatever is put is kept."""


class Record(_Channel):
    """What the types below have in common; mixed into a channel of the protocol.

    Attributes
    ----------
    puts
        What happens when a client puts.
    now_s
        The world's time, seconds since the epoch: the time stamp of every value.
    """

    puts: Puts = READ_ONLY
    now_s: Callable[[], float]

    def check_access(self, hostname: str, username: str) -> AccessRights:
        """Return what a client may do."""
        del hostname, username  # there are no others than those of this machine
        return AccessRights.READ | AccessRights.WRITE if self.puts.is_allowed else AccessRights.READ

    async def verify_value(self, data: object) -> object:
        """Return what a client put, or raise."""
        if self.puts.check is not None:
            self.puts.check(data)
        return await super().verify_value(data)

    async def write(self, value: object, **metadata: Any) -> None:  # noqa: ANN401 - caproto's own signature
        """Take a value with the world's time."""
        metadata.setdefault("timestamp", self.now_s())
        await super().write(value, **metadata)

    async def write_from_dbr(
        self, data: object, data_type: object, metadata: object, *, flags: int = 0
    ) -> None:
        """Take what a client put, publish it, and do what follows from it."""
        await super().write_from_dbr(data, data_type, metadata, flags=flags)
        if self.puts.then is not None:
            await self.puts.then(self.value)

    async def show(self, value: object) -> None:
        """Publish a value of the instrument's own, as of now."""
        await self.write(value, verify_value=False)

    async def show_as_of(self, value: object, time_s: float) -> None:
        """Publish a value of the instrument's own, as of a time of the world."""
        await self.write(value, verify_value=False, timestamp=time_s)


class Double(Record, ChannelDouble):
    """A number, or a waveform of them."""


class Integer(Record, ChannelInteger):
    """A whole number."""


class Menu(Record, ChannelEnum):
    """One of a few words."""


class Text(Record, ChannelChar):
    """Words for people, up to 255 characters."""


class Word(Record, ChannelString):
    """A name of up to 39 characters."""
