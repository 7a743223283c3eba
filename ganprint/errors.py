"""Every error a user can cause: a sentence, a hint, a stable code and an exit status."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, get_args


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the sentence `Did you mean fog? ` with the known name nearest to `name`, "" if none is near."""
    near = difflib.get_close_matches(name.casefold(), list(known), n=1)
    return f"Did you mean {near[0]}? " if near else ""


class GanprintWarning(UserWarning):
    """What a user should know, in a sentence, though the work goes on without it."""


class GanprintError(Exception):
    """An error that a user can cause and can do something about.

    `message` is one sentence that names the file, option or name at fault. `hint` says what to do.
    `code` is stable and appears in machine output; `exit_status` is the process's.
    """

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type["GanprintError"], tuple[str, str]]:
        """Keep the hint when a loader's worker process sends the error to its parent."""
        return type(self), (self.message, self.hint)


class UsageError(GanprintError):
    """The command line asks for something that cannot be asked."""

    code = "usage"
    exit_status = 2


class ConfigError(UsageError):
    """A configuration key or value is not one the method knows."""

    code = "config"


def check_choice(name: str, value: object, choices: Any) -> None:
    """Raise UsageError for a value of an argument that is none of those of its Literal type."""
    if value not in get_args(choices):
        raise UsageError(f"{name} cannot be {value!r}.", f"It is one of: {', '.join(get_args(choices))}.")


def check_count(name: str, value: int | None, *, least: int) -> None:
    """Raise UsageError for an argument that counts something and is less than `least`; None is no count."""
    if value is not None and value < least:
        raise UsageError(f"{name} cannot be {value}.", f"Give at least {least}.")


class ImageError(GanprintError):
    """An image file cannot be read. Each subclass is one cause with its own code."""

    code = "unreadable_image"


class ImageNotFoundError(ImageError):
    """There is no such file."""

    code = "not_found"


class ImageUnreadableError(ImageError):
    """The operating system refuses to open or read the file."""

    code = "unreadable"


class EmptyFileError(ImageError):
    """The file has no bytes."""

    code = "empty"


class NotAnImageError(ImageError):
    """The bytes are of no image format that is read."""

    code = "not_an_image"


class UnsupportedImageError(ImageError):
    """The bytes are an image of a format that this installation does not read."""

    code = "unsupported_format"


class TruncatedImageError(ImageError):
    """The file starts as an image and its pixel data ends early or is damaged."""

    code = "damaged_image"


class DecompressionBombError(ImageError):
    """The header announces more pixels than the limit."""

    code = "too_many_pixels"


class ImageTooSmallError(ImageError):
    """The image has a side below the smallest that can carry a trace."""

    code = "too_small"


class NoImagesError(ImageError):
    """A folder, pattern or list names no image."""

    code = "no_images"


class ManifestError(GanprintError):
    """A manifest or folder tree cannot be used as data."""

    code = "manifest"
    exit_status = 2


class PluginError(GanprintError):
    """A method is unknown, or its plug-in failed to load."""

    code = "plugin"
    exit_status = 2


class MissingExtraError(UsageError):
    """A feature needs packages that the base installation leaves out."""

    code = "missing_extra"


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Raise MissingExtraError with the line that installs an extra where a package imported here is missing."""
    try:
        yield
    except ModuleNotFoundError as cause:
        fault = f"This needs the package {cause.name}, which is not installed."
        raise MissingExtraError(fault, f"pip install 'ganprint[{extra}]'") from cause


class PerturbationError(UsageError):
    """A corruption, severity, policy or engine is not one that exists, or the image does not suit it."""

    code = "perturbation"


class OutputError(GanprintError):
    """What was asked for cannot be written: no room, or no permission."""

    code = "output"


class OutputExistsError(UsageError):
    """The output is there already and --force was not given."""

    code = "output_exists"


class WorkerDiedError(GanprintError):
    """A process that opened images was ended by the system."""

    code = "worker_died"

    def __init__(
        self,
        message: str = "A process that opened images died, most often for lack of memory.",
        hint: str = "Use fewer --workers.",
    ) -> None:
        super().__init__(message, hint)

    @classmethod
    def means(cls, error: BaseException) -> bool:
        """Return whether an error is this or PyTorch's, raised wherever the program is when a worker has died."""
        return isinstance(error, cls) or (
            isinstance(error, RuntimeError) and str(error).startswith("DataLoader worker")
        )


class TrainingError(GanprintError):
    """Training cannot start or continue."""

    code = "training"


class WeightsError(GanprintError):
    """No usable weights: unknown name, damaged file, or sources that do not fit."""

    code = "weights"
    exit_status = 3
