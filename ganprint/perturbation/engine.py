"""Perturb a batch: check it, group it by kind, corrupt each group, and reassemble it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from ganprint.devices import one_thread_each
from ganprint.errors import PerturbationError
from ganprint.perturbation import blur, digital, fog, immunise, noise, weather
from ganprint.perturbation.kinds import Perturbation
from ganprint.perturbation.pieces import BY_VALUE, IN_PIECES, Painter, is_large, paint, painted, pieces_of
from ganprint.perturbation.severity import Kernel
from ganprint.perturbation.stream import Stream

Engine = Literal["torch", "imagecorruptions"]

_PAINTED = (weather.snow, weather.frost, fog.fog, weather.spatter)

KERNELS: dict[str, Kernel] = {
    kernel.__name__: kernel
    for kernel in (
        *(noise.gaussian_noise, noise.shot_noise, noise.impulse_noise, noise.speckle_noise),
        *(blur.defocus_blur, blur.glass_blur, blur.motion_blur, blur.zoom_blur, blur.gaussian_blur),
        *map(painted, _PAINTED),
        *(digital.brightness, digital.contrast, digital.saturate),
        *(digital.elastic_transform, digital.pixelate, digital.jpeg_compression),
        *(immunise.random_noise, immunise.random_blur, immunise.random_crop, immunise.random_jpeg),
        *(immunise.relighting, immunise.combination),
    )
}
"""What each kind does, by its name."""

PAINTERS: dict[str, Callable[[Tensor, Sequence[int], Sequence[Stream]], Painter]] = {
    **{painter.__name__: painter for painter in _PAINTED},
    "elastic_transform": digital.elastic_painter,
}
"""Kinds that draw something for the whole image, and how a large one is changed by it, some rows at a time."""

KEEPING_UINT8 = ("pixelate", "jpeg_compression")
"""Kinds whose kernel gives uint8 for uint8 images, rounding by itself; the others' results are truncated."""

LIGHT = KEEPING_UINT8
"""Kinds of so little work that threads would wait for Python's lock most of the time."""

CPU_CHUNK = 2**17
"""Pixels that a thread corrupts at a time on the CPU, so that intermediate results stay in its cache."""


def perturb(
    images: Tensor, perturbations: Sequence[Perturbation], *, engine: Engine = "torch", at: int | None = None
) -> Tensor:
    """Corrupt each image by its own perturbation.

    `images` (B, 3, H, W) are uint8 in 0..255, or floating in 0..1; the result has the same shape, dtype and
    device. An image comes out the same alone or in any batch on one device (8-bit images within 1).
    Floating images are computed in float32, not truncated to 8 bits, and keep gradients except under
    shot_noise, jpeg_compression, random_jpeg, combination and the engine `imagecorruptions`.

    `at` resizes each perturbed image to at x at (bilinear, antialiased), corrupts there and resizes back:
    the published protocol. `engine` is `torch`, or `imagecorruptions`, the reference, one image at a time.

    PerturbationError where shapes, dtype, lengths or names are not valid.
    """
    _check(images, perturbations, engine, at)
    if len(images) == 1 and perturbations[0].kind is not None:
        return _perturb_group(images, perturbations, engine, at)
    result = images.clone()
    groups: dict[str, list[int]] = defaultdict(list)
    for index, perturbation in enumerate(perturbations):
        if perturbation.kind is not None:
            groups[perturbation.kind].append(index)
    chunks = []
    for members in groups.values():
        members.sort(key=lambda index: perturbations[index].severity)
        chunks += _chunks(members, images, at)

    def corrupt(chunk: list[int]) -> Tensor:
        selected = images.index_select(0, torch.tensor(chunk, device=images.device))
        return _perturb_group(selected, [perturbations[index] for index in chunk], engine, at)

    pooled = images.device.type == "cpu" and engine == "torch" and not images.requires_grad
    light = [chunk for chunk in chunks if perturbations[chunk[0]].kind in LIGHT]
    heavy = [chunk for chunk in chunks if perturbations[chunk[0]].kind not in LIGHT]
    done = _map_in_threads(corrupt, heavy) if pooled else map(corrupt, heavy)
    for chunk, group in zip([*heavy, *light], chain(done, map(corrupt, light)), strict=True):
        for index, corrupted in zip(chunk, group, strict=True):
            result[index] = corrupted
    return result


def _map_in_threads(function: Callable[[list[int]], Tensor], chunks: list[list[int]]) -> Iterable[Tensor]:
    """Give each of torch's threads chunks of its own: they wait for each other once, not at every operation."""
    threads = torch.get_num_threads()
    if threads == 1 or len(chunks) < 2:
        return map(function, chunks)
    with one_thread_each() as begin, ThreadPoolExecutor(min(threads, len(chunks)), initializer=begin) as pool:
        return list(pool.map(function, chunks))


def _chunks(members: list[int], images: Tensor, at: int | None) -> list[list[int]]:
    if images.device.type != "cpu":
        return [members]
    pixels = at * at if at else images.shape[-2] * images.shape[-1]
    length = max(1, CPU_CHUNK // pixels)
    return [members[start : start + length] for start in range(0, len(members), length)]


def _perturb_group(images: Tensor, perturbations: Sequence[Perturbation], engine: Engine, at: int | None) -> Tensor:
    """Corrupt images of one kind."""
    size = (images.shape[-2], images.shape[-1])
    if at is not None and size != (at, at):
        small = _resize(images, (at, at))
        return _resize(_perturb_group(small, perturbations, engine, None), size)
    kernel = _corrupt_by_reference if engine == "imagecorruptions" else _corrupt
    if images.dtype == torch.uint8:
        return kernel(images, perturbations)
    return kernel(images.float(), perturbations).to(images.dtype)


def _corrupt(images: Tensor, perturbations: Sequence[Perturbation]) -> Tensor:
    """Corrupt images of one kind, uint8 or float32, on torch."""
    kind = str(perturbations[0].kind)
    severities = [each.severity for each in perturbations]
    streams = [Stream(each.seed, images.device) for each in perturbations]
    if images.dtype != torch.uint8:
        return KERNELS[kind](images * 255, severities, streams).clamp(0, 255) / 255
    if not is_large(images):
        return _corrupt_levels(kind, images, severities, streams)
    if kind in PAINTERS:
        return paint(images, PAINTERS[kind](images, severities, streams))
    if kind == "glass_blur":
        return blur.glass_blur_by_rows(images, severities[0], streams[0])
    if kind not in IN_PIECES:
        return _corrupt_levels(kind, images, severities, streams)
    result = torch.empty_like(images)
    for piece in pieces_of(images, result, kind):
        if kind not in BY_VALUE:  # each piece has the same angle
            streams = [Stream(each.seed, images.device) for each in perturbations]
        piece.put(_corrupt_levels(kind, piece.given, severities, streams))
    return result


def _corrupt_levels(kind: str, images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Corrupt uint8 images whole."""
    if kind in KEEPING_UINT8:
        return KERNELS[kind](images, severities, streams)
    corrupted = KERNELS[kind](images.float(), severities, streams)
    # Truncated by way of int16, which is three times faster than at once.
    return corrupted.clamp_(0, 255).to(torch.int16).to(torch.uint8)


def _corrupt_by_reference(images: Tensor, perturbations: Sequence[Perturbation]) -> Tensor:
    """Corrupt images of one kind, uint8 or float32, by imagecorruptions."""
    from ganprint.perturbation.reference import corrupt_by_reference

    exact = images.dtype == torch.uint8
    levels = images if exact else (images.detach() * 255).round().clamp(0, 255)
    arrays = levels.to("cpu", torch.uint8).permute(0, 2, 3, 1).numpy()
    corrupted = [
        torch.from_numpy(corrupt_by_reference(array, each)).permute(2, 0, 1)
        for array, each in zip(arrays, perturbations, strict=True)
    ]
    result = torch.stack(corrupted).to(images.device)
    return result if exact else result / 255


def _resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    resized = F.interpolate(images.float(), size=size, mode="bilinear", antialias=True)
    if images.dtype == torch.uint8:
        resized = resized.round_().clamp_(0, 255)
    return resized.to(images.dtype)


def _check(images: Tensor, perturbations: Sequence[Perturbation], engine: str, at: int | None) -> None:
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape[2:]:
        raise PerturbationError(
            f"Images of shape {tuple(images.shape)} cannot be perturbed.", "The shape is (B, 3, H, W)."
        )
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise PerturbationError(
            f"Images of {images.dtype} cannot be perturbed.", "Give uint8 in 0..255, or floating in 0..1."
        )
    if len(perturbations) != len(images):
        raise PerturbationError(f"{len(images)} images came with {len(perturbations)} perturbations.")
    if engine not in get_args(Engine):
        raise PerturbationError(
            f"There is no perturbation engine {engine!r}.", f"Engines: {', '.join(get_args(Engine))}."
        )
    if at is not None and at < 1:
        raise PerturbationError(f"Images cannot be resized to {at} x {at}.", "Give a side, such as 224.")
