"""The allow-list: titles, hosts, and invalid entries."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from brainscan import config
from diagnosis.dicom.allowed_aes import AllowedAE, parse
from diagnosis.dicom.errors import Misconfigured


def test_entries() -> None:
    assert parse([" PACS1 ", "MR 2@10.0.0.7", "X@::1"]) == (
        AllowedAE("PACS1"),
        AllowedAE("MR 2", "10.0.0.7"),
        AllowedAE("X", "::1"),
    )
    assert parse([]) == ()


@pytest.mark.parametrize("entry", ["", "@10.0.0.1", "PACS@", "A" * 17, "A\\B", "ÄET", "A\x01"])
def test_invalid_entries(entry: str) -> None:
    with pytest.raises(Misconfigured, match="DICOM_ALLOWED_AES"):
        parse([entry])


def test_without_a_host_any_address_matches() -> None:
    assert AllowedAE("PACS1").matches("PACS1", address="192.0.2.1")
    assert not AllowedAE("PACS1").matches("pacs1", address="192.0.2.1")


def test_the_address_must_match_the_host() -> None:
    entry = AllowedAE("PACS1", "192.0.2.1")
    assert entry.matches("PACS1", address="192.0.2.1")
    assert entry.matches("PACS1", address="::ffff:192.0.2.1")
    assert not entry.matches("PACS1", address="192.0.2.2")
    assert not entry.matches("OTHER", address="192.0.2.1")


def test_a_host_may_be_a_name() -> None:
    assert AllowedAE("PACS1", "localhost").matches("PACS1", address="127.0.0.1")
    assert not AllowedAE("PACS1", "localhost").matches("PACS1", address="192.0.2.1")
    assert not AllowedAE("PACS1", "nobody.invalid").matches("PACS1", address="127.0.0.1")


@pytest.mark.parametrize(("value", "title"), [("BRAINSCAN", "BRAINSCAN"), ("  MR 1 ", "MR 1"), ("A" * 16, "A" * 16)])
def test_the_title_of_this_site(value: str, title: str) -> None:
    assert config.ae_title(value) == title


@pytest.mark.parametrize("value", ["", "   ", "A" * 17, "A\\B", "ÄET", "A\x01", "AET\n", "\tAET"])
def test_an_invalid_title_of_this_site_stops_the_start(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DICOM_AE_TITLE"):
        config.ae_title(value)
