"""A port that is taken or no port at all is said before anything starts."""

import socket

import pytest

from brainscan.launcher import ports
from brainscan.launcher.errors import LaunchError


@pytest.mark.parametrize("value", ["", "0", "65536", "-1", "http", "8000 ", "８０００"])
def test_values_that_are_no_port(value: str) -> None:
    with pytest.raises(LaunchError, match="PORT="):
        ports.parse(value)


def test_a_port() -> None:
    assert ports.parse("8123") == 8123


def test_taken_port_is_named_with_a_way_out() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LaunchError, match=f"Port {port} .*make run PORT="):
            ports.require_free("127.0.0.1", port)
    ports.require_free("127.0.0.1", port)
