"""Check the address before anything starts, so that the user gets one clear line if it is taken."""

import socket

from brainscan.launcher.errors import LaunchError


def parse(value: str) -> int:
    """PORT as a number from 1 to 65535."""
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 65535):
        raise LaunchError(f"PORT={value} is not a port. Use a number from 1 to 65535, for example: make run PORT=8001")
    return int(value)


def require_free(host: str, port: int) -> None:
    """Raise LaunchError if `host`:`port` cannot be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            raise LaunchError(
                f"Port {port} on {host} cannot be used ({error.strerror}). "
                f"Choose another: make run PORT={port + 1 if port < 65535 else 8000}"
            ) from error
