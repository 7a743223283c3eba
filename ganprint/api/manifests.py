"""Check manifests, split them and join them: the workflows of `ganprint data`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ganprint.api.outputs import check_folder, refuse_own_inputs
from ganprint.data import Manifest
from ganprint.data.check import CheckReport, check
from ganprint.data.join import join
from ganprint.data.split import By, Fractions, default_by, split
from ganprint.errors import UsageError, check_choice


@dataclass(frozen=True)
class SplitManifest:
    """A manifest as it was written, what stays together in its splits, and the sources that each split lacks."""

    manifest: Manifest
    by: By
    lacking: Mapping[str, Sequence[str]]


def check_data(
    data: str | Path,
    *,
    images: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Open every image of a manifest and report missing, broken and duplicate images, leaks and biases.

    Arguments are the options of `ganprint data check`. `progress` gets images opened, and all.
    """
    manifest = Manifest.open(data, root=images, allow_gaps=True)
    return check(manifest, limit=limit, workers=workers, seed=seed, progress=progress)


def split_data(
    data: str | Path,
    out: str | Path,
    *,
    by: By | None = None,
    train: float = 0.8,
    val: float = 0.1,
    test: float = 0.1,
    hold_out: int | str | Sequence[str] = 1,
    images: str | Path | None = None,
    seed: int = 0,
    force: bool = False,
) -> SplitManifest:
    """Write a manifest with a column `split`, in which every source is divided by the shares given.

    Arguments are the options of `ganprint data split`; `hold_out` are classes, or how many to draw. Without `by` it is
    by group if the manifest names groups, else by image. Raises UsageError for shares that do not sum to 1, and classes
    to hold out where they do not stay together, OutputExistsError where `out` is there and `force` is not given.
    """
    file = Path(out)
    check_folder(file.parent)
    refuse_own_inputs([file], [data])
    manifest = Manifest.open(data, root=images, allow_gaps=True)
    by = by or default_by(manifest)
    check_choice("by", by, By)
    if hold_out != 1 and by != "semantic":
        raise UsageError("--hold-out needs --by semantic.", "Add that, or leave --hold-out out.")
    hold_out = hold_out.split(",") if isinstance(hold_out, str) else hold_out
    divided = split(manifest, by=by, fractions=Fractions(train, val, test), hold_out=hold_out, seed=seed)
    written = divided.write(file, force=force)
    shares = {"train": train, "val": val, "test_seen" if by == "semantic" else "test": test}
    # Few groups may leave a split without any image.
    names = dict.fromkeys([*(name for name, share in shares.items() if share), *written.split_names])
    lacking = {name: written.absent(name) for name in names if name != "open"}
    return SplitManifest(written, by, {name: sources for name, sources in lacking.items() if sources})


def join_data(out: str | Path, data: str | Path | Sequence[str | Path], *, force: bool = False) -> Manifest:
    """Write the rows of several manifests as one and return it. Sources are matched by name; splits do not change.

    Arguments are those of `ganprint data join`. Raises ManifestError where two say different things of one image.
    """
    file, data = Path(out), [data] if isinstance(data, str | Path) else data
    check_folder(file.parent)
    refuse_own_inputs([file], data)
    joined = join([Manifest.open(each, allow_gaps=True) for each in data], name=str(file))
    return joined.write(file, force=force)
