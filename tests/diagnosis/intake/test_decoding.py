"""Sides of the patient are marked only where the file says which side is which, whatever its kind."""

import io
from collections.abc import Callable
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image as Pillow
from pydicom.uid import MultiFrameGrayscaleByteSecondaryCaptureImageStorage, SecondaryCaptureImageStorage

from diagnosis.intake.decoding import decode
from diagnosis.templatetags.pages import edges
from tests import builders


def nifti(**fields: Any) -> bytes:
    """A volume some of whose header fields are overwritten."""
    data = builders.nifti_bytes(2)
    header = nib.Nifti1Header(data[:348], check=False)  # type: ignore[no-untyped-call]
    for name, value in fields.items():
        header[name] = value
    return bytes(header.binaryblock) + data[348:]


def frames(*, sop_class: str, **tags: Any) -> bytes:
    return builders.dicom_bytes(
        np.stack([builders.phantom(96, seed=number) for number in range(2)]), SOPClassUID=sop_class, **tags
    )


def tiff() -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(builders.phantom(96).astype(np.uint16)).save(stream, "TIFF")
    return stream.getvalue()


POSITION, DIRECTIONS = [0, 0, 0], [1, 0, 0, 0, 1, 0]
SILENT: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: builders.png_bytes(builders.phantom(96)),
    "JPEG turned by EXIF": lambda: builders.exif_jpeg(builders.phantom(96), 6),
    "TIFF": tiff,
    "DICOM without orientation": lambda: builders.dicom_bytes(builders.phantom(96), ImagePositionPatient=POSITION),
    "DICOM without position": lambda: builders.dicom_bytes(builders.phantom(96), ImageOrientationPatient=DIRECTIONS),
    "DICOM with axes that are not perpendicular": lambda: builders.dicom_bytes(
        builders.phantom(96), ImagePositionPatient=POSITION, ImageOrientationPatient=[1, 0, 0, 1, 1, 0]
    ),
    "secondary capture": lambda: builders.dicom_bytes(builders.phantom(96), SOPClassUID=SecondaryCaptureImageStorage),
    "secondary captures": lambda: frames(sop_class=MultiFrameGrayscaleByteSecondaryCaptureImageStorage),
    "NIfTI, unset": lambda: nifti(sform_code=0, qform_code=0),
    "NIfTI, sform of zeros": lambda: nifti(srow_x=0, srow_y=0, srow_z=0),
    "NIfTI, sform and qform unusable": lambda: nifti(srow_x=np.nan, qform_code=1, quatern_b=np.inf),
    "NIfTI that contradicts itself": lambda: nifti(srow_x=[-1, 0, 0, 0], qform_code=1, quatern_b=0),
}


@pytest.mark.parametrize("kind", SILENT)
def test_a_file_that_does_not_name_its_sides_gets_no_letters(kind: str) -> None:
    assert {one.letters for one in decode(SILENT[kind](), name="x")} == {""}


@pytest.mark.parametrize(
    "data",
    [
        builders.nifti_bytes(2),
        nifti(srow_x=np.nan, qform_code=1, quatern_b=0, quatern_c=0, quatern_d=0),
        builders.dicom_series(1)[0],
    ],
    ids=["NIfTI", "NIfTI by qform", "DICOM"],
)
def test_a_file_that_names_its_sides_gets_letters(data: bytes) -> None:
    [found] = decode(data, name="x")
    assert found.letters == "RLAP"


def test_slices_are_so_many_millimeters_apart_only_where_the_file_says_so() -> None:
    known, unknown = nifti(sform_code=0, qform_code=0), nifti(sform_code=0, qform_code=0, pixdim=0)
    assert [decode(data, name="scan")[0].spacing for data in (known, unknown)] == [5, None]


def test_letters_stand_at_the_edges_and_without_them_nothing_does() -> None:
    class Lettered:
        letters = "RLAP"

    class Unknown:
        letters = ""

    assert edges(Lettered()) == [("R", "left"), ("L", "right"), ("A", "top"), ("P", "bottom")]  # type: ignore[arg-type]
    assert edges(Unknown()) == []  # type: ignore[arg-type]
