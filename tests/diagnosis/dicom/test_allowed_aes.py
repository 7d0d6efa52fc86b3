"""The allow-list: who is on it, from where, and entries that make no sense."""

import pytest

from diagnosis.dicom.allowed_aes import Peer, parse
from diagnosis.dicom.errors import Misconfigured


def test_entries() -> None:
    assert parse([" PACS1 ", "MR 2@10.0.0.7", "X@::1"]) == (Peer("PACS1"), Peer("MR 2", "10.0.0.7"), Peer("X", "::1"))
    assert parse([]) == ()


@pytest.mark.parametrize("entry", ["", "@10.0.0.1", "PACS@", "A" * 17, "A\\B", "ÄET", "A\x01"])
def test_entries_that_make_no_sense(entry: str) -> None:
    with pytest.raises(Misconfigured, match="DICOM_ALLOWED_AES"):
        parse([entry])


def test_a_title_alone_admits_it_from_anywhere() -> None:
    assert Peer("PACS1").admits("PACS1", "192.0.2.1")
    assert not Peer("PACS1").admits("pacs1", "192.0.2.1")


def test_a_host_is_held_to() -> None:
    peer = Peer("PACS1", "192.0.2.1")
    assert peer.admits("PACS1", "192.0.2.1")
    assert peer.admits("PACS1", "::ffff:192.0.2.1")
    assert not peer.admits("PACS1", "192.0.2.2")
    assert not peer.admits("OTHER", "192.0.2.1")


def test_a_host_may_be_a_name() -> None:
    assert Peer("PACS1", "localhost").admits("PACS1", "127.0.0.1")
    assert not Peer("PACS1", "localhost").admits("PACS1", "192.0.2.1")
    assert not Peer("PACS1", "nobody.invalid").admits("PACS1", "127.0.0.1")
