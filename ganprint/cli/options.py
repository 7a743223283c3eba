"""Options that have the same meaning in every command."""

import os
from collections.abc import Callable
from functools import cache, partial
from typing import Annotated, Literal

import typer
from typer import Option

from ganprint.cli.console import note
from ganprint.devices import check_device_name
from ganprint.errors import ManifestError, UsageError


def _check_seed(seed: int) -> int:
    if seed >= 2**63:
        raise typer.BadParameter(f"{seed} is not below 2**63.")
    return seed


share = partial(Option, min=0.001, max=0.5)
"""An option that is a rate of errors to aim at."""
Method = Annotated[str, Option(help="the method, as `ganprint methods` names it")]
OneMethod = Annotated[str | None, Option(help="the method, as `ganprint methods` names it")]
Weights = Annotated[str | None, Option(help="name or folder of weights; the default of the method if left out")]
ManyMethods = Annotated[str | None, Option(help="a method that `ganprint methods` lists, several as a,b, or all")]
ManyWeights = Annotated[
    str | None, Option(help="name or folder of weights, several as a,b; the default of the method if left out")
]
Enrolled = Annotated[bool, Option("--enrolled/--no-enrolled", help="include sources from `ganprint enroll`")]
DATA = (
    "a CSV or Parquet file with columns path,source or path,label,dlabel (several as train.csv,val.csv,test.csv), "
    "or a folder or archive with images in source/semantic/; each can be a URL"
)


def _existing(data: str | None) -> str | None:
    """Refuse data that are not there when options are read: before what takes seconds is imported."""
    if data is None or "://" in data or "," in data or os.path.exists(data):  # noqa: PTH110
        return data
    raise ManifestError(f"There is no manifest {data}.", "Give a CSV file or a folder source/semantic/*.")


Data = Annotated[str, Option(metavar="PATH", callback=_existing, help=DATA)]
TestData = Annotated[
    str | None, Option(metavar="PATH", callback=_existing, help=f"{DATA}; the embedded benchmark if left out")
]
Images = Annotated[
    str | None, Option(metavar="PATH", help="folder that relative paths start from; that of the CSV if left out")
]
Seed = Annotated[int, Option(min=0, callback=_check_seed, help="seed of all random choices")]
Device = Annotated[
    str, Option(callback=check_device_name, help="auto (CUDA, else MPS, else the CPU), cpu, mps, cuda, cuda:1, ...")
]
Threads = Annotated[int | None, Option(min=1, help="CPU threads of one computation; one for each core if left out")]
BatchSize = Annotated[int, Option(min=1, help="images per batch")]
Workers = Annotated[int, Option(min=0, help="extra processes that read images; 0: none")]
TEST_SPLIT = "test_seen if left out, else test, else all rows: what the manifest has"
Limit = Annotated[int | None, Option(min=1, help="use only N images, spread over the sources")]
Engine = Annotated[Literal["torch", "imagecorruptions"], Option(help="implementation of the corruptions")]
Precision = Annotated[
    Literal["fp32", "bf16"], Option(help="arithmetic of networks; bf16 is faster on processors that have it")
]
Policies = Annotated[
    list[str] | None, Option("--policy", help="perturbation of the images, several as a,b; none,test-seen if left out")
]
Recursive = Annotated[bool, Option("--recursive", "-r", help="also search folders inside folders")]
TrainingPrecision = Annotated[
    Literal["auto", "fp32", "bf16"],
    Option(help="arithmetic of the training; auto: bf16 if the hardware has it, else fp32"),
]
Budget = Annotated[float | None, Option(min=0, help="minutes to train at most; rerun the command to continue")]
DryRun = Annotated[bool, Option("--dry-run", help="print what would be computed, and stop")]
Force = Annotated[bool, Option("--force", help="overwrite existing output")]
Json = Annotated[bool, Option("--json", help="print JSON")]
Csv = Annotated[bool, Option("--csv", help="print CSV")]


def telling_of_benchmark(progress: Callable[[str, int, int | None], None]) -> Callable[[str], None]:
    """Return what is called while the embedded benchmark is made: a note, once, and what is being made for a bar."""
    begun = cache(lambda: note("making the embedded benchmark, once; it takes about a minute."))

    def tell(what: str) -> None:
        begun()
        progress(f"the embedded benchmark: {what}", 0, None)

    return tell


def names_in(text: str | None) -> list[str]:
    """Return the names that commas part."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def check_formats(as_json: bool, as_csv: bool) -> None:
    """Refuse --json and --csv together."""
    if as_json and as_csv:
        raise UsageError("--json and --csv cannot be combined.", "Use one of them.")
