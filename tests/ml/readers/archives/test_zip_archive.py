"""ZIP archives: what their list of files claims is checked, and never believed."""

import io
import struct
import zipfile
from typing import Any

import numpy as np
import pytest

from ml.contracts import UnreadableImage
from ml.readers import archives
from tests.ml.readers.archives.packing import FILES, METHODS, lying, outcomes, peak, trouble, zipped


def test_a_zip_archive_is_read_a_little_at_a_time() -> None:
    class Counted(io.BytesIO):
        most = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.most = max(self.most, len(data))
            return data

    files = {str(number): np.random.default_rng(number).bytes(300_000) for number in range(5)}
    file = Counted(zipped(files))
    assert {member.name: member.read() for member in archives.members(file)} == files
    assert file.most < 100_000
    assert not file.closed


def test_an_encrypted_file_is_refused() -> None:
    data = bytearray(zipped({"a": b"1"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert outcomes(bytes(data)) == {"a": "archive_encrypted"}


@pytest.mark.attack("hostile")
def test_a_bomb_with_a_false_size_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The header says 3 bytes, the stream holds more."""
    monkeypatch.setattr(archives.limits, "MAX_MEMBER", 1000)
    data = bytearray(zipped({"bomb": b"\0" * 50_000}))
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = (3).to_bytes(4, "little")
    found = outcomes(bytes(data))["bomb"]
    assert found in ("archive_member_damaged", "archive_member_too_large") or len(found) <= 3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [0, 3, 70_000])
@pytest.mark.slow
def test_no_more_than_the_claimed_size_is_unpacked(method: int, size: int) -> None:
    data = lying({"a": b"1", "bomb": bytes(30_000_000)}, size, method=method)
    found: dict[str, Any] = {}
    assert peak(lambda: found.update(outcomes(data))) < 2_000_000
    assert found["bomb"] == "archive_member_damaged"


@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_checksum_is_damage(method: int) -> None:
    data = bytearray(zipped({"a": bytes(range(256)) * 400, "b": b"1"}, method=method))
    data[data.index(b"PK\x01\x02") + 16] ^= 1
    assert outcomes(bytes(data)) == {"a": "archive_member_damaged", "b": b"1"}


def test_a_very_long_list_of_files_is_not_read() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(100):
            entry = zipfile.ZipInfo(f"{number:0>60000}")
            archive.writestr(entry, b"")
    data = stream.getvalue()
    assert trouble(data) == "archive_too_many"
    assert peak(lambda: trouble(data)) < 6_000_000


def test_a_damaged_file_in_an_archive_leaves_the_others() -> None:
    data = bytearray(zipped({"a": b"1", "b": bytes(range(256)) * 40}))
    at = data.index(b"b", data.index(b"PK\x03\x04", 10) + 30) + 20
    data[at : at + 60] = b"\xff" * 60
    assert outcomes(bytes(data)) == {"a": b"1", "b": "archive_member_damaged"}


def overlapping(count: int) -> bytes:
    """A ZIP whose entries all share the bytes of the first (as in Fifield's zip bomb)."""
    data = zipped({"a": bytes(50_000)})
    start = data.index(b"PK\x01\x02")
    entry, end = data[start : data.index(b"PK\x05\x06")], bytearray(data[data.index(b"PK\x05\x06") :])
    directory = entry * count
    end[8:12] = struct.pack("<HH", count, count)
    end[12:16] = struct.pack("<I", len(directory))
    return data[:start] + directory + bytes(end)


@pytest.mark.attack("hostile")
def test_entries_that_share_bytes_are_a_bomb() -> None:
    assert outcomes(overlapping(1)) == {"a": bytes(50_000)}
    assert trouble(overlapping(900)) == "archive_bomb"


@pytest.mark.parametrize(("method", "name"), [(9, "Deflate64"), (93, "Zstandard"), (98, "PPMd"), (77, "77")])
def test_a_method_that_is_not_read_is_no_damage(method: int, name: str) -> None:
    data = bytearray(zipped({"a": b"1", "b": b"2"}))
    for header, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = data.index(header) + at
        data[start : start + 2] = struct.pack("<H", method)
    refused, good = archives.members(bytes(data))
    assert refused.refused and refused.refused.code == "archive_method"
    assert name in refused.refused.message and f"method {method}" in refused.refused.message
    assert good.name == "b"


def test_a_part_of_a_split_archive_says_so() -> None:
    data = bytearray(zipped(FILES))
    data[data.index(b"PK\x05\x06") + 4] = 2  # the number of this disk
    assert trouble(bytes(data)) == "archive_split"
    with pytest.raises(UnreadableImage, match="one part of several"):
        outcomes(zipped(FILES)[:-100])


def test_an_archive_that_could_have_been_split_is_whole() -> None:
    stream = io.BytesIO(b"PK00")
    stream.seek(4)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("a", b"1")
    assert outcomes(stream.getvalue()) == {"a": b"1"}
