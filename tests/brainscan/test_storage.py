"""STORAGE_URL alone moves files to an S3 bucket: write, read, delete, never overwrite, and signed addresses only."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from django.core.files.base import ContentFile
from moto import mock_aws
from storages.backends.s3 import S3Storage

from brainscan import config


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[S3Storage]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="scans")
        yield S3Storage(**config.storage("s3://scans?region_name=us-east-1", data_dir=tmp_path)["OPTIONS"])


def test_round_trip(storage: S3Storage) -> None:
    name = storage.save("scans/ab/one.bin", ContentFile(b"bytes"))
    with storage.open(name) as file:
        assert file.read() == b"bytes"
    assert storage.save("scans/ab/one.bin", ContentFile(b"other")) != name
    assert "Signature" in storage.url(name)
    storage.delete(name)
    assert not storage.exists(name)
    with pytest.raises(FileNotFoundError):
        storage.open(name).read()
