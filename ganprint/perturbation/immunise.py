"""The five perturbations that Yu et al. immunise against, and their combination (ICCV 2019, section 4.4).

Their strengths are drawn from one range; severity 1 to 5 is a fifth of it each, so that a drawn severity gives
the whole range, all alike. Images are float32 (n, 3, H, W) in 0..255, results may leave that range.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ganprint.perturbation.digital import through_jpeg
from ganprint.perturbation.filters import smooth
from ganprint.perturbation.severity import by_severity
from ganprint.perturbation.stream import Stream, normal_fields

NOISE = (5.0, 20.0)
"""Standard deviation of Gaussian noise, grey levels."""
BLUR = (1, 3, 5, 7, 9)
"""Side of the Gaussian's kernel, pixels, by severity."""
CROP = (0.05, 0.20)
"""Share of each side that is cut off before the image is enlarged to its size again."""
JPEG = (75.0, 10.0)
"""libjpeg's quality."""
RELIGHT = (0.1, 0.6)
"""Largest change of brightness, as a share."""
RELIEF_SIGMA = 0.03
"""Smoothing of the luma that serves as relief, as a share of the image's side."""
CHANCE = 0.5
"""That each of the five is part of a combination."""


def random_noise(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Add Gaussian noise of deviation 5 to 20."""
    strengths = images.new_tensor(_strengths(NOISE, severities, streams)).view(-1, 1, 1, 1)
    return images + strengths * normal_fields(streams, *images.shape[1:])


@by_severity
def random_blur(images: Tensor, severity: int) -> Tensor:
    """Blur by a Gaussian whose kernel is 1, 3, 5, 7 or 9 pixels wide, its deviation OpenCV's for that width."""
    width = BLUR[severity - 1]
    if width == 1:
        return images
    sigma = 0.3 * ((width - 1) / 2 - 1) + 0.8
    return smooth(images, (sigma, sigma), "reflect", truncate=(width // 2) / sigma)


def random_crop(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Cut 5 to 20 % off each side's length, somewhere, and enlarge what is left to the old size."""
    height, width = images.shape[-2:]
    parts = []
    for number, share in enumerate(_strengths(CROP, severities, streams)):
        rows, columns = max(1, round(height * (1 - share))), max(1, round(width * (1 - share)))
        top = streams[number].below(height - rows + 1)
        left = streams[number].below(width - columns + 1)
        part = images[number : number + 1, :, top : top + rows, left : left + columns]
        parts.append(F.interpolate(part, (height, width), mode="bilinear"))
    return torch.cat(parts)


def random_jpeg(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Compress by JPEG of quality 75 down to 10. Carries no gradient."""
    return through_jpeg(images, [round(each) for each in _strengths(JPEG, severities, streams)])


def relighting(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Light the image again from a random side.

    The paper relights faces by the normals that a network (SfSNet) estimates. No such network is needed here:
    normals are those of the smoothed luma taken as a relief, and a gradient of light lies over the whole.
    """
    height, width = images.shape[-2:]
    down = torch.linspace(-1, 1, height, device=images.device)[:, None]
    across = torch.linspace(-1, 1, width, device=images.device)
    parts = []
    for number, strength in enumerate(_strengths(RELIGHT, severities, streams)):
        angle = images.new_tensor(streams[number].uniform(0, 2 * torch.pi))
        share = streams[number].uniform(0, 1)
        sigma = (max(0.5, RELIEF_SIGMA * height), max(0.5, RELIEF_SIGMA * width))
        relief = smooth(images[number].mean(0)[None, None], sigma, "reflect")[0, 0]
        slopes = torch.gradient(relief) if min(height, width) > 1 else (relief * 0, relief * 0)
        tilt = angle.sin() * slopes[0] + angle.cos() * slopes[1]
        facing = tilt / tilt.abs().amax().clamp(min=1e-6)
        plane = (angle.sin() * down + angle.cos() * across) / 2**0.5
        parts.append(images[number] * (1 + strength * (share * facing + (1 - share) * plane)))
    return torch.stack(parts)


def combination(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Relight, crop, blur, compress and add noise, in this order, each with a chance of one half."""
    result = images.clone()
    for number, (severity, stream) in enumerate(zip(severities, streams, strict=True)):
        for step in (relighting, random_crop, random_blur, random_jpeg, random_noise):
            if stream.uniform(0, 1) < CHANCE:
                result[number] = step(result[number : number + 1].clamp(0, 255), [severity], [stream])[0]
    return result


def _strengths(ends: tuple[float, float], severities: Sequence[int], streams: Sequence[Stream]) -> list[float]:
    """Return a strength for each image, uniform in its severity's fifth of the range from weak to strong."""
    weak, strong = ends
    return [
        weak + (strong - weak) * (severity - 1 + stream.uniform(0, 1)) / 5
        for severity, stream in zip(severities, streams, strict=True)
    ]
