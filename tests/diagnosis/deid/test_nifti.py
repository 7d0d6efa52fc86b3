"""De-identification of NIfTI: no word of the header stays, and every voxel does."""

from typing import Any

import nibabel as nib
import numpy as np
import pytest

from diagnosis.deid.nifti import clean
from ml import readers
from ml.readers.volumes import nifti
from tests.ml.readers.volumes.test_mgh import mgh
from tests.ml.readers.volumes.test_nrrd import nrrd

HEADER: Any = nib.Nifti1Header  # nibabel has no types
NIFTI: Any = nib.Nifti1Image


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_text_is_removed_and_voxels_stay(kind: type) -> None:
    word = "DOEJANE19"
    rng = np.random.default_rng(0)
    affine = np.array([[0, 0, -2.0, 10], [1.5, 0, 0, -20], [0, 1, 0, 5], [0, 0, 0, 1]])
    image = kind(rng.integers(-500, 500, (6, 7, 8)).astype(np.int16), affine)
    for name in ("descrip", "aux_file", "intent_name"):
        image.header[name] = word
    if kind is nib.Nifti1Image:
        image.header["db_name"] = word
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", word.encode() * 3))
    image.header.set_slope_inter(2.0, -3.0)
    data = image.to_bytes()
    assert data.count(word.encode()) >= 6
    before = nifti.open_file(data, max_pixels=10**6)
    cleaned = clean(before)
    assert word.encode() not in cleaned
    header = int(image.header["sizeof_hdr"])
    assert cleaned[header : header + 4] == bytes(4)  # no extension follows
    after = nifti.open_file(cleaned, max_pixels=10**6)
    assert (after.format, after.frames, after.orientation_letters, after.spacing, after.notes) == (
        before.format,
        before.frames,
        before.orientation_letters,
        before.spacing,
        before.notes,
    )
    for index in range(before.frames):
        np.testing.assert_array_equal(after.image(index).pixels, before.image(index).pixels)


@pytest.mark.parametrize(
    ("image_class", "unused"),
    [(nib.Nifti1Image, {"extents": 19700101, "session_error": 1970}), (nib.Nifti2Image, {"unused_str": b"DOE 1970"})],
)
def test_unused_header_fields_are_emptied_and_both_orientations_stay(image_class: Any, unused: dict[str, Any]) -> None:
    image = image_class(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.diag([1.0, 2.0, 3.0, 1.0]))
    image.set_qform(np.diag([-1.0, 2.0, 3.0, 1.0]), 1)
    image.set_sform(np.diag([1.0, 2.0, 3.0, 1.0]), 2)
    for name, value in unused.items():
        image.header[name] = value
    cleaned = image_class.from_bytes(clean(nifti.open_file(image.to_bytes(), max_pixels=10**6)))
    assert not any(np.asarray(cleaned.header[name]).tolist() for name in unused)
    assert (int(cleaned.header["qform_code"]), int(cleaned.header["sform_code"])) == (1, 2)
    np.testing.assert_allclose(cleaned.get_qform(), image.get_qform())
    np.testing.assert_allclose(cleaned.get_sform(), image.get_sform())


def test_a_broken_header_is_kept_and_what_stands_around_the_voxels_is_not() -> None:
    """So that the stored file gives the slices, the letters and the notes of the uploaded one."""
    volume = np.arange(60, dtype=">i2").reshape(3, 4, 5)
    header = HEADER(endianness=">")
    header.set_data_dtype(">i2")
    image = NIFTI(volume, np.diag([-1.0, -2.0, 3.0, 1.0]), header)
    image.set_qform(np.diag([-1.0, -2.0, 3.0, 1.0]), 1)
    image.header["vox_offset"] = 400
    data = bytearray(image.to_bytes())
    header = HEADER(bytes(data[:348]), check=False)
    header["srow_x"], header["scl_inter"], header["scl_slope"] = np.nan, np.nan, 2
    data[:348] = header.binaryblock
    data[360:373] = b"DOE JANE 1970"
    before = nifti.open_file(bytes(data) + b"DOE JANE", max_pixels=10**6)
    cleaned = clean(before)
    assert b"DOE" not in cleaned
    after = nifti.open_file(cleaned, max_pixels=10**6)
    assert after.notes == before.notes
    assert len(after.notes) == 2
    for index in range(before.frames):
        np.testing.assert_array_equal(after.image(index).pixels, before.image(index).pixels)


@pytest.mark.parametrize("form", ["NRRD", "packed NRRD", "MGH", "MGH that names no side"])
def test_other_volumes_are_stored_as_nifti_without_their_words(form: str) -> None:
    """The stored file gives the slices and letters of the one that came, by which the site knows it."""
    word = b"DOE^JANE"
    volume = np.random.default_rng(1).integers(0, 900, (20, 24, 16)).astype(np.int16)
    affine = np.array([[0, 0, 3.0, 1], [-1.0, 0, 0, 2], [0, 1.0, 0, 3], [0, 0, 0, 1]])
    if "NRRD" in form:
        data = nrrd(volume, affine, packed="packed" in form).replace(
            b"\n\n", b"\nDICOM_0010_0010:=" + word + b"\n\n", 1
        )
    else:
        data = mgh(volume, affine, **({"goodRASFlag": 0} if "no side" in form else {})) + word
    before: Any = readers.open_file(data)
    cleaned = clean(before)
    assert word not in cleaned
    after: Any = readers.open_file(cleaned)
    assert (after.format, after.frames, after.axis, after.orientation_letters, after.notes) == (
        before.stored_format,
        before.frames,
        before.axis,
        before.orientation_letters,
        before.notes,
    )
    assert (before.orientation_letters is None) == ("no side" in form)
    for index in range(before.frames):
        np.testing.assert_array_equal(after.image(index).pixels, before.image(index).pixels)
