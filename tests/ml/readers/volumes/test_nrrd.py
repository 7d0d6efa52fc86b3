"""NRRD volumes give the slices of the NIfTI volume that they equal, and a hostile header opens no file."""

import bz2
import gzip
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diagnosis.deid.nifti import clean
from ml import readers
from ml.contracts import UnreadableImage
from tests.ml.readers.volumes.test_mgh import planes, refusal, turned
from tests.ml.readers.volumes.test_nifti import head, slices, stored

TYPES = {"i1": "int8", "u1": "uchar", "i2": "short", "u2": "ushort", "i4": "int", "u4": "uint32", "i8": "int64",
         "u8": "unsigned long long", "f4": "float", "f8": "double"}  # fmt: skip
LPS, RAS = (-1, -1, 1), (1, 1, 1)


def vector(values: np.ndarray) -> str:
    return "(" + ",".join(f"{value:g}" for value in values) + ")"


def nrrd(volume: np.ndarray, affine: np.ndarray | None = None, *, packed: bool = False, **fields: Any) -> bytes:
    """A file in LPS coordinates, as 3D Slicer writes it. fields: by name with _ for a space; None leaves one out."""
    axes = (np.eye(3) if affine is None else affine[:3, :3]) * np.reshape(LPS, (3, 1))
    order = {"<": "little", ">": "big", "=": "little", "|": None}[volume.dtype.byteorder]
    header: dict[str, Any] = {
        "type": TYPES[volume.dtype.str[1:]],
        "dimension": volume.ndim,
        "space": "left-posterior-superior",
        "sizes": " ".join(map(str, volume.shape)),
        "space_directions": " ".join(vector(axes[:, column]) for column in range(3)),
        "kinds": " ".join(["domain"] * volume.ndim),
        "endian": order,
        "encoding": "gzip" if packed else "raw",
    } | fields
    lines = ["NRRD0004", "# Complete NRRD file format specification at:"]
    lines += [f"{name.replace('_', ' ')}: {value}" for name, value in header.items() if value is not None]
    voxels = volume.tobytes(order="F")
    return "\n".join(lines).encode() + b"\n\n" + (gzip.compress(voxels) if packed else voxels)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_any_order_and_direction_of_storage_gives_the_same_slices(order: tuple[int, ...]) -> None:
    expected = slices(stored(head()))
    for voxels, affine in turned(order):
        data = nrrd(voxels, affine)
        assert (readers.sniff(data), readers.sniff(gzip.compress(data))) == ("NRRD", "NRRD.gz")
        np.testing.assert_array_equal(planes(data), expected)
    np.testing.assert_array_equal(planes(nrrd(voxels, affine, packed=True)), expected)


@pytest.mark.parametrize("kind", [*TYPES, ">i2", ">u4", ">f8"])
def test_every_type_and_byte_order_gives_the_same_slices(kind: str) -> None:
    for packed in (False, True):
        np.testing.assert_array_equal(planes(nrrd(head().astype(kind), packed=packed)), slices(stored(head())))


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("right-anterior-superior", RAS),
        ("RAS", RAS),
        ("left-anterior-superior", (-1, 1, 1)),
        ("LAS", (-1, 1, 1)),
        ("LPS", LPS),
        ("left-posterior-superior-time", LPS),
    ],
)
def test_every_anatomical_space_gives_the_same_slices(space: str, signs: tuple[int, ...]) -> None:
    directions = " ".join(vector(row) for row in np.diag(signs))
    data = nrrd(head(), space=space, space_directions=directions)
    np.testing.assert_array_equal(planes(data), slices(stored(head())))


def test_thickness_and_letters_are_the_files() -> None:
    found: Any = readers.open_file(nrrd(head(), np.diag([-1.0, 1, 5, 1])))
    assert (found.format, found.stored_format, found.frames) == ("NRRD", "NIfTI-1", 16)
    assert (found.thickness, found.orientation_letters, found.notes) == (5.0, ("R", "L", "A", "P"), ())


@pytest.mark.parametrize(
    ("unit", "millimeters"), [("mm", 1), ("cm", 10), ("Meter", 1000), ("um", 0.001), ("", 1), ("???", 1)]
)
def test_lengths_are_millimeters_whatever_the_unit(unit: str, millimeters: float) -> None:
    units = " ".join([f'"{unit}"'] * 3)
    sides = np.array([1, 1, 5]) / millimeters
    directed = nrrd(head(), np.diag([*(sides * [-1, 1, 1]), 1]), space_units=units)
    spacings = " ".join(f"{side:g}" for side in sides)
    spaced = nrrd(head(), space=None, space_directions=None, spacings=spacings, units=units)
    for data in (directed, spaced):
        found: Any = readers.open_file(data)
        assert (found.thickness, *found.spacing) == pytest.approx((5, 1, 1))
    apart = nrrd(head(), np.diag([-0.1, 1, 5, 1]), space_units='"cm" "mm" "mm"')
    found = readers.open_file(apart)
    assert found.spacing == pytest.approx((1, 1))


@pytest.mark.parametrize(
    "fields",
    [
        {"space": "scanner-xyz"},
        {"space": None, "space_dimension": 3},
        {"space": None, "space_directions": None, "spacings": "1 1 5"},
        {"space": None, "space_directions": None},
        {"space_directions": "(0,0,0) (0,0,0) (0,0,0)"},
        {"space_directions": "(nan,0,0) (0,1,0) (0,0,1)"},
    ],
)
def test_where_the_file_does_not_name_its_sides_nor_do_we(fields: dict[str, Any]) -> None:
    found: Any = readers.open_file(nrrd(head(), **fields))
    assert found.orientation_letters is None
    assert any("how the head lies" in note for note in found.notes)
    assert found.thickness == (5 if fields.get("spacings") else 1)


def test_an_image_is_one_slice() -> None:
    plane = head()[:, :, 12]
    flat = nrrd(plane, space_directions="(1,0,0) (0,1,0)")
    found: Any = readers.open_file(flat)
    assert (found.frames, found.orientation_letters) == (1, ("R", "L", "A", "P"))
    np.testing.assert_array_equal(found.image(0).pixels, plane.T)
    plain: Any = readers.open_file(nrrd(plane, space=None, space_directions=None))
    assert (plain.frames, plain.orientation_letters) == (1, None)
    np.testing.assert_array_equal(plain.image(0).pixels, plane.T)


def test_an_axis_of_one_value_is_left_out() -> None:
    """Vectors have the extra axis in front, time series at the end."""
    directions = "(-1,0,0) (0,-1,0) (0,0,1)"
    for volume, kinds, given in (
        (head()[None], "vector domain domain domain", "none " + directions),
        (head()[..., None], "domain domain domain list", directions + " none"),
        (head()[..., None], "domain domain domain domain", directions + " none"),
    ):
        data = nrrd(volume, kinds=kinds, space_directions=given)
        np.testing.assert_array_equal(planes(data), slices(stored(head())))


def test_bytes_before_the_voxels_may_be_skipped() -> None:
    skipped = nrrd(head(), byte_skip=7).replace(b"\n\n", b"\n\n1234567", 1)
    behind = nrrd(head(), byte_skip=-1).replace(b"\n\n", b"\n\nwhatever stands here", 1)
    for data in (skipped, behind):
        np.testing.assert_array_equal(planes(data), slices(stored(head())))


@pytest.mark.parametrize("name", ["data_file", "datafile"])
def test_a_header_that_names_another_file_opens_none(name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.raw"
    secret.write_bytes(head().tobytes())
    for path in (str(secret), "secret.raw", "LIST", "/etc/passwd"):
        named: dict[str, Any] = {name: path}
        error = refusal(nrrd(head(), **named))
        assert error.code == "volume_format"
        assert "another file" in error.message
        assert "secret" not in error.message


def bomb() -> bytes:
    return nrrd(head(), sizes="2000 2000 600").split(b"\n\n")[0] + b"\n\n"


COLORS = np.zeros((3, 4, 5, 6), np.uint8)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (nrrd(head())[:-5], "truncated"),
        (nrrd(head(), packed=True)[:-30], "truncated"),
        (nrrd(head(), packed=True, sizes="20 24 17"), "truncated"),
        (nrrd(head(), byte_skip=-1, sizes="20 24 17"), "truncated"),
        (nrrd(head(), encoding="gzip"), "damaged"),
        (bomb(), "truncated"),
        (bomb().replace(b"raw", b"gzip") + gzip.compress(bytes(70_000_000)), "too_large"),
        (nrrd(head(), encoding="bzip2") + bz2.compress(b"x"), "volume_format"),
        (nrrd(head(), encoding="ascii"), "volume_format"),
        (nrrd(head(), line_skip=1), "volume_format"),
        (nrrd(head(), byte_skip=-2), "volume_format"),
        (nrrd(head(), space_units='"mm" "furlong" "mm"'), "volume_format"),
        (nrrd(head(), space_units='"\u00b5m" "\u00b5m" "\u00b5m"'), "volume_format"),
        (nrrd(COLORS, kinds="RGB-color domain domain domain", space_directions=None), "not_gray"),
        (nrrd(COLORS, kinds="vector domain domain domain", space_directions=None), "four_dimensional"),
        (nrrd(COLORS, kinds="domain domain domain time", space_directions=None), "four_dimensional"),
        (nrrd(COLORS, kinds=None, space_directions=None), "four_dimensional"),
        (nrrd(head(), type="block"), "not_gray"),
        (nrrd(head(), endian=None), "damaged"),
        (nrrd(head(), sizes="20 24"), "damaged"),
        (nrrd(head(), sizes="20 -24 16"), "damaged"),
        (nrrd(head(), sizes="20 x 16"), "damaged"),
        (nrrd(head(), dimension=None), "damaged"),
        (nrrd(head(), byte_skip="x"), "damaged"),
        (nrrd(head(), space_directions="(1,0) (0,1,0)"), "damaged"),
        (nrrd(head(), Segment0_ID="1"), "derived"),
        (b"NRRD0009\n\n", "damaged"),
        (b"NRRD0004\nno colon\n\n", "damaged"),
        (b"NRRD0004", "damaged"),
        (b"NRRD0004\n" + b"content: " + b"x" * 300_000 + b"\n\n", "damaged"),
    ],
)
def test_unsupported_volumes_are_refused_with_a_reason(data: bytes, code: str) -> None:
    error = refusal(data)
    assert error.code == code
    assert error.message.endswith(".")


def test_words_of_the_study_are_not_read() -> None:
    data = nrrd(head()).replace(b"\n\n", b"\nDICOM_0010_0010:=DOE^JANE\ncontent: DOE^JANE\n\n", 1)
    found: Any = readers.open_file(data)
    assert isinstance(found, readers.volumes.Opened)
    assert not any("DOE" in note for note in found.notes)
    with pytest.raises(UnreadableImage):
        readers.open_file(data, max_pixels=10)


@pytest.mark.parametrize("diagonal", [(1, 1, 1), (-1, -1, 1)])
def test_the_stored_copy_of_voxels_of_one_millimeter_keeps_its_sides(diagonal: tuple[int, ...]) -> None:
    """It has the unit matrix and no origin, as NIfTI files of unknown orientation do."""
    found: Any = readers.open_file(nrrd(head(), np.diag([*diagonal, 1])))
    kept: Any = readers.open_file(clean(found))
    assert kept.orientation_letters == found.orientation_letters == ("R", "L", "A", "P")
    assert kept.image(0).notes == found.image(0).notes
