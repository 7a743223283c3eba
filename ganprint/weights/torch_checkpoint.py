"""Open a PyTorch checkpoint without running anything in it.

`torch.load(weights_only=True)` runs nothing either, but a file of a few hundred kB ends the process or takes any amount
of memory there (tests/repmix/test_hostile_checkpoints.py).
"""

import io
import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ganprint.errors import WeightsError
from ganprint.files import open_file, os_errors_as
from ganprint.weights.pickled import ForbiddenNameError, MalformedPickleError, StoredBytes, StoredTensor, read_pickle

if TYPE_CHECKING:
    from torch import Tensor

MAX_PICKLE_BYTES = 4 << 20
"""A Lightning checkpoint of a ResNet-50 has 150 kB of pickle beside its tensors."""


class Checkpoint:
    """An open checkpoint: `content` as `read_pickle` gives it, and its tensors on request."""

    def __init__(self, path: Path, content: Any, read_bytes: Callable[[StoredBytes], bytes], size: int) -> None:
        self.content = content
        self.path = path
        self._read_bytes = read_bytes
        self._allowance = size

    def tensor(self, stored: StoredTensor) -> "Tensor":
        """Read one tensor, contiguous and in its own memory.

        Raises WeightsError where it reaches beyond its bytes, or all tensors read so far take more
        memory than the file has bytes.
        """
        import torch

        dtype: torch.dtype = getattr(torch, stored.source.dtype)
        count = math.prod(stored.shape)
        reach = sum((size - 1) * step for size, step in zip(stored.shape, stored.stride, strict=True))
        self._allowance -= count * dtype.itemsize
        if self._allowance < 0 or (count and stored.offset + reach >= stored.source.count):
            raise _not_usable(self.path, "a tensor in it reaches beyond its data")
        if not count:
            return torch.empty(stored.shape, dtype=dtype)
        with _reported(self.path):
            content = self._read_bytes(stored.source)
        if len(content) != stored.source.count * dtype.itemsize:
            raise _not_usable(self.path, "the data of a tensor in it has the wrong length")
        flat = torch.frombuffer(bytearray(content), dtype=dtype)
        return flat.as_strided(stored.shape, stored.stride, stored.offset).clone()


@contextmanager
def open_checkpoint(path: Path) -> Iterator[Checkpoint]:
    """Open a file that torch.save wrote, in the zip format that it has had since torch 1.6 (2020).

    The pickle in it is read as data, at most 4 MB and a million operations of it. Raises WeightsError
    where the file is missing, truncated or no checkpoint, or names a function that no checkpoint needs.
    """
    with os_errors_as(WeightsError, f"{path} cannot be read", "Check the path."):
        file = open_file(path)
    with file:
        size = path.stat().st_size
        with _reported(path):
            if not zipfile.is_zipfile(file):
                raise MalformedPickleError("it is not the zip archive that torch.save writes")
            content, read_bytes = _open_zip(file, size)
        yield Checkpoint(path, content, read_bytes, size)


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except ForbiddenNameError as cause:
        raise WeightsError(
            f"{path} names {cause}, which no checkpoint of weights needs: it is refused, and nothing in it was run.",
            "Treat the file as hostile; get the checkpoint from its authors again.",
        ) from None
    except MalformedPickleError as cause:
        raise _not_usable(path, str(cause)) from cause
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as cause:
        raise _not_usable(path, f"its archive is damaged ({cause})") from cause
    except OSError as cause:
        raise WeightsError(f"{path} cannot be read: {cause.strerror}.", "Check the file's disk.") from cause


def _not_usable(path: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"{path} is not a usable PyTorch checkpoint: {reason}.",
        "Give the .ckpt file itself, whole and not unpacked or repacked.",
    )


def _open_zip(file: BinaryIO, size: int) -> tuple[Any, Callable[[StoredBytes], bytes]]:
    archive = zipfile.ZipFile(file)
    entries = {entry.filename: entry for entry in archive.infolist()}
    pickles = [name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise MalformedPickleError("it is a zip archive without the one data.pkl of torch.save")
    folder = pickles[0].removesuffix("data.pkl")

    def read(name: str, limit: int) -> bytes:
        entry = entries.get(folder + name)
        if entry is None:
            raise MalformedPickleError(f"its {name} is missing")
        # torch.save stores without compression, so that no entry can be larger than the file.
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > min(limit, size):
            raise MalformedPickleError(f"its {name} is compressed or too large")
        return archive.read(entry)

    if folder + "byteorder" in entries and read("byteorder", 16) != b"little":
        raise MalformedPickleError("its tensors are not little-endian")
    content = read_pickle(io.BytesIO(read("data.pkl", MAX_PICKLE_BYTES)))
    return content, lambda stored: read(f"data/{stored.key}", size)
