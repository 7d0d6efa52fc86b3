"""The report of what a file held beside its image is made of whatever the file claims."""

import struct

import pytest

from diagnosis.deid.metadata import names_of_metadata
from tests import builders


@pytest.mark.parametrize("file_format", ["BMP", "JPEG", "GIF", "WEBP", "PNG"])
def test_a_file_with_one_image_and_nothing_else_has_none(file_format: str) -> None:
    assert names_of_metadata(builders.encode(builders.phantom(16), file_format), file_format=file_format) == ()


def test_a_png_that_ends_within_a_chunk_is_followed_to_its_end() -> None:
    data = builders.png_bytes(builders.phantom(16))
    text = struct.pack(">I", 4) + b"tEXt" + b"word" + bytes(4)
    cut = data[: data.rindex(b"IEND") - 4] + text
    for after in (b"", b"\0\0\0", b"\0\0\0\4IEN"):
        found = names_of_metadata(cut + after, file_format="PNG")
        assert found == (("text", "trailing bytes") if after else ("text",))
    assert names_of_metadata(cut + b"\0\0\0\4tIME", file_format="PNG") == ("text", "time")


@pytest.mark.timeout(60)
def test_a_chunk_that_claims_four_gigabytes_ends_the_search() -> None:
    data = builders.png_bytes(builders.phantom(16))
    end = data.rindex(b"IEND") - 4
    claims = struct.pack(">I", 2**32 - 12) + b"prVt"
    assert names_of_metadata(data[:end] + claims + data[end:], file_format="PNG") == ("other data",)
