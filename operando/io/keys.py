"""Keys by which a server and its readers know each other: CURVE pairs in files, never overwritten.

A folder of keys holds for a server `server.secret` and one `clients/NAME.public` for each reader it
lets in, and for a reader `NAME.secret` and `server.public`. `operando keys new` makes all four in one
folder; what each machine needs is then copied there, and no secret is ever on two of them.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

import zmq
from zmq.utils import z85

from operando.errors import ConfigurationError

__all__ = ["ClientKeys", "NewKeys", "ServerKeys", "load_client_keys", "load_server_keys", "make_keys"]

_SERVER = "server"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_KEY = re.compile(r"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}", re.ASCII)
_MOST_BYTES = 1000
_MOST_CLIENTS = 1000
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """What a server knows.

    Attributes
    ----------
    public, secret
        Its own pair, 40 letters each.
    clients
        The public keys that it lets in, 32 bytes each.
    """

    public: bytes
    secret: bytes = field(repr=False)
    clients: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class ClientKeys:
    """What a reader knows.

    Attributes
    ----------
    name
        What its files are called, here and at the server.
    public, secret
        Its own pair, 40 letters each.
    server
        The public key of the server that it talks to, 40 letters.
    """

    name: str
    public: bytes
    secret: bytes = field(repr=False)
    server: bytes


@dataclass(frozen=True, slots=True)
class NewKeys:
    """The files that were made; `server` is empty if the folder had its own already."""

    server: tuple[Path, ...]
    client: tuple[Path, ...]


def make_keys(folder: Path, client: str) -> NewKeys:
    """Make the keys of a reader in `folder`, and those of its server if there are none.

    Raises
    ------
    ConfigurationError
        If the reader has keys there, its name is no name, or the folder cannot be written.
    """
    if not _NAME.fullmatch(client) or client == _SERVER:
        message = (
            f"'{client}' cannot be the name of a client; expected letters, digits, - and _, and not 'server'"
        )
        raise ConfigurationError(message)
    _require_curve()
    secret, public = folder / f"{client}.secret", folder / "clients" / f"{client}.public"
    for path in (secret, public):
        if path.exists():
            message = f"{path} exists and is not overwritten: give another --client, or another folder"
            raise ConfigurationError(message)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "clients").mkdir(mode=0o700, exist_ok=True)
        server = (folder / f"{_SERVER}.secret", folder / f"{_SERVER}.public")
        made = () if any(path.exists() for path in server) else _write_pair(*server)
        return NewKeys(made, _write_pair(secret, public))
    except OSError as error:
        message = f"no keys can be written to {folder} ({error.strerror}): choose another folder"
        raise ConfigurationError(message) from error


def load_server_keys(folder: Path) -> ServerKeys:
    """Return what a server needs from a folder of keys.

    Raises
    ------
    ConfigurationError
        If it is not there, can be read by others, or lets nobody in.
    """
    _require_curve()
    secret = _secret(folder / f"{_SERVER}.secret")
    listed = sorted((folder / "clients").glob("*.public"))
    if not listed or len(listed) > _MOST_CLIENTS:
        message = (
            f"{len(listed)} keys of readers are in {folder / 'clients'}; expected 1 to {_MOST_CLIENTS}: "
            f"make them with 'operando keys new {folder}'"
        )
        raise ConfigurationError(message)
    clients = frozenset(z85.decode(_key(path)) for path in listed)
    return ServerKeys(zmq.curve_public(secret), secret, clients)


def load_client_keys(folder: Path) -> ClientKeys:
    """Return what a reader needs from a folder of keys.

    Raises
    ------
    ConfigurationError
        If it is not there, is not clear, or can be read by others.
    """
    _require_curve()
    found = [path for path in sorted(folder.glob("*.secret")) if path.stem != _SERVER]
    if len(found) != 1:
        named = ", ".join(path.name for path in found) or "none"
        message = (
            f"one secret key of a reader was expected in {folder}, found {named}: copy NAME.secret and "
            "server.public there, and no other"
        )
        raise ConfigurationError(message)
    secret = _secret(found[0])
    return ClientKeys(found[0].stem, zmq.curve_public(secret), secret, _key(folder / f"{_SERVER}.public"))


def _write_pair(secret_path: Path, public_path: Path) -> tuple[Path, Path]:
    public, secret = zmq.curve_keypair()
    for path, key, mode in ((secret_path, secret, 0o600), (public_path, public, 0o644)):
        # Exclusively, so that a file that came into being since is not overwritten either.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key + b"\n")
    return secret_path, public_path


def _secret(path: Path) -> bytes:
    key = _key(path)
    if os.name == "posix" and path.stat().st_mode & _OF_OTHERS:
        message = (
            f"{path} is a secret that others on this machine can read: chmod 600 '{path}', or make new keys"
        )
        raise ConfigurationError(message)
    return key


def _key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        message = f"there is no key at {path} ({error.strerror}): make keys with 'operando keys new'"
        raise ConfigurationError(message) from error
    key = content.strip()
    if len(content) > _MOST_BYTES or not _KEY.fullmatch(key.decode("ascii", "replace")):
        message = f"{path} does not hold a key; expected 40 letters, as 'operando keys new' writes them"
        raise ConfigurationError(message)
    return key


def _require_curve() -> None:
    if not zmq.has("curve"):
        message = "this ZeroMQ was built without CURVE, so there are no keys: install pyzmq from its wheel"
        raise ConfigurationError(message)
