"""How large a compressed stream is, without holding it."""

import gzip
import tracemalloc
import zlib

import pytest

from ml.readers.packed import InflatesTooLarge, inflated_size

FORMATS = (zlib.MAX_WBITS, -zlib.MAX_WBITS, 16 + zlib.MAX_WBITS)


def packed(size: int, wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(bytes(size)) + packer.flush()


@pytest.mark.parametrize("wbits", FORMATS)
def test_the_size_up_to_the_limit(wbits: int) -> None:
    data = packed(3_000_000, wbits)
    assert inflated_size(data, wbits=wbits, max_bytes=3_000_000) == 3_000_000
    with pytest.raises(InflatesTooLarge):
        inflated_size(data, wbits=wbits, max_bytes=2_999_999)


@pytest.mark.parametrize("wbits", FORMATS)
def test_a_stream_without_its_end(wbits: int) -> None:
    for broken in (packed(1000, wbits)[:-1], b""):
        with pytest.raises(EOFError):
            inflated_size(broken, wbits=wbits, max_bytes=10**6)


def test_a_damaged_stream() -> None:
    with pytest.raises(zlib.error):
        inflated_size(gzip.compress(b"abc")[:10] + b"\xff" * 20, wbits=16 + zlib.MAX_WBITS, max_bytes=10**6)


def test_measuring_a_stream_takes_little_memory() -> None:
    data = packed(100_000_000, zlib.MAX_WBITS)
    tracemalloc.start()
    try:
        inflated_size(data, wbits=zlib.MAX_WBITS, max_bytes=10**9)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
