"""Only this machine is spoken to without keys, and with keys only what is one machine."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.errors import ConfigurationError
from operando.io.endpoints import listening, loopback, page_address, reached, web_address

ALL = (loopback, listening, reached)


@given(ip=st.ip_addresses(v=4, network="127.0.0.0/8"), port=st.integers(0, 65535))
def test_this_machine_has_these_addresses(ip: object, port: int) -> None:
    assert str(loopback(f"tcp://{ip}:{port}")) == f"tcp://{ip}:{port}"
    assert str(loopback(f"tcp://localhost:{port}")) == f"tcp://127.0.0.1:{port}"
    assert str(loopback(f"tcp://[::1]:{port}")) == f"tcp://[::1]:{port}"


@given(ip=st.ip_addresses().filter(lambda ip: not ip.is_loopback))
def test_no_other_address_is_on_this_machine(ip: object) -> None:
    for host in (f"{ip}", f"[{ip}]"):
        with pytest.raises(ConfigurationError):
            loopback(f"tcp://{host}:5577")


@pytest.mark.parametrize(
    "address",
    [
        "tcp://beamline.example:5577", "tcp://*:5577", "tcp://eth0:5577", "tcp://0.0.0.0:5577", "tcp://[::]:5577",
        "tcp://localhost.example:5577", "tcp://127.1:5577", "tcp://0x7f000001:5577", "tcp://[::ffff:127.0.0.1]:5577",
        "tcp://127.0.0.1:5577;10.0.0.5:5577", "tcp://10.0.0.5:1;127.0.0.1:5577", "tcp://127.0.0.1:5577/x",
        "tcp://me@127.0.0.1:5577", "tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:65536",
        "tcp://127.0.0.1:5577\n", "tcp://127.0.0.1:５５７７", "ipc:///tmp/log", "inproc://log",
        "http://127.0.0.1:5577", "127.0.0.1:5577", "", "tcp://", str(Path("/run.log")),
    ],
)  # fmt: skip
def test_what_only_looks_like_this_machine_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"tcp://127\.0\.0\.1|this machine"):
        loopback(address)


@given(ip=st.ip_addresses(), port=st.integers(0, 65535))
def test_a_server_with_keys_listens_at_any_number(ip: ipaddress.IPv4Address, port: int) -> None:
    host = f"[{ip}]" if ip.version == 6 else f"{ip}"
    assert str(listening(f"tcp://{host}:{port}")) == f"tcp://{host}:{port}"


@given(port=st.integers(1, 65535))
def test_a_reader_with_keys_reaches_one_machine(port: int) -> None:
    for host in ("beamline", "beamline-7.example.org", "10.0.0.5", "[fe80::1]", "127.0.0.1"):
        assert str(reached(f"tcp://{host}:{port}")) == f"tcp://{host}:{port}"
    for host in ("0.0.0.0", "[::]", "*", "-x", "a..b", "224.0.0.1", "beam_line", "a" * 70):  # noqa: S104
        with pytest.raises(ConfigurationError):
            reached(f"tcp://{host}:{port}")


@pytest.mark.parametrize("host", ["beamline.example", "*", "eth0", "eth0;10.0.0.1"])
def test_a_server_listens_at_no_name(host: str) -> None:
    with pytest.raises(ConfigurationError):
        listening(f"tcp://{host}:5577")


@pytest.mark.parametrize("meaning", ALL)
@pytest.mark.parametrize(
    "address",
    ["tcp://10.0.0.5:1;127.0.0.1:5577", "tcp://10.0.0.5", "tcp://10.0.0.5:65536", "ipc:///tmp/log", "tcp://"],
)
def test_what_is_no_address_is_none_with_keys_either(meaning: object, address: str) -> None:
    with pytest.raises(ConfigurationError):
        meaning(address)  # type: ignore[operator]


@given(ip=st.ip_addresses(), port=st.integers(1, 65535))
def test_a_page_is_served_on_this_machine_only_and_a_tunnel_is_named(ip: object, port: int) -> None:
    assert str(page_address(f"localhost:{port}")) == f"tcp://127.0.0.1:{port}"
    assert str(page_address(f"127.0.0.1:{port}")) == f"tcp://127.0.0.1:{port}"
    if not ipaddress.ip_address(str(ip)).is_loopback:
        host = f"[{ip}]" if ":" in str(ip) else str(ip)
        with pytest.raises(ConfigurationError, match=f"ssh -L {port}:127.0.0.1:{port}"):
            page_address(f"{host}:{port}")


@given(ip=st.ip_addresses().filter(lambda ip: not ip.is_loopback))
def test_the_web_is_reached_by_https_or_on_this_machine(ip: object) -> None:
    host = f"[{ip}]" if ":" in str(ip) else str(ip)
    assert web_address(f"https://{host}/hook?key=secret").scheme == "https"
    assert web_address("http://127.0.0.1:8000/hook").port == 8000
    assert web_address("http://localhost/hook").hostname == "localhost"
    with pytest.raises(ConfigurationError, match="use https") as refused:
        web_address(f"http://me:secret@{host}/hooks/secret?key=secret#secret")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["ftp://127.0.0.1/", "https://", "127.0.0.1:80", "", "http://[::1", "https://a:b/"]
)
def test_what_is_no_web_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError):
        web_address(address)
