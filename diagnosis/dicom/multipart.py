"""multipart/related bodies (RFC 2387, RFC 2046), read part by part as their bytes come in.

At most two chunks are held at a time, however large a part or the body is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils.http import parse_header_parameters

CHUNK = 64 * 1024
_MAX_HEADERS = 8 * 1024  # bytes of one part's headers
_MAX_PREAMBLE = 64 * 1024
_LONGEST = 200  # characters of a boundary; RFC 2046 allows 70, and Orthanc sends 73


class Malformed(Exception):
    """The body is no multipart body; the text says where."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part. content_type: without parameters, lower case, "" where absent. chunks: its bytes, to be read before the
    next part is asked for; what is left of them is skipped then."""

    content_type: str
    chunks: Iterator[bytes]


def boundary(content_type: str, *, of: str) -> str | None:
    """The boundary of a multipart/related body whose parts have the media type `of`; None for any other body.

    Raises Malformed if it names no usable boundary.
    """
    kind, parameters = parse_header_parameters(content_type)
    if kind != "multipart/related" or parameters.get("type", of).lower() != of:
        return None
    found = parameters.get("boundary", "")
    if not 0 < len(found) <= _LONGEST or not found.isascii() or not found.isprintable():
        raise Malformed("the Content-Type names no usable boundary")
    return found


def parts(read: Callable[[int], bytes], mark: str) -> Iterator[Part]:
    """The parts of a body. read: gives up to that many bytes, none at the end. mark: its boundary.

    Raises Malformed where the body breaks off or is none.
    """
    body = _Body(read)
    delimiter = b"\r\n--" + mark.encode("ascii")
    body.put_back(b"\r\n")  # the first delimiter may stand at the very beginning
    body.line(delimiter, most=_MAX_PREAMBLE, what="first boundary")
    while not (tail := body.line(b"\r\n", most=_LONGEST, what="boundary", ends=b"--")).startswith(b"--"):
        if tail.strip(b" \t"):
            raise Malformed("a boundary is followed by other text")
        body.put_back(b"\r\n")  # a part may have no headers at all
        headers = body.line(b"\r\n\r\n", most=_MAX_HEADERS, what="part's headers")
        chunks = body.until(delimiter)
        yield Part(_content_type(headers), chunks)
        for _ in chunks:
            pass


class _Body:
    """Bytes that have come in and are not used yet."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._held = bytearray()

    def put_back(self, data: bytes) -> None:
        self._held[:0] = data

    def until(self, mark: bytes) -> Iterator[bytes]:
        """Everything up to `mark`, which is skipped."""
        while (at := self._held.find(mark)) < 0:
            ready = len(self._held) - len(mark) + 1  # the mark's beginning may have come in already
            if ready > 0:
                yield bytes(self._held[:ready])
                del self._held[:ready]
            self._more()
        if at:
            yield bytes(self._held[:at])
        del self._held[: at + len(mark)]

    def line(self, mark: bytes, *, most: int, what: str, ends: bytes | None = None) -> bytes:
        """Up to `mark`, all of it. ends: where it begins with these bytes, nothing more is waited for."""
        while (at := self._held.find(mark)) < 0:
            if ends is not None and self._held.startswith(ends):
                return ends
            if len(self._held) > most + len(mark):
                break
            self._more()
        if not 0 <= at <= most:
            raise Malformed(f"the {what} is missing or too long")
        found = bytes(self._held[:at])
        del self._held[: at + len(mark)]
        return found

    def _more(self) -> None:
        chunk = self._read(CHUNK)
        if not chunk:
            raise Malformed("it ends before its last boundary")
        self._held += chunk


def _content_type(headers: bytes) -> str:
    for line in headers.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-type":
            return parse_header_parameters(value.strip())[0]
    return ""
