"""Gray values for the viewer: exact where they can be, compact, complete, and for those who may see the scan."""

import gzip
import json
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from diagnosis import intake
from diagnosis.inference import series
from diagnosis.models import Scan
from diagnosis.presentation import pixel_data
from ml.readers import open_file
from tests import builders
from tests.diagnosis.visibility import assert_visible

pytestmark = pytest.mark.django_db


def taken(user: User, *files: bytes) -> Scan:
    uploads = [SimpleUploadedFile(f"IM{n}", data) for n, data in enumerate(files)]
    scan = intake.receive(user=user, files=uploads).accepted[0].scan
    if scan.is_multi_file and scan.is_series:
        series.arrange(scan)
    return scan


def fetched(client: Client, scan: Scan, first: int = 0) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The header of an answer, and each slice's gray values."""
    answer = client.get(reverse("scan-pixels", args=[scan.pk, first]), headers={"Accept-Encoding": "gzip"})
    assert (answer.status_code, answer["Content-Encoding"]) == (200, "gzip")
    assert "Accept-Encoding" in answer["Vary"]
    data = gzip.decompress(answer.content)
    start = 4 + int.from_bytes(data[:4], "little")
    assert start % 8 == 0
    header = json.loads(data[4:start])
    return header, [plane(data[start:], entry) for entry in header["slices"]]


def plane(data: bytes, entry: dict[str, Any]) -> np.ndarray:
    count = entry["rows"] * entry["columns"]
    upper = np.frombuffer(data, np.uint8, count, entry["at"]).astype(np.float64)
    if entry["bits"] == 16:
        upper = 256 * upper + np.frombuffer(data, np.uint8, count, entry["at"] + count)
    values: np.ndarray = entry["offset"] + entry["step"] * upper
    return values.reshape(entry["rows"], entry["columns"])


def test_a_series_comes_in_blocks_with_its_stored_values(as_user: Client, user: User, model_version: Any) -> None:
    files = builders.dicom_series(
        11, WindowCenter=[100, 60], WindowWidth=[201, 41], RescaleSlope=2, RescaleIntercept=-7
    )
    scan = taken(user, *files)
    header, planes = fetched(as_user, scan, 8)
    assert (header["first"], len(planes)) == (8, 3)
    for row, found in zip(scan.slices.filter(index__gte=8), planes, strict=True):
        with row.file.open() as stored:
            assert (found == open_file(stored.read()).values(0).plane).all()
    one = header["slices"][0]
    assert one["windows"] == [[-0.5, 199.5, 100, 201], [39.5, 79.5, 60, 41]]
    assert (one["step"], one["inverted"]) == (1.0, False)
    assert len(fetched(as_user, scan)[1]) == 8


def test_a_volume_comes_with_its_size_and_no_window(as_user: Client, user: User, model_version: Any) -> None:
    scan = taken(user, builders.nifti_bytes(12, size=64))
    header, planes = fetched(as_user, scan, 8)
    with scan.file.open() as stored:
        opened = open_file(stored.read())
    assert len(planes) == 4
    for index, found in enumerate(planes, start=8):
        assert np.abs(found - opened.values(index).plane).max() <= np.ptp(found) / 65_535
    assert header["slices"][0]["windows"] == []
    assert header["slices"][0]["millimeters"] == [64.0, 64.0]


@pytest.mark.parametrize("depth", [8, 16])
def test_an_image_comes_at_its_depth_without_a_size(
    as_user: Client, user: User, model_version: Any, depth: int
) -> None:
    pixels = builders.phantom(96) if depth == 8 else builders.phantom(96).astype(np.uint16) * 200 + 17
    header, [found] = fetched(as_user, taken(user, builders.png_bytes(pixels)))
    assert (found == pixels).all()
    one = header["slices"][0]
    assert (one["bits"], one["millimeters"]) == (depth, None)
    assert one["windows"] == ([[0.0, 255.0, 127.5, 255.0]] if depth == 8 else [])


def test_a_large_image_is_scaled_down(as_user: Client, user: User, model_version: Any) -> None:
    large = np.kron(builders.phantom(128), np.ones((1, 24), np.uint8))
    _, [found] = fetched(as_user, taken(user, builders.png_bytes(large)))
    assert found.shape == (85, 2048)


def test_without_gzip_it_comes_plain_and_no_browser_keeps_it(as_user: Client, user: User, model_version: Any) -> None:
    address = reverse("scan-pixels", args=[taken(user, builders.png_bytes(builders.phantom(96))).pk, 0])
    answer = as_user.get(address)
    assert "Content-Encoding" not in answer
    assert len(answer.content) == 4 + int.from_bytes(answer.content[:4], "little") + 96 * 96
    assert answer["Cache-Control"] == "private, no-store" and answer["X-Content-Type-Options"] == "nosniff"
    assert as_user.get(address, headers={"If-None-Match": answer["ETag"]}).status_code == 304


def test_pixel_values_have_the_visibility_of_their_scan(
    client: Client, user: User, other_user: User, reader: User, model_version: Any
) -> None:
    address = reverse("scan-pixels", args=[taken(user, builders.png_bytes(builders.phantom(96))).pk, 0])
    assert_visible(client, address, to=(user, reader), not_to=other_user)


def test_only_the_starts_of_blocks_are_addresses(as_user: Client, user: User, model_version: Any) -> None:
    scan = taken(user, builders.nifti_bytes(12, size=64))
    for first, expected in ((0, 200), (8, 200), (1, 404), (16, 404)):
        assert as_user.get(reverse("scan-pixels", args=[scan.pk, first])).status_code == expected


def test_the_api_sends_the_same(as_user: Client, user: User, model_version: Any) -> None:
    scan = taken(user, builders.nifti_bytes(12, size=64))
    for first in (0, 8):
        page, api = (as_user.get(reverse(name, args=[scan.pk, first])) for name in ("scan-pixels", "api:scan-pixels"))
        assert (api.status_code, api["Content-Type"]) == (200, "application/octet-stream")
        assert api.content == page.content
    assert as_user.get(reverse("api:scan-pixels", args=[scan.pk, 3])).status_code == 404


def test_a_file_that_is_gone_or_damaged_is_not_found(as_user: Client, user: User, model_version: Any) -> None:
    scan = taken(user, builders.png_bytes(builders.phantom(96)))
    address = reverse("scan-pixels", args=[scan.pk, 0])
    name = scan.file.name
    assert name is not None
    with scan.file.storage.open(name, "wb") as stored:
        stored.write(b"no image")
    assert as_user.get(address).status_code == 404
    scan.file.storage.delete(name)
    assert as_user.get(address).status_code == 404


def test_a_block_takes_as_many_queries_for_many_slices_as_for_few(
    as_user: Client, user: User, model_version: Any, django_assert_num_queries: Any
) -> None:
    for count in (2, 8):
        scan = taken(user, *builders.dicom_series(count))
        with django_assert_num_queries(6):  # session, person, scan, slices; that they were seen, in two rows of audit
            fetched(as_user, scan)


@pytest.mark.parametrize(
    ("values", "exact"),
    [([-3, 0, 1200], True), ([0.5, 1.5, 2.5], False), ([0, 70_000, 140_000], False), ([5], True)],
)
def test_samples_lead_back_to_the_values(values: list[float], exact: bool) -> None:
    plane = np.array([values], np.float32)
    samples, offset, step = pixel_data.quantized(plane)
    error = np.abs(offset + step * samples.astype(np.float64) - plane).max()
    assert error == 0 if exact else error <= step / 2
