"""Which addresses may be listened at and reached: this machine's, others with keys or https."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from operando.errors import ConfigurationError

__all__ = ["Endpoint", "listening", "loopback", "page_address", "reached", "web_address"]

_ADDRESS = re.compile(r"tcp://(?P<host>\[[0-9A-Fa-f:]+\]|[^\s:/;@\[\]]+):(?P<port>[0-9]{1,5})", re.ASCII)
_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*", re.ASCII
)
_IPv4 = ipaddress.IPv4Address
_IP = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port; as text it is what ZeroMQ understands.

    Attributes
    ----------
    host
        An address as numbers, or a name.
    port
        0 to 65535; 0 is any that is free.
    """

    host: str
    port: int

    @property
    def is_v6(self) -> bool:
        """Whether it is an address of the sixth version."""
        return ":" in self.host

    def __str__(self) -> str:
        return f"tcp://[{self.host}]:{self.port}" if self.is_v6 else f"tcp://{self.host}:{self.port}"


def loopback(address: str) -> Endpoint:
    """Return what `address` means, if it is on this machine.

    Raises
    ------
    ConfigurationError
        If it is not of the form `tcp://HOST:PORT`, or its host is not 127.0.0.0/8, ::1 or localhost.
    """
    found = _parsed(address)
    if _is_here(found.host):
        return found
    message = (
        f"{address} is not on this machine; without keys a log is served to and read from 127.0.0.1, ::1 and "
        "localhost only: make keys with 'operando keys new', and give --keys FOLDER on both sides"
    )
    raise ConfigurationError(message)


def listening(address: str) -> Endpoint:
    """Return what `address` means to a server that has keys: any address of this machine, as numbers.

    Raises
    ------
    ConfigurationError
        If it is not of the form `tcp://NUMBERS:PORT`.
    """
    found = _parsed(address)
    if _ip_of(found.host) is None:
        message = (
            f"{address} names no address to listen at; expected numbers, tcp://0.0.0.0:5577 for all networks "
            "of this machine, or the number of one of them"
        )
        raise ConfigurationError(message)
    return found


def reached(address: str) -> Endpoint:
    """Return what `address` means to a reader that has keys: any machine, which its key then tells.

    Raises
    ------
    ConfigurationError
        If it is not of the form `tcp://HOST:PORT`, or is no one machine.
    """
    found = _parsed(address)
    ip = _ip_of(found.host)
    is_one = (
        _NAME.fullmatch(found.host) is not None if ip is None else not (ip.is_unspecified or ip.is_multicast)
    )
    if not is_one or not found.port:
        message = f"{address} is not the address of a machine; expected tcp://beamline.example:5577 or alike"
        raise ConfigurationError(message)
    return found


def page_address(address: str) -> Endpoint:
    """Return where a page is to be served, given `HOST:PORT` on this machine.

    Raises
    ------
    ConfigurationError
        If it is of another form, or its host is not 127.0.0.0/8, ::1 or localhost.
    """
    found = _parsed(address if "://" in address else f"tcp://{address}")
    if _is_here(found.host):
        return found
    port = found.port or 8080
    message = (
        f"{address} is not on this machine, and a page is not encrypted: serve it at 127.0.0.1:{port}, and "
        f"from elsewhere open a tunnel to it: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE"
    )
    raise ConfigurationError(message)


def web_address(address: str) -> SplitResult:
    """Return the parts of a web address that may be reached: `https://…`, or `http://…` on this machine.

    Raises
    ------
    ConfigurationError
        If it is neither; what may be a key is not in the message.
    """
    shown = _up_to_host(address)
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        message = f"{shown} is not a web address; expected https://HOST/… or, on this machine, http://…"
        raise ConfigurationError(message) from None
    if parts.scheme == "https" and host:
        return parts
    if parts.scheme == "http" and (host == "localhost" or _is_here(host)):
        return parts
    message = f"{shown} is not on this machine, and what goes there is not encrypted: use https"
    raise ConfigurationError(message)


def _up_to_host(address: str) -> str:
    """Return an address as far as its host: who calls, the path and what follows may all be a key."""
    scheme, _, rest = address.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}://{host}/…" if host else f"'{address[:20]}'"


def _is_here(host: str) -> bool:
    ip = _ip_of(host)
    return ip == ipaddress.IPv6Address("::1") or (isinstance(ip, _IPv4) and ip.is_loopback)


def _parsed(address: str) -> Endpoint:
    matched = _ADDRESS.fullmatch(address)
    if matched is None or int(matched["port"]) > 65535:
        message = (
            f"{address} is not an address that is served or read; expected tcp://127.0.0.1:5577 or alike"
        )
        raise ConfigurationError(message)
    host = matched["host"].strip("[]")
    # A name is whatever somebody's resolver says it is; this one is what everybody means.
    return Endpoint("127.0.0.1" if host == "localhost" else host, int(matched["port"]))


def _ip_of(host: str) -> _IP | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
