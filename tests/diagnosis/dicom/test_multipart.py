"""Multipart bodies: read as they come in, cut wherever the network cuts them, and never trusted."""

import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnosis.dicom import multipart
from diagnosis.dicom.multipart import Malformed, find_boundary, parts

PARTS = [b"one", b"", b"\r\n--", b"--mark", b"\r\n--mar", b"\r\n" * 40, bytes(range(256)) * 3]


def body(payloads: list[bytes], mark: str = "mark") -> bytes:
    head = f"--{mark}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return b"".join(head + payload + b"\r\n" for payload in payloads) + f"--{mark}--\r\n".encode()


def read_all(data: bytes, step: int = 1 << 20) -> list[tuple[str, bytes]]:
    """All parts; the network brings `step` bytes at a time."""
    stream = io.BytesIO(data)
    return [(p.content_type, b"".join(p.chunks)) for p in parts(lambda n: stream.read(min(n, step)), boundary="mark")]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_parts_do_not_depend_on_how_the_body_is_chunked(step: int) -> None:
    assert read_all(body(PARTS), step) == [("application/dicom", payload) for payload in PARTS]


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 400))
def test_any_payload_survives(payloads: list[bytes], step: int) -> None:
    payloads = [payload.replace(b"--mark", b"") for payload in payloads]
    assert [data for _, data in read_all(body(payloads), step)] == payloads


@given(st.binary(max_size=600), st.integers(1, 600))
def test_hostile_bytes_raise_nothing_but_malformed(noise: bytes, step: int) -> None:
    for data in (noise, b"--mark" + noise, b"--mark\r\n" + noise, body([noise])[: len(noise)]):
        try:
            read_all(data, step)
        except Malformed:
            continue


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"--other\r\n\r\nx\r\n--other--",
        b"--mark\r\n\r\nno end",
        b"--mark\r\n\r\nx\r\n--mark",
        b"--markup\r\n\r\nx\r\n--mark--",
        b"--mark\r\nContent-Type: application/dicom",
        b"--mark\r\nX: " + b"y" * 20_000 + b"\r\n\r\nx\r\n--mark--",
        b"z" * 200_000 + b"\r\n--mark\r\n\r\nx\r\n--mark--",
    ],
)
def test_malformed_bodies(data: bytes) -> None:
    with pytest.raises(Malformed):
        read_all(data)


def test_preamble_epilogue_padding_and_parts_without_headers_are_allowed() -> None:
    data = b"words\r\n--mark \t\r\n\r\nx\r\n--mark\r\ncontent-type: Text/Plain; a=b\r\n\r\ny\r\n--mark-- and words"
    assert read_all(data) == [("", b"x"), ("text/plain", b"y")]


def test_an_unread_part_is_skipped() -> None:
    stream = io.BytesIO(body([b"a" * 300_000, b"b"]))
    assert [p.content_type for p in parts(stream.read, boundary="mark")] == ["application/dicom"] * 2


def test_memory_stays_small_however_large_a_part_is() -> None:
    head, size = b"--mark\r\n\r\n", 64 * 1024 * 1024
    sent = 0

    def read(most: int) -> bytes:
        nonlocal sent, head
        if head:
            first, head = head, b""
            return first
        sent += most
        return bytes(most) if sent < size else b"\r\n--mark--"

    tracemalloc.start()
    try:
        total = sum(len(chunk) for part in parts(read, boundary="mark") for chunk in part.chunks)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total > size - 2 * multipart.CHUNK
    assert peak < 1024 * 1024


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ('multipart/related; type="application/dicom"; boundary=abc', "abc"),
        ('Multipart/Related; boundary="a b"; type=application/dicom', "a b"),
        ("multipart/related; boundary=abc", "abc"),
        ("multipart/related; boundary=" + "x" * 73, "x" * 73),  # Orthanc's length
        ('multipart/related; type="application/dicom+json"; boundary=abc', None),
        ("multipart/form-data; boundary=abc", None),
        ("application/dicom", None),
        ("", None),
    ],
)
def test_the_boundary_of_a_content_type(content_type: str, expected: str | None) -> None:
    assert find_boundary(content_type, part_type="application/dicom") == expected


@pytest.mark.parametrize("given_boundary", ["", "x" * 201, "\u00e9", "a\x01b"])
def test_an_unusable_boundary(given_boundary: str) -> None:
    with pytest.raises(Malformed):
        find_boundary(
            f'multipart/related; type="application/dicom"; boundary="{given_boundary}"', part_type="application/dicom"
        )
