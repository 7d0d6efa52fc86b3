"""NIfTI volumes: however they are stored, the same slices the same way round, and a reason for what is not read."""

import gzip
import itertools
import struct
from collections.abc import Iterable
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from ml.contracts import UnreadableImage
from ml.readers import sniff, volumes
from ml.readers.volumes import inflating, nifti

LIMIT = 25_000_000


def head() -> np.ndarray:
    """World axes right, front, head: marks at the right (1), in front (2) and above (4)."""
    volume = np.zeros((20, 24, 16), np.float32)
    volume[15:18] += 1
    volume[:, 20:22] += 2
    volume[:, :, 12:14] += 4
    return volume


def image_of(volume: np.ndarray, affine: np.ndarray | None, *, kind: Any = nib.Nifti1Image) -> Any:
    """nibabel's image; its classes have no types."""
    return kind(volume, affine)


def stored(volume: np.ndarray, *, kind: Any = nib.Nifti1Image, zooms: Iterable[float] = (1, 1, 1)) -> bytes:
    return bytes(kind(volume, np.diag([*zooms, 1.0])).to_bytes())


def claiming(*dim: int) -> bytes:
    """A NIfTI-1 file whose header claims other axes than it has."""
    data = bytearray(stored(head()))
    struct.pack_into("<8h", data, 40, *dim)
    return bytes(data)


def with_fields(volume: np.ndarray | None = None, *, kind: Any = nib.Nifti1Image, **fields: Any) -> bytes:
    """A file some of whose header fields are set to what no writer would let through."""
    data = stored(head() if volume is None else volume, kind=kind, zooms=(2, 2, 2))
    header = kind.header_class(data[: kind.header_class.sizeof_hdr], check=False)
    for name, value in fields.items():
        header[name] = value
    return bytes(header.binaryblock) + data[len(header.binaryblock) :]


def slices(data: bytes) -> np.ndarray:
    found = nifti.open_file(data, max_pixels=LIMIT)
    return np.stack([found.image(index).pixels for index in range(found.frames)])


def refusal(data: bytes, *, max_pixels: int = LIMIT) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        found = nifti.open_file(data, max_pixels=max_pixels)
        for index in range(found.frames):
            found.image(index)
    return caught.value


def test_slices_are_in_radiological_orientation() -> None:
    found = nifti.open_file(stored(head(), zooms=(2, 2, 2)), max_pixels=LIMIT)
    assert (found.format, found.frames, found.axis) == ("NIfTI-1", 16, 2)
    assert found.orientation_letters == ("R", "L", "A", "P")
    lowest, above = found.image(0).pixels, found.image(12).pixels
    assert lowest.shape == (24, 20)
    assert lowest[2:4].min() >= 2  # the front is above
    assert set(np.flatnonzero(lowest[10])) == {2, 3, 4}  # the patient's right is at the left edge
    assert above.min() >= 4


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_any_order_and_direction_of_storage_gives_the_same_slices(kind: Any, order: tuple[int, ...]) -> None:
    expected = slices(stored(head()))
    for flips in itertools.product((1, -1), repeat=3):
        turned = image_of(head(), np.eye(4)).as_reoriented(np.array(list(zip(order, flips, strict=True))))
        data = kind(np.asarray(turned.dataobj), turned.affine).to_bytes()
        assert sniff(data) == sniff(gzip.compress(data)).removesuffix(".gz") == "NIfTI"
        np.testing.assert_array_equal(slices(data), expected)


@pytest.mark.parametrize(
    ("zooms", "axis", "letters", "shape"),
    [
        ((1, 1, 5), 2, ("R", "L", "A", "P"), (24, 20)),
        ((1, 5, 1), 1, ("R", "L", "H", "F"), (16, 20)),
        ((5, 1, 1), 0, ("A", "P", "H", "F"), (16, 24)),
        ((1, 1, 1.1), 2, ("R", "L", "A", "P"), (24, 20)),
    ],
)
def test_slices_are_cut_across_the_longest_voxel_side(
    zooms: tuple[float, ...], axis: int, letters: tuple[str, ...], shape: tuple[int, int]
) -> None:
    found = nifti.open_file(stored(head(), zooms=zooms), max_pixels=LIMIT)
    assert (found.axis, found.orientation_letters, found.image(0).pixels.shape) == (axis, letters, shape)
    assert found.thickness == pytest.approx(zooms[axis], rel=1e-6)


def test_values_are_scaled_as_the_header_says() -> None:
    image = image_of(np.arange(27, dtype=np.int16).reshape(3, 3, 3), np.eye(4))
    image.header.set_slope_inter(2.0, -5.0)
    data = image.to_bytes()
    assert slices(data).max() == pytest.approx(26 * 2 - 5)


@pytest.mark.parametrize("kind", ["i4", "u4", "f8"])
def test_gray_levels_survive_a_large_offset(kind: str) -> None:
    """As in a TIFF: float32 holds whole numbers up to 2 ** 24."""
    levels = head() + np.arange(20, dtype=np.float32)[:, None, None] * 8
    moved = (levels.astype(np.float64) + 2**30).astype(kind)
    found, expected = slices(stored(moved)), slices(stored(levels))
    np.testing.assert_array_equal(found, expected - expected.min(axis=(1, 2), keepdims=True))


def test_nan_voxels_are_background() -> None:
    volume = head()
    volume[0, 0, 0] = np.nan
    image = nifti.open_file(stored(volume), max_pixels=LIMIT).image(0)
    assert np.isfinite(image.pixels).all()
    assert "background" in image.notes[-1]
    assert refusal(stored(np.full((4, 4, 4), np.nan, np.float32))).code == "not_finite"
    assert refusal(stored(np.full((4, 4, 4), 1e35, np.float32))).code == "not_finite"


def test_a_volume_over_time_is_refused_unless_it_has_one_point() -> None:
    error = refusal(stored(np.zeros((4, 4, 4, 120), np.int16)))
    assert error.code == "four_dimensional"
    assert "120 volumes (dim[4]" in error.message
    assert slices(stored(head()[..., None])).shape == (16, 24, 20)
    np.testing.assert_array_equal(slices(claiming(4, 20, 24, 16, 0, 0, 0, 0)), slices(stored(head())))


def test_missing_orientation_and_voxel_size_are_noted() -> None:
    image = image_of(head(), None)
    image.header["pixdim"][1:4] = 0
    found = nifti.open_file(image.to_bytes(), max_pixels=LIMIT)
    assert found.frames > 0
    assert len(found.notes) >= 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (stored(head())[:400], "truncated"),
        (stored(head())[:-1], "truncated"),
        (stored(np.zeros((4, 4, 4), np.complex64)), "not_gray"),
        (stored(np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])), "not_gray"),
        (claiming(3, -4, 4, 4, 1, 1, 1, 1), "damaged"),
        (claiming(1, 20, 24, 1, 1, 1, 1, 1), "damaged"),
        (claiming(0, 20, 24, 1, 1, 1, 1, 1), "damaged"),
        (claiming(8, 20, 24, 1, 1, 1, 1, 1), "damaged"),
        (claiming(3, 20, 24, 0, 1, 1, 1, 1), "damaged"),
        (with_fields(datatype=1), "not_gray"),
        (with_fields(datatype=77), "damaged"),
        (with_fields(vox_offset=100), "damaged"),
        (with_fields(vox_offset=np.nan), "damaged"),
        (with_fields(vox_offset=1e18), "truncated"),
        (stored(np.zeros((2, 2, 2001), np.uint8)), "too_many_frames"),
        (claiming(3, 30000, 30000, 30000, 1, 1, 1, 1), "truncated"),
    ],
)
def test_files_that_are_not_read_are_refused_with_a_reason(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_large_slices_are_refused() -> None:
    assert refusal(stored(head()), max_pixels=100).code == "too_many_pixels"


def test_gzip_is_unpacked_up_to_a_limit() -> None:
    data = stored(head())
    packed = gzip.compress(data)
    assert volumes.inflate(packed) == data
    for broken, code in ((packed[:-30], "truncated"), (packed[:20] + b"\xff" * 200, "damaged")):
        with pytest.raises(UnreadableImage) as caught:
            volumes.inflate(broken)
        assert caught.value.code == code
    with pytest.raises(UnreadableImage) as caught:
        volumes.inflate(gzip.compress(b"\0" * 1_000_000), limit=1000)
    assert caught.value.code == "too_large"


def test_gzip_does_not_grow_a_hundredfold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflating, "_UNSUSPICIOUS", 100_000)
    assert len(volumes.inflate(gzip.compress(bytes(100_000)))) == 100_000
    with pytest.raises(UnreadableImage) as caught:
        volumes.inflate(gzip.compress(bytes(1_000_000)))
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    "kind", ["<u1", "<i1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8", ">u2", ">i4", ">u8", ">f4", ">f8"]
)
@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
def test_every_type_and_byte_order_gives_the_same_slices(kind: str, image_class: Any) -> None:
    dtype = np.dtype(kind)
    header = image_class.header_class(endianness=dtype.byteorder if dtype.byteorder in "<>" else "<")
    header.set_data_dtype(dtype)
    volume = image_class(head().astype(dtype), np.eye(4), header)
    data = volume.to_bytes()
    assert sniff(data) == "NIfTI"
    np.testing.assert_array_equal(slices(data), slices(stored(head())))


@pytest.mark.parametrize(
    "fields", [{"scl_inter": np.nan}, {"scl_slope": np.inf, "scl_inter": 3}, {"scl_slope": np.nan}]
)
def test_scaling_that_is_no_number_is_left_out_and_noted(fields: dict[str, Any]) -> None:
    scaling: dict[str, Any] = {"scl_slope": 2.0, "scl_inter": 0.0}
    data = with_fields(**(scaling | fields))
    np.testing.assert_array_equal(slices(data), slices(stored(head())))
    assert "scl_slope" in nifti.open_file(data, max_pixels=LIMIT).notes[0]


def test_a_slope_of_zero_means_no_scaling() -> None:
    data = with_fields(scl_slope=0.0, scl_inter=7.0)
    np.testing.assert_array_equal(slices(data), slices(stored(head())))
    assert nifti.open_file(data, max_pixels=LIMIT).notes == ()


@pytest.mark.parametrize(
    ("code", "what"), [(1002, "label map"), (5, "statistical map"), (1007, "vectors"), (3006, "CIFTI")]
)
def test_what_is_no_image_by_its_intent_is_named(code: int, what: str) -> None:
    error = refusal(with_fields(intent_code=code))
    assert error.code == "derived"
    assert what in error.message
    assert f"intent_code {code}" in error.message


def test_colors_are_named() -> None:
    colors = np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert "colors (RGB) (datatype 128)" in refusal(stored(colors)).message


def test_a_file_that_is_cut_off_is_refused_with_the_figures() -> None:
    data = stored(head())
    message = refusal(data[:-1000]).message
    assert f"{head().nbytes:,} bytes" in message
    assert f"{head().nbytes - 1000:,} are there" in message


def test_bytes_after_the_voxels_and_an_unset_offset_change_nothing() -> None:
    expected = slices(stored(head()))
    np.testing.assert_array_equal(slices(stored(head()) + b"trailing" * 99), expected)
    np.testing.assert_array_equal(slices(with_fields(vox_offset=0)), expected)


@pytest.mark.parametrize(("at", "magic"), [(344, b"n+1 "), (344, b"n+1\n")])
def test_a_magic_string_that_ends_oddly_is_read(at: int, magic: bytes) -> None:
    data = bytearray(stored(head()))
    data[at : at + 4] = magic
    assert sniff(bytes(data)) == "NIfTI"
    np.testing.assert_array_equal(slices(bytes(data)), slices(stored(head())))


def test_a_transfer_in_text_mode_is_told_by_the_magic_string() -> None:
    data = stored(head(), kind=nib.Nifti2Image).replace(b"\r\n", b"\n", 1)
    assert sniff(data) == "NIfTI"
    error = refusal(data)
    assert error.code == "damaged"
    assert "text mode" in error.message


def test_two_dimensions_are_one_slice() -> None:
    """Whatever axis the voxel sizes would cut across."""
    plane = head()[:, :, 12]
    image = image_of(plane, np.diag([-1.0, -1.0, 5.0, 1.0]))
    found = nifti.open_file(bytes(image.to_bytes()), max_pixels=LIMIT)
    assert (found.frames, found.orientation_letters) == (1, ("R", "L", "A", "P"))
    np.testing.assert_array_equal(found.image(0).pixels, plane.T)
    sagittal = np.array([[0, 0, 1.0, 0], [-1.0, 0, 0, 0], [0, -1.0, 0, 0], [0, 0, 0, 1]])
    thin = image_of(head()[:, :, 12:13], sagittal)
    found = nifti.open_file(bytes(thin.to_bytes()), max_pixels=LIMIT)
    assert (found.frames, found.axis, found.orientation_letters) == (1, 0, ("A", "P", "H", "F"))
    np.testing.assert_array_equal(found.image(0).pixels, plane.T)


def test_a_slab_of_cubes_is_cut_across_its_few_slices() -> None:
    found = nifti.open_file(stored(np.zeros((40, 9, 44), np.float32)), max_pixels=LIMIT)
    assert (found.frames, found.axis) == (9, 1)


def test_a_slice_without_a_number_is_background() -> None:
    volume = head()
    volume[:, :, :4] = np.nan
    volume[3, 3, 8] = 1e35
    found = nifti.open_file(stored(volume), max_pixels=LIMIT)
    assert found.image(0).pixels.max() == 0
    assert found.image(8).pixels.max() < 10
    assert "background" in found.image(8).notes[-1]


def test_sixty_four_bit_values_that_no_float_holds_are_background() -> None:
    volume = head().astype(np.float64)
    volume[3, 3, 8] = 1e200
    assert nifti.open_file(stored(volume), max_pixels=LIMIT).image(8).pixels.max() < 10


def test_gzip_members_follow_one_another() -> None:
    data = stored(head())
    halves = gzip.compress(data[:5000]) + gzip.compress(data[5000:])
    assert volumes.inflate(halves) == data
    assert volumes.inflate(gzip.compress(data) + b"trailing garbage") == data
    assert volumes.inflate(gzip.compress(data) + bytes(512)) == data
    with pytest.raises(UnreadableImage, match="cut off") as caught:
        volumes.inflate(halves[:-9])
    assert caught.value.code == "truncated"
    with pytest.raises(UnreadableImage) as caught:
        volumes.inflate(gzip.compress(bytes(400_000)) * 3, limit=1_000_000)
    assert caught.value.code == "too_large"
