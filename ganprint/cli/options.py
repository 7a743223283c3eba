"""Options that mean the same in every command."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ganprint.devices import check_device_name

if TYPE_CHECKING:
    from ganprint.forensics.bench import Bench
    from ganprint.weights import Card


def _check_seed(seed: int) -> int:
    if seed >= 2**63:
        raise typer.BadParameter(f"{seed} is not below 2**63.")
    return seed


Method = Annotated[str, typer.Option("--method", help="the method, as `ganprint methods` names it")]
Weights = Annotated[
    str | None,
    typer.Option("--weights", help="name or folder of weights; the method's default if left out"),
]
ManyMethods = Annotated[
    str | None,
    typer.Option("--method", help="a method that `ganprint methods` lists, several as a,b, or all"),
]
ManyWeights = Annotated[
    str | None,
    typer.Option(
        "--weights", help="name or folder of weights, several as a,b; the method's default if left out"
    ),
]
Enrolled = Annotated[
    bool, typer.Option("--enrolled/--no-enrolled", help="include sources from `ganprint enroll`")
]
_DATA = (
    "a CSV or Parquet file with path,source or path,label,dlabel, several as train.csv,val.csv,test.csv, "
    "or a folder or archive source/semantic/*; a URL, too"
)
Data = Annotated[str, typer.Option("--data", metavar="PATH", help=_DATA)]
TestData = Annotated[
    str | None,
    typer.Option("--data", metavar="PATH", help=f"{_DATA}; the embedded benchmark if left out"),
]
Images = Annotated[
    str | None,
    typer.Option(
        "--images", metavar="PATH", help="folder where relative paths start, if not that of the CSV"
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, callback=_check_seed, help="seed of all random choices")]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        callback=check_device_name,
        help="auto (CUDA, else MPS, else the CPU), cpu, mps, cuda, cuda:1, ...",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="CPU threads of one computation; as many as cores if left out"),
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="images per batch")]
Workers = Annotated[int, typer.Option("--workers", min=0, help="extra processes that read images; 0: none")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="use only so many images, spread over sources")
]
Engine = Annotated[
    Literal["torch", "imagecorruptions"], typer.Option("--engine", help="implementation of the corruptions")
]
Precision = Annotated[
    Literal["fp32", "bf16"],
    typer.Option("--precision", help="arithmetic of networks; bf16 is faster on processors with it"),
]
Force = Annotated[bool, typer.Option("--force", help="overwrite existing output")]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]
Csv = Annotated[bool, typer.Option("--csv", help="print CSV")]


def chosen_device(device: str, threads: int | None = None) -> str:
    """Return the device that an option names, and let torch use so many threads on the CPU.

    Raises UsageError where there is no such device.
    """
    from ganprint.devices import find_device, use_threads

    use_threads(threads)
    return find_device(device)


def chosen_weights(weights: str | None, method: str | None) -> str | Path:
    """Return the weights that were named, or the method's default, or with neither those that are the first choice.

    Raises PluginError where there is no such method.
    """
    if weights is not None:
        return weights
    from ganprint import plugins
    from ganprint.weights import default_for, first_choice

    if method is None:
        return first_choice().path
    plugins.load(method)
    return default_for(method).path


def load_bench(
    method: str | None, weights: str | None, *, device: str, enrolled: bool = True, stability: bool = False
) -> "Bench":
    """Load the weights that were named, or the defaults of the methods that were, `all` being those that have some."""
    from ganprint.calibration.fusion import find_fusion
    from ganprint.errors import PluginError, UsageError
    from ganprint.forensics.bench import Bench
    from ganprint.forensics.judges import load_judge

    judges = []
    for each in _several(method, weights):
        try:
            judges.append(load_judge(each, device=device, enrolled=enrolled))
        except PluginError as error:
            if method != "all" or weights is not None:
                raise
            typer.echo(f"ganprint: {error.message}", err=True)
    if not judges:
        raise UsageError(
            "None of the named methods has weights.", "ganprint methods lists methods and weights."
        )
    cards = [judge.card for judge in judges]
    if weights is not None and method is not None:
        methods = _parts(method)
        for card in cards:
            check_method(methods[0] if len(methods) == 1 else None, card)
        if len(methods) > 1:
            raise UsageError(
                "Both --method and --weights name several.", "Name one of them: weights belong to a method."
            )
    twice = sorted({card.name for card in cards if sum(card.sha256 == other.sha256 for other in cards) > 1})
    if twice:
        raise UsageError(f"{', '.join(twice)} was named twice.", "Name each once.")
    return Bench(judges, find_fusion(cards) if len(cards) > 1 else None, stability)


def _several(method: str | None, weights: str | None) -> list[str | Path]:
    if weights is not None:
        return list(_parts(weights))
    if method == "all":
        from ganprint import plugins
        from ganprint.weights import default_for, list_weights

        there = {entry.card.method for entry in list_weights() if entry.card and not entry.error}
        return [default_for(plugin.name).path for plugin in plugins.discover() if plugin.name in there]
    return [chosen_weights(None, name) for name in (_parts(method) if method else [None])]


def _parts(text: str) -> list[str]:
    """Return what commas part; a path that has one in its name, and is there, is one thing."""
    if os.path.exists(text):  # noqa: PTH110 - Path.exists raises on names that no file can have
        return [text]
    return [part.strip() for part in text.split(",") if part.strip()]


def chosen_data(data: str | None, *, training: bool = False) -> Path | str:
    """Return the data that were named, or the embedded benchmark, made where it is not there yet.

    That is its images for tests, or for `training`.
    """
    if data is not None:
        return data
    from ganprint.cli.console import console, progress_bar
    from ganprint.forge.mini import TESTS, TRAINING, mini

    begun = False

    def tell(what: str) -> None:
        nonlocal begun
        if not begun:
            console(stderr=True).print(
                "ganprint: making the embedded benchmark, once; it takes about a minute.", soft_wrap=True
            )
        begun = True
        bar.update(task, description=f"the embedded benchmark: {what}")

    with progress_bar() as bar:
        task = bar.add_task("the embedded benchmark", total=None)
        return mini(TRAINING if training else TESTS, progress=tell)


def check_method(method: str | None, card: "Card") -> None:
    """Refuse weights of another method than the one that was named."""
    if method is not None and card.method != method:
        from ganprint.errors import UsageError

        raise UsageError(
            f"The weights {card.name} belong to the method {card.method}, not {method}.",
            "Name one of --method and --weights.",
        )


def check_output(file: Path | None, *, force: bool, hint: str = "Add --force to overwrite it.") -> None:
    """Refuse, before long work, a file to write that is there already or whose folder is not."""
    from ganprint.errors import OutputExistsError, UsageError

    if file is None:
        return
    if file.exists() and (not force or file.is_dir()):
        raise OutputExistsError(f"{file} already exists.", hint)
    if not file.parent.is_dir():
        raise UsageError(f"There is no folder {file.parent}.", "Make it, or name another file.")


def check_formats(as_json: bool, as_csv: bool) -> None:
    """Refuse --json and --csv together."""
    if as_json and as_csv:
        from ganprint.errors import UsageError

        raise UsageError("--json and --csv cannot be combined.", "Use one of them.")
