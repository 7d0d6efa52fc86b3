"""A picture's gray values as people see them: with its color profile and its gamma applied.

Most files name sRGB or nothing, and then there is nothing to do. A profile or a gamma that would change no gray by
more than _VISIBLE levels is left alone, too: cameras and programs attach many that are sRGB in all but name.
"""

import io

import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms

_VISIBLE = 8
_SRGB_GAMMA = 1 / 2.2
_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
PROFILE, GAMMA = "Its color profile was applied.", "Its gamma was applied."


def applied(picture: Pillow.Image) -> tuple[Pillow.Image, tuple[str, ...]]:
    """The picture, in mode L, RGB or with alpha if anything was applied, and a note on it. Never raises."""
    opacity = None
    plain = picture
    if picture.mode in ("P", "PA", "LA", "RGBA") or "transparency" in picture.info:
        if "icc_profile" not in picture.info and "gamma" not in picture.info:
            return picture, ()
        mode = "L" if picture.mode in ("L", "LA") else "RGB"
        whole = picture.convert("RGBA")
        opacity, plain = whole.getchannel("A"), whole.convert("RGB").convert(mode)
    shown, note = _through_profile(plain, picture.info.get("icc_profile"))
    if note is None and not picture.info.get("icc_profile") and "srgb" not in picture.info:
        shown, note = _through_gamma(plain, picture.info.get("gamma"))
    if note is None:
        return picture, ()
    if opacity is not None:
        shown.putalpha(opacity)
    return shown, (note,)


def _through_profile(picture: Pillow.Image, profile: object) -> tuple[Pillow.Image, str | None]:
    if not isinstance(profile, bytes) or picture.mode not in _SPACES:
        return picture, None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != _SPACES[picture.mode]:
            return picture, None  # for another kind of picture: viewers ignore it
        to_srgb = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), picture.mode, "RGB")
        if picture.mode != "CMYK":
            levels = Pillow.fromarray(np.arange(256, dtype=np.uint8)[None])
            seen = np.asarray(to_srgb.apply(levels.convert(picture.mode)), np.int16)
            if np.abs(seen - np.arange(256)[None, :, None]).max() <= _VISIBLE:
                return picture, None
        shown = to_srgb.apply(picture)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture, None
    return shown.convert("L") if picture.mode == "L" else shown, PROFILE


def _through_gamma(picture: Pillow.Image, gamma: object) -> tuple[Pillow.Image, str | None]:
    """PNG's gAMA, as browsers apply it where neither a profile nor sRGB is named (PNG, third edition, 13.13)."""
    if not isinstance(gamma, float) or not 0.01 <= gamma <= 10 or picture.mode not in ("L", "RGB"):
        return picture, None
    levels = np.arange(256) / 255
    table = np.round(255 * levels ** (_SRGB_GAMMA / gamma)).astype(np.uint8)
    if np.abs(table - 255 * levels).max() <= _VISIBLE:
        return picture, None
    return picture.point(table.tolist() * len(picture.getbands())), GAMMA
