"""An image's gray values as people see them: with its color profile and its gamma applied.

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


def applied(image: Pillow.Image) -> tuple[Pillow.Image, tuple[str, ...]]:
    """The image, in mode L, RGB or with alpha if anything was applied, and a note on it. Never raises."""
    opacity = None
    plain = image
    if image.mode in ("P", "PA", "LA", "RGBA") or "transparency" in image.info:
        if "icc_profile" not in image.info and "gamma" not in image.info:
            return image, ()
        mode = "L" if image.mode in ("L", "LA") else "RGB"
        whole = image.convert("RGBA")
        opacity, plain = whole.getchannel("A"), whole.convert("RGB").convert(mode)
    shown, note = _through_profile(plain, image.info.get("icc_profile"))
    if note is None and not image.info.get("icc_profile") and "srgb" not in image.info:
        shown, note = _through_gamma(plain, image.info.get("gamma"))
    if note is None:
        return image, ()
    if opacity is not None:
        shown.putalpha(opacity)
    return shown, (note,)


def _through_profile(image: Pillow.Image, profile: object) -> tuple[Pillow.Image, str | None]:
    if not isinstance(profile, bytes) or image.mode not in _SPACES:
        return image, None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != _SPACES[image.mode]:
            return image, None  # for another kind of image: viewers ignore it
        to_srgb = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), image.mode, "RGB")
        if image.mode != "CMYK":
            levels = Pillow.fromarray(np.arange(256, dtype=np.uint8)[None])
            seen = np.asarray(to_srgb.apply(levels.convert(image.mode)), np.int16)
            if np.abs(seen - np.arange(256)[None, :, None]).max() <= _VISIBLE:
                return image, None
        shown = to_srgb.apply(image)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image, None
    return shown.convert("L") if image.mode == "L" else shown, PROFILE


def _through_gamma(image: Pillow.Image, gamma: object) -> tuple[Pillow.Image, str | None]:
    """PNG's gAMA, as browsers apply it where neither a profile nor sRGB is named (PNG, third edition, 13.13)."""
    if not isinstance(gamma, float) or not 0.01 <= gamma <= 10 or image.mode not in ("L", "RGB"):
        return image, None
    levels = np.arange(256) / 255
    table = np.round(255 * levels ** (_SRGB_GAMMA / gamma)).astype(np.uint8)
    if np.abs(table - 255 * levels).max() <= _VISIBLE:
        return image, None
    return image.point(table.tolist() * len(image.getbands())), GAMMA
