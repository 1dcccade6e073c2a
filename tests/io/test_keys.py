"""Keys are made once, kept from others, and never overwritten; what is no key is refused in a sentence."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from operando.errors import ConfigurationError
from operando.io.keys import load_client_keys, load_server_keys, make_keys


def test_a_new_pair_fits_together_and_its_secrets_are_secret(tmp_path: Path) -> None:
    made = make_keys(tmp_path / "keys", "client")
    assert [path.name for path in (*made.server, *made.client)] == [
        "server.secret", "server.public", "client.secret", "client.public",
    ]  # fmt: skip
    for secret in (made.server[0], made.client[0]):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    server, client = load_server_keys(tmp_path / "keys"), load_client_keys(tmp_path / "keys")
    assert client.server == server.public
    assert len(server.clients) == 1
    for keys in (server, client):
        assert keys.secret.decode() not in repr(keys)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    make_keys(tmp_path, "client")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ConfigurationError, match="not overwritten"):
        make_keys(tmp_path, "client")
    second = make_keys(tmp_path, "laptop")
    assert second.server == ()
    assert {path: path.read_bytes() for path in before} == before
    assert len(load_server_keys(tmp_path).clients) == 2
    with pytest.raises(ConfigurationError, match=r"client\.secret, laptop\.secret"):
        load_client_keys(tmp_path)


@pytest.mark.parametrize("name", ["server", "", "../x", "a/b", "a\0", "-x", "a" * 65, "ä"])
def test_a_name_that_is_none_makes_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="name of a client"):
        make_keys(tmp_path / "keys", name)
    assert not (tmp_path / "keys").exists()


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_secret_that_others_can_read_is_none(tmp_path: Path) -> None:
    make_keys(tmp_path, "client")
    (tmp_path / "server.secret").chmod(0o640)
    (tmp_path / "client.secret").chmod(0o604)
    for load in (load_server_keys, load_client_keys):
        with pytest.raises(ConfigurationError, match="chmod 600"):
            load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"x" * 39, b"x" * 41, b"\xff" * 40, b"x" * 10**6, b"\0" * 40])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    make_keys(tmp_path, "client")
    for path in (tmp_path / "server.public", tmp_path / "clients" / "client.public"):
        path.write_bytes(content)
    for load in (load_server_keys, load_client_keys):
        with pytest.raises(ConfigurationError, match="does not hold a key"):
            load(tmp_path)


def test_a_server_that_would_let_in_nobody_is_refused(tmp_path: Path) -> None:
    make_keys(tmp_path, "client")
    (tmp_path / "clients" / "client.public").unlink()
    with pytest.raises(ConfigurationError, match="keys of readers"):
        load_server_keys(tmp_path)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"server\.secret.*operando keys new"):
        load_server_keys(tmp_path)
    with pytest.raises(ConfigurationError, match="found none"):
        load_client_keys(tmp_path)
    # A file is in the way.
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="another folder"):
        make_keys(tmp_path / "file", "client")
