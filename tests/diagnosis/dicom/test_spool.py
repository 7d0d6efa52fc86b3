"""Files of one transfer in a temporary file."""

import pytest

from diagnosis.dicom.spool import Spool, SpooledFile, TooLarge


def test_files_of_a_spool_do_not_mix() -> None:
    with Spool() as spool:
        first = spool.add("a", [b"12", b"3"], max_bytes=3)
        with pytest.raises(TooLarge):
            spool.add("b", [b"12", b"34"], max_bytes=3)
        second = spool.add("c", [b"45"], max_bytes=3)
        assert (first.read(), first.size, second.read(), spool.size) == (b"123", 3, b"45", 5)


def test_a_closed_spool_cannot_be_read() -> None:
    with Spool() as spool:
        file: SpooledFile = spool.add("a", [b"1"], max_bytes=1)
    with pytest.raises(ValueError, match="closed"):
        file.read()


def test_a_spooled_file_is_read_like_a_file() -> None:
    with Spool() as spool:
        spool.add("before", [b"12345"], max_bytes=5)
        file = spool.add("file", [b"abc", b"defgh"], max_bytes=8)
        spool.add("after", [b"67890"], max_bytes=5)
        assert (file.read(3), file.tell(), file.read(), file.read()) == (b"abc", 3, b"defgh", b"")
        assert (file.seek(-2, 2), file.read(99)) == (6, b"gh")
        assert (file.seek(1), file.seek(1, 1), file.read(2)) == (1, 2, b"cd")
