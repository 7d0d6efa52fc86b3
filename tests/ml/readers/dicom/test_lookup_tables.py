"""Modality and VOI LUTs, in every way in which files write them (PS3.3, C.11.1.1.1 and C.11.2.1.1)."""

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from diagnosis.deid.dicom import clean
from ml.readers import dicom
from ml.readers.dicom import lookup_tables
from tests import builders

PIXELS = builders.phantom(64).astype(np.uint16) * 16
ENTRIES = (np.sqrt(np.arange(4096) / 4095) * 255).astype(np.uint16)


def table(data: bytes | list[int], *, first: int = 0, bits: int = 16, count: int = 4096, vr: str = "OW") -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [count, first, bits])
    item.add_new("LUTData", vr, data)
    return item


WAYS: dict[str, dict[str, Any]] = {
    "words": {"data": ENTRIES.astype("<u2").tobytes()},
    "numbers": {"data": [int(entry) for entry in ENTRIES], "vr": "US"},
    "12 bits": {"data": ENTRIES.astype("<u2").tobytes(), "bits": 12},
    "bytes": {"data": ENTRIES.astype("u1").tobytes(), "bits": 8},
    "bytes, each in a word": {"data": ENTRIES.astype("<u2").tobytes(), "bits": 8},
    "bytes, each a number": {"data": [int(entry) for entry in ENTRIES], "bits": 8, "vr": "US"},
}


@pytest.mark.parametrize("name", ["ModalityLUTSequence", "VOILUTSequence"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("way", WAYS)
def test_a_table_is_applied_however_it_is_written_and_stored_with_the_image(way: str, syntax: str, name: str) -> None:
    values = dict(WAYS[way])
    if syntax == ExplicitVRBigEndian and isinstance(values["data"], bytes):
        values["data"] = np.frombuffer(values["data"], "<u2").astype(">u2").tobytes()
    data = builders.dicom_bytes(PIXELS, syntax=syntax, **{name: [table(**values)]})
    opened = dicom.open_file(data, max_pixels=10**6)
    image = opened.image(0)
    assert image.notes[-1].count("LUT") == 1 and "unusable" not in image.notes[-1]
    np.testing.assert_array_equal(image.pixels, ENTRIES[PIXELS])
    stored = clean(opened.dataset, secret=b"secret").data
    assert dicom.open_file(stored, max_pixels=10**6).image(0).pixel_sha256() == image.pixel_sha256()


def test_values_beyond_a_table_take_its_ends() -> None:
    values = np.array([[-5.0, 2.0, 3.0, 4.0, 300.0]])
    for bits in (8, 16):
        shown = lookup_tables.through(values, table([10, 20, 30], first=2, bits=bits, count=3, vr="US"))
        assert shown.tolist() == [[10, 10, 20, 30, 30]]


@pytest.mark.parametrize("first", [-1000, 64_536])
def test_a_table_may_start_below_zero(first: int) -> None:
    shown = lookup_tables.through(np.array([[-1000.0, -999.0]]), table([10, 20], first=first, count=2, vr="US"))
    assert shown.tolist() == [[10, 20]]


def test_a_table_that_starts_below_zero_also_serves_a_slice_without_such_values() -> None:
    item = table(list(range(2000)), first=64_536, count=2000, vr="US")
    for values in ([[-1000.0, 500.0]], [[0.0, 500.0]]):
        assert lookup_tables.through(np.array(values), item)[0, 1] == 1500
    high = table(list(range(25_536)), first=40_000, count=25_536, vr="US")
    assert lookup_tables.through(np.array([[0.0, 500.0]]), high).tolist() == [[0, 0]]


def test_a_table_of_the_longest_kind_has_no_count() -> None:
    words = np.arange(65_536).astype("<u2").tobytes()
    assert lookup_tables.through(np.array([[65_535]]), table(words, count=0)).tolist() == [[65_535]]


@pytest.mark.parametrize("bits", [0, 32])
def test_a_table_that_is_too_short_or_of_other_numbers_is_not_used(bits: int) -> None:
    for item in (table(ENTRIES.tobytes(), bits=bits), table(b"\0\0", bits=16)):
        with pytest.raises(ValueError, match=r".+"):
            lookup_tables.through(np.zeros((2, 2)), item)
