"""Whether the colours of a file are sRGB, by the effect of its profile or by codes."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image

_LEVELS = (64, 128, 192, 255)
# A gamma of 2.2 in place of sRGB's curve moves the darkest of these levels by two.
_TOLERANCE = 4


@lru_cache(maxsize=16)
def is_srgb(profile: bytes) -> bool:
    """Return whether an ICC profile of RGB or grey leaves colours as sRGB has them, to a few levels; never raises."""
    try:
        from PIL import ImageCms

        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = {"RGB ": "RGB", "GRAY": "L"}[given.profile.xcolor_space]
        colours = np.stack(np.meshgrid(*(_LEVELS,) * 3), -1).reshape(-1, 1, 3).astype(np.uint8)
        if mode == "L":
            colours = np.repeat(np.array(_LEVELS, np.uint8).reshape(-1, 1, 1), 3, axis=2)
        transform = ImageCms.buildTransform(
            given, ImageCms.createProfile("sRGB"), mode, "RGB", renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC
        )
        turned = ImageCms.applyTransform(Image.fromarray(colours).convert(mode), transform)
        return turned is not None and int(np.abs(np.asarray(turned) - colours.astype(int)).max()) <= _TOLERANCE
    except Exception:
        # The profile is whatever its writer put there; little CMS is not in every build of Pillow.
        return False


def coding_of_colours(primaries: int, transfer: int, where: str) -> str:
    """Name colours by their codes (ITU-T H.273), empty where they are sRGB's, or BT.709's, or not stated."""
    if primaries in (0, 1, 2) and transfer in (0, 1, 2, 6, 13):
        return ""
    first = {1: "BT.709", 9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}.get(primaries, f"code {primaries}")
    second = {8: "linear", 13: "sRGB", 16: "PQ", 18: "HLG"}.get(transfer, f"code {transfer}")
    return f"{where}: primaries {first}, transfer {second}"
