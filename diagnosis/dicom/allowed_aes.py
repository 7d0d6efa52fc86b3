"""Which neighbors may open an association: those on the list that the environment gives, and nobody else."""

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from diagnosis.dicom.errors import Misconfigured

TITLE_LENGTH = 16  # characters of an AE title (PS3.5, 6.2)


@dataclass(frozen=True, slots=True)
class Peer:
    """An AE title, and the address that it must come from; "" for any."""

    title: str
    host: str = ""

    def admits(self, title: str, address: str) -> bool:
        """Whether a caller that names itself `title` and comes from the IP address `address` is this one."""
        return title == self.title and (not self.host or _plain(address) in _addresses(self.host))


def parse(entries: Iterable[str]) -> tuple[Peer, ...]:
    """The list as `AET` or `AET@host`, host being an IP address or a name. Raises Misconfigured."""
    found = []
    for entry in (entry.strip() for entry in entries):
        title, at, host = entry.partition("@")
        if not is_title(title) or (at and not host):
            raise Misconfigured(f"DICOM_ALLOWED_AES holds {entry!r}; write AET or AET@host, with commas in between.")
        found.append(Peer(title, host))
    return tuple(found)


def is_title(text: str) -> bool:
    """Whether it may be an AE title: 1 to 16 characters, none of them a backslash or a control character."""
    return (
        0 < len(text) <= TITLE_LENGTH
        and text.isascii()
        and text.isprintable()
        and "\\" not in text
        and bool(text.strip())
    )


def _addresses(host: str) -> set[str]:
    try:
        return {_plain(host)}
    except ValueError:
        pass
    try:
        return {_plain(str(info[4][0])) for info in socket.getaddrinfo(host, None)}
    except OSError:  # a name that nobody knows admits nobody
        return set()


def _plain(address: str) -> str:
    """Without a zone, and an IPv4 address that is written as IPv6 as IPv4. Raises ValueError."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return str(getattr(found, "ipv4_mapped", None) or found)
