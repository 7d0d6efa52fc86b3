"""UIDs of received files in every encoding; files that are not DICOM are refused."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
)

from diagnosis.dicom.identity import InstanceIdentity, NotDicom, identify
from tests.builders import dicom_bytes, phantom

UIDS = {"SOPInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3"}
IDENTITY = InstanceIdentity(MRImageStorage, "1.2.3.4", "1.2.3")


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        JPEG2000Lossless,
    ],
)
def test_uids_are_read_in_every_transfer_syntax(syntax: str) -> None:
    pixels = phantom(64).astype(np.uint16)
    assert identify(dicom_bytes(pixels, syntax=syntax, **UIDS)) == IDENTITY


def test_the_study_uid_is_optional_and_the_instance_uid_is_not() -> None:
    assert identify(dicom_bytes(phantom(64), **UIDS | {"StudyInstanceUID": ""})).study == ""
    with pytest.raises(NotDicom):
        identify(dicom_bytes(phantom(64), **UIDS).replace(b"1.2.3.4\x00", b"x.y.3.4\x00"))


def test_a_deflate_bomb_is_inflated_only_as_far_as_needed() -> None:
    data = dicom_bytes(phantom(64), syntax=DeflatedExplicitVRLittleEndian, **UIDS)
    length = struct.unpack("<I", data[140:144])[0]
    inflated = zlib.decompress(data[144 + length :], -zlib.MAX_WBITS)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = packer.compress(inflated) + packer.compress(bytes(200_000_000)) + packer.flush()
    assert identify(data[: 144 + length] + bomb) == IDENTITY


@given(st.binary(max_size=400))
def test_hostile_bytes_are_not_dicom(noise: bytes) -> None:
    for data in (noise, bytes(128) + b"DICM" + noise, dicom_bytes(phantom(64), **UIDS)[: 132 + len(noise) // 4]):
        with pytest.raises(NotDicom):
            identify(data)
