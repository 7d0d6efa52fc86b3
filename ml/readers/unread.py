"""Formats that are known and not read, told from a file's first bytes: what is it, and what should be sent instead?

The first rows of each kind are those that come with scans. A format that becomes readable loses its row here.
"""

import re

from ml.contracts import UnreadableImage

WHAT_TO_DO = {
    "image_format": "Not read: this is an image in the format {}. Save it as PNG or JPEG, or export it as DICOM.",
    "volume_format": "Not read: this is a volume stored as {}. Export it as NIfTI (.nii.gz) or DICOM.",
    "archive_format": "Not opened: this is {}. Pack the files as ZIP or tar.gz (a volume with gzip, .nii.gz), or "
    "upload them unpacked.",
    "archive_split": "Not opened: this is {}. Join its parts, or upload the files unpacked.",
    "pdf": "Not an image: this is {}. Export the slices as DICOM, or the images in it as PNG.",
    "document": "Not an image: this is {}. Export the slices as DICOM, or the images in it as PNG.",
    "video": "Not an image: this is a video ({}). Export the slices as DICOM, or single images as PNG.",
    "surface": "Not an image: this is a surface ({}). Upload the scan that it was made from, as DICOM or NIfTI.",
    "program": "Not an image: this is {}. Upload the scan itself, as DICOM or NIfTI, or a slice as PNG or JPEG.",
}
"""The sentence for each code; {} is the format."""
_HINTS = {
    "HEIC": " On an iPhone, Settings > Camera > Formats > Most Compatible makes it take JPEG.",
    "MetaImage": " 3D Slicer and SimpleITK convert it; of a pair (.mhd and .raw) they need both files.",
    "NIfTI or Analyze as a pair of files (.hdr and .img)": " FSL's fslchfiletype NIFTI_GZ joins them.",
}
"""A further sentence for one format."""

FORMATS = (
    (rb"(?:Comment|ObjectType|NDims) *= ", "volume_format", "MetaImage"),
    (rb"# === DATA DESCRIPTION FILE|# CLINICAL TRYOUT", "volume_format", "Philips PAR/REC"),
    (
        rb"\\\x01\0\0.{36}|\0\0\x01\\.{36}|\x1c\x02\0\0ni2\0|\0\0\x02\x1cni2\0",
        "volume_format",
        "NIfTI or Analyze as a pair of files (.hdr and .img)",
    ),
    (rb"CDF[\x01\x02\x05]", "volume_format", "MINC 1"),
    (rb"MATLAB [57]\.\d MAT-file", "volume_format", "a MATLAB .mat file"),
    (rb"(?:.{512}|.{1024}|.{2048})?\x89HDF\r\n\x1a\n", "volume_format", "HDF5, as MINC 2 and MATLAB write it"),
    (rb"##TITLE=.{0,400}(?:ParaVision|Bruker|\$\$ /opt/PV)", "volume_format", "Bruker ParaVision (2dseq)"),
    (rb"\s*type\s*=\s*(?:string|integer|float)-attribute", "volume_format", "AFNI (.HEAD and .BRIK)"),
    (rb"# vtk DataFile|\s*<\?xml.{0,200}<VTKFile|\s*<VTKFile", "volume_format", "VTK"),
    (rb"\s*(?:<\?xml.{0,200})?<PRIDE_V5>", "volume_format", "Philips XML/REC"),
    (rb"\x93NUMPY", "volume_format", "a NumPy array"),
    (rb"IMGF\0\0", "volume_format", "GE Signa (Genesis)"),
    (rb"MATRIX7", "volume_format", "ECAT 7"),
    (rb"\s*!INTERFILE", "volume_format", "Interfile"),
    (rb".{4}ftyp(?:avi[fs]|.{8,64}?avif)", "image_format", "AVIF"),
    (rb".{4}ftyp(?:he[iv][cmsx]|mif1|msf1|miaf)", "image_format", "HEIC"),
    (rb"\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51", "image_format", "JPEG 2000"),
    (rb"\0\0\0\x0cJXL \r\n|\xff\x0a", "image_format", "JPEG XL"),
    (rb"II\xbc", "image_format", "JPEG XR"),
    (rb".{4}ftypcrx|FUJIFILMCCD-RAW", "image_format", "of a camera (raw)"),
    (rb"8BPS\0", "image_format", "Photoshop"),
    (rb"gimp xcf", "image_format", "GIMP"),
    (rb"P[1-6]\s+(?:#[^\n]*\n\s*)*+\d+\s+\d+\s|P7\nWIDTH", "image_format", "PNM (PGM, PPM)"),
    (rb"SIMPLE  =", "image_format", "FITS"),
    (rb"v/1\x01", "image_format", "OpenEXR"),
    (rb"#\?RADIANCE|#\?RGBE", "image_format", "Radiance HDR"),
    (rb"\0\0[\x01\x02]\0[\x01-\x20]\0.{3}\0", "image_format", "of icons (ICO)"),
    (rb"\x0a[\0\x02-\x05]\x01[\x01\x02\x04\x08]", "image_format", "PCX"),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "image_format", "WMF or EMF"),
    (rb"AT&TFORM", "image_format", "DjVu"),
    (rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]", "image_format", "SGI"),
    (rb"qoif|BPG\xfb|DDS \|\0\0\0|icns\0", "image_format", "of graphics programs (QOI, BPG, DDS, ICNS)"),
    (rb"7z\xbc\xaf\x27\x1c", "archive_format", "a 7z archive"),
    (rb"Rar!\x1a\x07", "archive_format", "a RAR archive"),
    (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "archive_format", "a file packed with bzip2 (.bz2)"),
    (rb"\xfd7zXZ\0", "archive_format", "a file packed with xz (.xz)"),
    (rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", "archive_format", "a file packed with Zstandard (.zst)"),
    (rb"\x04\x22\x4d\x18", "archive_format", "a file packed with LZ4 (.lz4)"),
    (rb"LZIP[\0\x01]|\x5d\0\0.{2}(?:\xff{8}|.{3}\0{5})", "archive_format", "a file packed with LZMA (.lz, .lzma)"),
    (rb"\x1f[\x9d\xa0]", "archive_format", "a file packed with compress (.Z)"),
    (rb"MSCF\0\0\0\0", "archive_format", "a Cabinet archive (.cab)"),
    (rb"..-l[hz][0-9a-z]-", "archive_format", "an LHA archive"),
    (rb"\x60\xea.{2}[\x1e-\x3c]", "archive_format", "an ARJ archive"),
    (rb".{7}\*\*ACE\*\*", "archive_format", "an ACE archive"),
    (rb"SIT!|StuffIt ", "archive_format", "a StuffIt archive"),
    (rb"07070[127][0-9a-fA-F]{6}|\xc7\x71.{24}|\x71\xc7.{24}", "archive_format", "a cpio archive"),
    (rb"!<arch>\n|xar!\0\x1c", "archive_format", "an installer package"),
    (rb".{32769}(?:CD001|BEA01)", "archive_format", "the image of a CD or DVD (.iso)"),
    (rb"PK\x07\x08", "archive_split", "one part of a ZIP archive that was split"),
    (rb"%PDF", "pdf", "a PDF document"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "document", "a Word, Excel or PowerPoint document of the old kind"),
    (rb"\{\\rtf", "document", "an RTF document"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "document", "a PostScript document"),
    (rb"SQLite format 3\0", "document", "a database"),
    (rb"Salted__|-----BEGIN PGP MESSAGE", "document", "an encrypted file"),
    (rb".{4}ftypqt  |.{4}(?:moov|mdat|wide|pnot)", "video", "QuickTime"),
    (rb".{4}ftyp", "video", "MP4"),
    (rb"RIFF.{4}AVI ", "video", "AVI"),
    (rb"\x1a\x45\xdf\xa3", "video", "Matroska or WebM"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video", "Windows Media"),
    (rb"FLV\x01|OggS\0", "video", "Flash or Ogg"),
    (rb"\0\0\x01[\xba\xb3]|\x47.{187}\x47.{187}\x47", "video", "MPEG"),
    (rb"\s*solid\b[^\0]{0,1000}?\bfacet\s+normal\b", "surface", "STL"),
    (rb"ply\r?\n", "surface", "PLY"),
    (rb"glTF[\x01\x02]\0\0\0", "surface", "glTF"),
    (rb"(?>(?>#[^\n]*|mtllib[^\n]*|[og] [^\n]*)?\r?\n)*+v(?: +-?[\d.e+-]+){3}", "surface", "OBJ"),
    (rb"\xff\xff[\xfe\xff]created by", "surface", "FreeSurfer"),
    (rb"\s*(?:<\?xml.{0,200})?(?:<!DOCTYPE GIFTI.{0,200})?<GIFTI", "surface", "GIFTI"),
    (rb"MZ", "program", "a program"),
    (rb"\x7fELF|\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe", "program", "a program"),
    (rb"L\0\0\0\x01\x14\x02\0|\[InternetShortcut\]", "program", "a shortcut to a file, not the file"),
    (
        rb"version https://git-lfs|(?:\.\./)*+(?:\.git)?/annex/objects/",
        "program",
        "the placeholder of a file that was not fetched",
    ),
    (rb"\0\x05\x16[\x07\0]|\0\0\0\x01Bud1", "program", "a file that macOS keeps beside others"),
)
"""First bytes, code and name. The order counts: the first row that fits names the format."""

_PATTERNS = tuple((re.compile(begins, re.DOTALL), code, name) for begins, code, name in FORMATS)
_STL_HEADER, _STL_FACET = 84, 50
"""Bytes of a binary STL file's header, which ends with the number of facets, and of each facet."""


def unread_format(head: bytes, *, size: int) -> UnreadableImage | None:
    """Why a file is not read, if it has a known format that is not. head: its first 65,536 bytes. size: of the file."""
    for begins, code, name in _PATTERNS:
        if begins.match(head):
            return refusal(code, name)
    facets = int.from_bytes(head[80:84], "little")
    if facets and size == _STL_HEADER + _STL_FACET * facets:
        return refusal("surface", "STL")
    return None


def refusal(code: str, name: str) -> UnreadableImage:
    """name: of the format, with an article where the sentence needs one. code: of its kind."""
    return UnreadableImage(code, WHAT_TO_DO[code].format(name) + _HINTS.get(name, ""))
