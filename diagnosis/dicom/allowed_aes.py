"""Which application entities (AEs) may open an association: only those that DICOM_ALLOWED_AES lists."""

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from diagnosis.dicom.errors import Misconfigured

MAX_TITLE_LENGTH = 16
"""Characters of an AE title (PS3.5, 6.2)."""


@dataclass(frozen=True, slots=True)
class AllowedAE:
    """An AE title, and the host name or IP address it must call from; "" allows any."""

    title: str
    host: str = ""

    def matches(self, title: str, *, address: str) -> bool:
        """Whether this entry covers a caller with that AE title and IP address."""
        return title == self.title and (not self.host or _normalized(address) in _addresses(self.host))


def parse(entries: Iterable[str]) -> tuple[AllowedAE, ...]:
    """Parse entries of the form `AET` or `AET@host`. Raises Misconfigured."""
    parsed = []
    for entry in (entry.strip() for entry in entries):
        title, at, host = entry.partition("@")
        if not is_ae_title(title) or (at and not host):
            raise Misconfigured(f"DICOM_ALLOWED_AES holds {entry!r}; write AET or AET@host, with commas in between.")
        parsed.append(AllowedAE(title, host))
    return tuple(parsed)


def is_ae_title(text: str) -> bool:
    """Whether `text` is a valid AE title: 1 to 16 ASCII characters, no backslash or control character, not blank."""
    return (
        0 < len(text) <= MAX_TITLE_LENGTH
        and text.isascii()
        and text.isprintable()
        and "\\" not in text
        and bool(text.strip())
    )


def _addresses(host: str) -> set[str]:
    """The IP addresses of `host`; empty if its name does not resolve."""
    try:
        return {_normalized(host)}
    except ValueError:
        pass
    try:
        return {_normalized(str(info[4][0])) for info in socket.getaddrinfo(host, None)}
    except OSError:
        return set()


def _normalized(address: str) -> str:
    """The address without a zone, and as IPv4 if it is IPv4 mapped to IPv6. Raises ValueError."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
