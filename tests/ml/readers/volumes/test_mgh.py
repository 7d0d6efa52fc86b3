"""FreeSurfer volumes give the slices of the NIfTI volume that they equal."""

import gzip
import itertools
from collections.abc import Iterator
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from ml import readers
from ml.contracts import UnreadableImage
from tests.ml.readers.volumes.test_nifti import head, slices, stored

NIFTI: Any = nib.Nifti1Image  # nibabel has no types
MGH: Any = nib.MGHImage


def mgh(volume: np.ndarray, affine: np.ndarray | None = None, **fields: Any) -> bytes:
    data = MGH(volume, np.eye(4) if affine is None else affine).to_bytes()
    if not fields:
        return bytes(data)
    header = MGH.header_class(data[:284], check=False)
    for name, value in fields.items():
        header[name] = value
    return bytes(header.binaryblock)[:90] + bytes(data[90:])


def planes(data: bytes) -> np.ndarray:
    found = readers.open_file(data)
    return np.stack([found.image(index).pixels for index in range(found.frames)])


def refusal(data: bytes) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        planes(data)
    return caught.value


def turned(order: tuple[int, ...]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same head stored with its axes in this order, in all eight combinations of directions: voxels and affine."""
    for flips in itertools.product((1, -1), repeat=3):
        image = NIFTI(head(), np.eye(4)).as_reoriented(np.array(list(zip(order, flips, strict=True))))
        yield np.asarray(image.dataobj), image.affine


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_any_order_and_direction_of_storage_gives_the_same_slices(order: tuple[int, ...]) -> None:
    expected = slices(stored(head()))
    for voxels, affine in turned(order):
        data = mgh(voxels, affine)
        assert (readers.sniff(data), readers.sniff(gzip.compress(data))) == ("MGH", "MGH.gz")
        np.testing.assert_array_equal(planes(data), expected)
    np.testing.assert_array_equal(planes(gzip.compress(data)), expected)


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4", "f4"])
def test_every_type_gives_the_same_slices(kind: str) -> None:
    np.testing.assert_array_equal(planes(mgh(head().astype(kind))), slices(stored(head())))


def test_thickness_and_letters_are_the_files() -> None:
    found: Any = readers.open_file(mgh(head(), np.diag([-1.0, 1, 5, 1])))
    assert (found.format, found.stored_format, found.frames) == ("FreeSurfer MGH", "NIfTI-1", 16)
    assert (found.thickness, found.orientation_letters, found.notes) == (5.0, ("R", "L", "A", "P"), ())


def test_without_directions_no_side_is_named() -> None:
    found: Any = readers.open_file(mgh(head(), goodRASFlag=0))
    assert found.orientation_letters is None
    assert "how the head lies" in found.notes[0]
    broken: Any = readers.open_file(mgh(head(), Mdc=np.zeros((3, 3))))
    assert broken.orientation_letters is None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (mgh(head())[:-2000], "truncated"),
        (mgh(head())[:200], "truncated"),
        (mgh(np.zeros((4, 4, 4, 3), np.float32)), "four_dimensional"),
        (mgh(head(), type=5), "not_gray"),
        (mgh(head(), dims=[20, -24, 16, 1]), "unknown_format"),
        (mgh(head(), dims=[20, 0, 16, 1]), "damaged"),
        (mgh(head(), version=0x0101), "derived"),
    ],
)
def test_unsupported_volumes_are_refused_with_a_reason(data: bytes, code: str) -> None:
    assert refusal(data).code == code
