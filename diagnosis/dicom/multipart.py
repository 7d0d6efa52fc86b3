"""multipart/related bodies (RFC 2387, RFC 2046), parsed part by part as their bytes arrive.

At most two chunks are held at a time, however large a part or the body is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.utils.http import parse_header_parameters

CHUNK = 64 * 1024
_MAX_HEADERS = 8 * 1024  # bytes of one part's headers
_MAX_PREAMBLE = 64 * 1024
_MAX_BOUNDARY = 200  # characters; RFC 2046 allows 70, and Orthanc sends 73


class Malformed(Exception):
    """The body is not valid multipart; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part. content_type: lower case, without parameters, "" if absent. chunks: its bytes; they must be read before
    the next part is requested, which skips the rest of them."""

    content_type: str
    chunks: Iterator[bytes]


def find_boundary(content_type: str, *, part_type: str) -> str | None:
    """The boundary of a multipart/related body whose parts have the media type `part_type`; None for any other body.

    Raises Malformed if the boundary is missing or unusable.
    """
    media_type, parameters = parse_header_parameters(content_type)
    if media_type != "multipart/related" or parameters.get("type", part_type).lower() != part_type:
        return None
    boundary = parameters.get("boundary", "")
    if not 0 < len(boundary) <= _MAX_BOUNDARY or not boundary.isascii() or not boundary.isprintable():
        raise Malformed("the Content-Type names no usable boundary")
    return boundary


def parts(read: Callable[[int], bytes], *, boundary: str) -> Iterator[Part]:
    """The parts of a body. read: returns up to that many bytes, and b"" at the end.

    Raises Malformed if the body is truncated or not multipart.
    """
    body = _Body(read)
    delimiter = b"\r\n--" + boundary.encode("ascii")
    body.put_back(b"\r\n")  # so that a first delimiter at the very start matches, too
    body.read_line(delimiter, limit=_MAX_PREAMBLE, what="first boundary")
    while not (tail := body.read_line(b"\r\n", limit=_MAX_BOUNDARY, what="boundary", stop_at=b"--")).startswith(b"--"):
        if tail.strip(b" \t"):
            raise Malformed("a boundary is followed by other text")
        body.put_back(b"\r\n")  # so that a part without headers matches, too
        headers = body.read_line(b"\r\n\r\n", limit=_MAX_HEADERS, what="part's headers")
        chunks = body.read_until(delimiter)
        yield Part(_content_type(headers), chunks)
        for _ in chunks:
            pass


class _Body:
    """A buffer over the bytes that have arrived and are not consumed yet."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._buffer = bytearray()

    def put_back(self, data: bytes) -> None:
        self._buffer[:0] = data

    def read_until(self, delimiter: bytes) -> Iterator[bytes]:
        """Everything up to `delimiter`, which is consumed."""
        while (at := self._buffer.find(delimiter)) < 0:
            ready = len(self._buffer) - len(delimiter) + 1  # the rest may be the start of a delimiter
            if ready > 0:
                yield bytes(self._buffer[:ready])
                del self._buffer[:ready]
            self._fill()
        if at:
            yield bytes(self._buffer[:at])
        del self._buffer[: at + len(delimiter)]

    def read_line(self, delimiter: bytes, *, limit: int, what: str, stop_at: bytes | None = None) -> bytes:
        """At most `limit` bytes up to `delimiter`, which is consumed. A line that starts with `stop_at` ends there.

        Raises Malformed, naming `what`, if the delimiter is missing.
        """
        while (at := self._buffer.find(delimiter)) < 0:
            if stop_at is not None and self._buffer.startswith(stop_at):
                return stop_at
            if len(self._buffer) > limit + len(delimiter):
                break
            self._fill()
        if not 0 <= at <= limit:
            raise Malformed(f"the {what} is missing or too long")
        line = bytes(self._buffer[:at])
        del self._buffer[: at + len(delimiter)]
        return line

    def _fill(self) -> None:
        chunk = self._read(CHUNK)
        if not chunk:
            raise Malformed("it ends before its last boundary")
        self._buffer += chunk


def _content_type(headers: bytes) -> str:
    for line in headers.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-type":
            return parse_header_parameters(value.strip())[0]
    return ""
