"""The right answer of each file of `cases`: files as scanners and people really make them, each for a kind.

They show one public slice, or the 14 slices of a FLAIR and of a T1 post-contrast series of the same patient, so most
answers are the same numbers: those that the shipped model gives for the bare pixels (`reference` in conftest.py).
"""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan and its result.

    like: which of the public images it shows, `slice`, `flair` or `t1c`; its numbers are then those of that image. ""
    if only the outcome counts ("": any). within: how far the probability may be off. name, note: parts of the scan's
    name and of its notes, letters: at its edges, None for any; these three exist on the site only.
    """

    like: str = ""
    within: float = 0.01
    outcome: str = "tumor"
    frames: int = 1
    name: str = ""
    note: str = ""
    letters: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A file: the scans that it gives, or why it is refused.

    code: of the refusal, by intake or by the model; "" if any will do. words: parts of its sentence, in any case.
    """

    file: str
    scans: tuple[Scan, ...] = ()
    code: str = ""
    words: tuple[str, ...] = field(default=())


SLICE = Scan("slice")
PADDED = replace(SLICE, within=0.03)  # its background is as bright as the darkest pixel of the head
FLAIR = Scan("flair", frames=14)
T1C = Scan("t1c", frames=14)
BOTH = (FLAIR, T1C)


def plane(name: str) -> Scan:
    return Scan(outcome="", frames=4, name=name)


CASES = (
    # Silent wrong answers
    Case("same_sop.zip", (FLAIR,)),
    Case("two_acquisitions.zip", BOTH),
    Case("flip_angle.zip", BOTH),
    Case("ge_bvalue.zip", BOTH),
    Case("enh_phase_first.dcm", (FLAIR,)),
    Case("enh_three_planes.dcm", (plane("axial"), plane("sagittal"), plane("coronal"))),
    Case("enh_frame_order.dcm", (FLAIR,)),
    Case("miniswhite16.tif", (SLICE,)),
    Case("bodypart_cardiac.dcm", code="not_brain"),
    Case("bodypart_sacroiliac.dcm", code="not_brain"),
    Case("bodypart_femoral_head.dcm", code="not_brain"),
    Case("heatmap_overlay.png", code="not_mri_color"),
    Case("negative.png", words=("negative",)),
    Case("no_sform_no_qform.nii.gz", (replace(FLAIR, note="how the head lies", letters=""),)),
    # Crash
    Case("empty.zip", code="archive_empty", words=("no image",)),
    Case("only_folder.zip", code="archive_empty", words=("no image",)),
    Case("only_macosx.zip", code="archive_empty", words=("no image", "__MACOSX")),
    Case("only_dicomdir.zip", code="archive_empty", words=("no image", "DICOMDIR")),
    Case("only_folder.tar", code="archive_empty", words=("no image",)),
    # Sound files
    Case("imagetype_compressed.dcm", (SLICE,)),
    Case("imagetype_compressed_jpeg.dcm", (Scan(),)),
    Case("bodypart_kopf.dcm", (SLICE,)),
    Case("bodypart_cerebro.dcm", (SLICE,)),
    Case("bodypart_tete.dcm", (SLICE,)),
    Case("bodypart_japanese.dcm", (SLICE,)),
    Case("bodypart_snomed_code.dcm", (SLICE,)),
    Case("jls_zero_before_eoi.dcm", (SLICE,)),
    Case("padding_us_in_signed.dcm", (PADDED,)),
    Case("padding_2000_us_in_signed.dcm", (PADDED,)),
    Case("no_meta_implicit.dcm", (SLICE,)),
    Case("no_meta_explicit.dcm", (SLICE,)),
    Case("no_preamble_no_group_length.dcm", (SLICE,)),
    Case("sform_zero.nii.gz", (FLAIR,)),
    Case("sform_nan.nii.gz", (FLAIR,)),
    Case("two_dimensional.nii.gz", (SLICE,)),
    Case("scl_inter_nan.nii.gz", (FLAIR,)),
    Case("hot_voxel.nii.gz", (FLAIR,)),
    Case("background_min32768.nii.gz", (FLAIR,)),
    Case("bigtiff.tif", (Scan(),)),
    Case("float64.tif", (Scan(),)),
    Case("float32_nan.tif", (Scan(),)),
    Case("jpeg_no_eoi.jpg", (Scan(),)),
    Case("window_1_0.dcm", (Scan(),)),
    Case("number_of_frames_0.dcm", (SLICE,)),
    # Refused, and the sentence says what it is
    Case("iphone.heic", words=("HEIC", "PNG")),
    Case("picture.avif", words=("AVIF", "PNG")),
    Case("picture.jp2", words=("JPEG 2000", "PNG")),
    Case("picture.jxl", words=("JPEG XL", "PNG")),
    Case("study.7z", words=("7z", "ZIP")),
    Case("study.rar", words=("RAR", "ZIP")),
    Case("series.tar.bz2", words=("bzip2", "ZIP")),
    Case("series.tar.xz", words=("xz", "ZIP")),
    Case("volume.nii.bz2", words=("bzip2", "gzip")),
    Case("deflate64.zip", words=("method 9", "Deflate64")),
    Case("jpeg_12bit.jpg", words=("12",)),
    Case("jpeg_lossless.jpg", words=("lossless",)),
    Case("no_bits_stored.dcm", words=("(0028,0101)",)),
    Case("no_samples_per_pixel.dcm", words=("(0028,0002)",)),
    Case("bits_allocated_12.dcm", words=("(0028,0100)",)),
    Case("high_bit_15.dcm", words=("(0028,0102)",)),
    Case("siemens_mosaic.dcm", words=("mosaic",)),
    Case("irregular_spacing.zip", (replace(FLAIR, note="spacing varies"),)),
)
