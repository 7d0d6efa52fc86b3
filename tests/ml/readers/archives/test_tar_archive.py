"""tar archives: headers that lie, claim to be huge or break off."""

import gzip
import io
import tarfile

import pytest

from ml.contracts import UnreadableImage
from ml.readers import archives
from tests.ml.readers.archives.packing import outcomes, peak, tarred, trouble


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_a_header_that_claims_to_be_huge_is_not_read(kind: bytes) -> None:
    """As tarfile reads long names and comments at once."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        entry = tarfile.TarInfo("a")
        entry.type, entry.size = kind, 40_000_000
        archive.addfile(entry, io.BytesIO(b"1" * entry.size))
    assert trouble(stream.getvalue()) == "archive_bomb"
    assert peak(lambda: trouble(stream.getvalue())) < 4_000_000


def test_endless_extended_headers_are_damage() -> None:
    entry = tarfile.TarInfo("a")
    entry.type = tarfile.XHDTYPE
    assert trouble(entry.tobuf() * 1500) == "archive_damaged"


def test_names_in_a_tar_archive_are_not_kept_in_memory() -> None:
    """Each has a megabyte's tenth, and tarfile would keep them all."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for number in range(200):
            entry = tarfile.TarInfo("a" * 100_000 + str(number))
            archive.addfile(entry)
    data = stream.getvalue()

    def walk() -> None:
        for member in archives.members(data):
            assert member.read() == b""

    assert peak(walk) < 4_000_000


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("fault", ["cut before it", "cut within it", "damaged", "cut before the end"])
def test_files_before_a_broken_header_are_read_and_the_damage_is_reported(zipped: bool, fault: str) -> None:
    data = bytearray(tarred({"a": b"1", "b": b"2"}, mode="w"))
    second, end = data.index(b"b\0"), 4 * 512
    if fault == "damaged":
        data[second + 150] ^= 1  # its checksum
    cut = bytes(data[: {"cut before it": second, "cut within it": second + 100, "cut before the end": end}.get(fault)])
    members, found = archives.members(gzip.compress(cut) if zipped else cut), []
    try:
        for member in members:
            found.append((member.name, member.read()))
        trouble = ""
    except UnreadableImage as error:
        trouble = error.code
    assert found == [("a", b"1"), ("b", b"2")][: 2 if fault == "cut before the end" else 1]
    whole = zipped and fault.startswith(
        "cut before"
    )  # some writers leave the end mark out, and gzip vouches for the rest
    assert trouble == ("" if whole else "archive_damaged")


def test_a_sparse_file_is_not_filled_with_zeros() -> None:
    """GNU tar's way to say that a gigabyte follows which is not there."""
    entry = tarfile.TarInfo("sparse")
    entry.size = 0
    header = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"%011o\0%011o\0" % (0, 0)
    header[483:495] = b"%011o\0" % 10**9
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    assert outcomes(bytes(header) + bytes(1024)) == {"sparse": "archive_bomb"}


def test_an_archive_of_before_posix_is_one() -> None:
    """Only the checksum tells its headers."""
    data = bytearray(tarred({"a/1.dcm": b"one"}, mode="w"))
    data[257:512] = bytes(255)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    assert outcomes(bytes(data)) == {"a/1.dcm": b"one"}
    assert outcomes(gzip.compress(bytes(data))) == {"a/1.dcm": b"one"}
    data[150] ^= 1
    assert not archives.is_archive(bytes(data))
