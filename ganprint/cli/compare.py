"""`ganprint compare`: several methods' weights under the same conditions, side by side."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.cli.console import console, echo_csv, echo_json, progress_bar
from ganprint.cli.options import (
    BatchSize,
    Csv,
    Data,
    Device,
    Force,
    Json,
    Limit,
    Seed,
    Workers,
    check_device,
    check_formats,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress, TaskID

    from ganprint.data import Manifest
    from ganprint.evaluation.leaderboard import Entry
    from ganprint.evaluation.runner import Condition
    from ganprint.weights import Entry as StoredWeights

CONDITIONS = ("test_seen:none", "test_seen:test-seen", "test_unseen:none")
SHORT = {
    "detection_accuracy": "detection",
    "attribution_accuracy": "attribution",
    "balanced_accuracy": "balanced",
    "nmi": "NMI",
}


def compare(
    data: Data,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            help="name or folder of weights; repeatable; if left out, all that were trained on this manifest",
        ),
    ] = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--condition",
            help="SPLIT:POLICY; repeatable; test_seen:none, test_seen:test-seen and test_unseen:none if left out",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="folder of results, one JSON each; what is there is not computed again"),
    ] = None,
    seed: Seed = 0,
    limit: Limit = None,
    batch_size: BatchSize = 32,
    workers: Workers = 1,
    device: Device = "cpu",
    force: Force = False,
    record: Annotated[
        bool, typer.Option("--record", help="write the results into the weights' cards")
    ] = False,
    intervals: Annotated[bool, typer.Option("--intervals", help="print 95 % bootstrap intervals")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="print a Markdown table")] = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Measure detection, attribution and balanced accuracy and NMI of several weights, and print one table.

    With --out an interrupted comparison goes on where it was; --force computes all anew.
    """
    from ganprint.data import Manifest
    from ganprint.errors import UsageError
    from ganprint.evaluation.leaderboard import read_entries, save_entry
    from ganprint.evaluation.runner import Condition, default_size
    from ganprint.perturb import parse_policy
    from ganprint.weights import add_result

    check_formats(as_json, as_csv)
    check_device(device)
    if limit and (record or out):
        raise UsageError("--record and --out are for whole splits.", "Leave --limit out.")
    asked = [_condition(text) for text in conditions or CONDITIONS]
    chosen = _weights(weights, data)
    known = read_entries(out) if out is not None and out.is_dir() and not force else []
    found: list[Entry] = []
    with progress_bar() as bar:
        whole = bar.add_task("results", total=len(chosen) * len(asked))
        for stored in chosen:
            assert stored.card is not None
            manifest = Manifest.open(data, sources=stored.card.sources)
            for split, policy in asked:
                drawn = parse_policy(policy)
                condition = Condition(drawn, seed, default_size(stored.card.view, drawn))
                images = manifest.select(split, limit=limit, seed=seed)
                digest = stored.card.sha256
                old = [each for each in known if each.answers(digest, images.sha256, split, condition)]
                if old:
                    found.append(old[0])
                else:
                    task = bar.add_task(f"{stored.name} on {split} under {policy}", total=len(images))
                    found.append(
                        _measure(
                            stored,
                            images,
                            split,
                            condition,
                            device=device,
                            batch_size=batch_size,
                            workers=workers,
                            progress=_progress(bar, task),
                        )
                    )
                    bar.remove_task(task)
                    if out is not None:
                        save_entry(out, found[-1])
                if record:
                    add_result(
                        stored.path, found[-1].result().model_copy(update={"command": found[-1].command})
                    )
                bar.advance(whole)
    if as_json:
        echo_json([entry.model_dump(mode="json") for entry in found])
    elif as_csv:
        _print_csv(found)
    elif markdown:
        _print_markdown(found, intervals)
    else:
        _print_table(found, intervals)


def _progress(bar: "Progress", task: "TaskID") -> "Callable[[int, int], None]":
    return lambda done, total: bar.update(task, completed=done, total=total)


def _condition(text: str) -> tuple[str, str]:
    from ganprint.errors import UsageError

    split, colon, policy = text.partition(":")
    if not split or not colon or not policy:
        raise UsageError(
            f"{text!r} is no condition.",
            "Write SPLIT:POLICY, as in --condition test_seen:jpeg_compression:3.",
        )
    return split, policy


def _weights(names: list[str] | None, data: Path) -> "list[StoredWeights]":
    from ganprint.errors import WeightsError
    from ganprint.weights import Entry, find, list_weights, read_card

    if names:
        folders = [find(name) for name in names]
        return [Entry(folder.name, folder, 0, read_card(folder)) for folder in folders]
    every = [entry for entry in list_weights() if entry.card and not entry.error]
    fitting = [
        entry for entry in every if entry.card and entry.card.data and entry.card.data.name == data.name
    ]
    if not fitting:
        raise WeightsError(
            f"No installed weights were trained on {data.name}.",
            f"Name some with --weights: {', '.join(entry.name for entry in every) or 'there are none'}.",
        )
    return sorted(fitting, key=lambda entry: (entry.card.method if entry.card else "", entry.name))


def _measure(
    stored: "StoredWeights",
    images: "Manifest",
    split: str,
    condition: "Condition",
    *,
    device: str,
    batch_size: int,
    workers: int,
    progress: "Callable[[int, int], None]",
) -> "Entry":
    """Answer for a split's images with some weights and score the answers."""
    from shlex import join

    from ganprint.evaluation.leaderboard import Entry
    from ganprint.evaluation.runner import answer_manifest, evaluate
    from ganprint.weights import load_attributor, utc_now
    from ganprint.weights.provenance import hardware, versions

    attributor, card = load_attributor(stored.path, device=device)
    answers = answer_manifest(
        attributor, images, condition, batch_size=batch_size, workers=workers, progress=progress
    )
    for failure in answers.failures:
        typer.echo(f"ganprint: {failure.message}", err=True)
    evaluation = evaluate(card, images, split, condition, answers)
    return Entry(
        **evaluation.model_dump(),
        data=Path(images.name).stem,
        command=join(["ganprint", *sys.argv[1:]]),
        date=utc_now(),
        hardware=hardware(device),
        versions=versions(),
    )


def _columns(entries: "list[Entry]") -> list[tuple[str, str]]:
    return list(dict.fromkeys((entry.split, entry.policy) for entry in entries))


def _rows(entries: "list[Entry]", intervals: bool) -> "list[tuple[str, list[tuple[str, bool]]]]":
    """Return for each weights its cells, four a condition, and whether each is the best of its column."""
    from ganprint.evaluation.leaderboard import best_values
    from ganprint.evaluation.runner import METRICS

    best = best_values(entries)
    by_weights: dict[str, dict[tuple[str, str], Entry]] = {}
    for entry in entries:
        by_weights.setdefault(entry.weights, {})[entry.split, entry.policy] = entry
    rows = []
    for name, results in by_weights.items():
        cells = []
        for split, policy in _columns(entries):
            for metric in METRICS:
                interval = getattr(results[split, policy], metric)
                if interval is None:
                    cells.append(("", False))
                    continue
                text = f"{interval.value:.3f}"
                if intervals:
                    text += f" ({interval.low:.3f} - {interval.high:.3f})"
                cells.append((text, interval.value == best[split, policy, metric]))
        rows.append((name, cells))
    return rows


def _print_table(entries: "list[Entry]", intervals: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    out = console()
    rows = dict(_rows(entries, intervals))
    for number, (split, policy) in enumerate(_columns(entries)):
        count = next(entry.n for entry in entries if (entry.split, entry.policy) == (split, policy))
        table = Table("weights", *SHORT.values(), title=f"{split}, policy {policy}: {count} images")
        for name, cells in rows.items():
            here = cells[4 * number : 4 * number + 4]
            table.add_row(name, *(Text(text, style="bold" if top else "") for text, top in here))
        out.print(table)


def _print_markdown(entries: "list[Entry]", intervals: bool) -> None:
    heads = [f"{split}, {policy}" for split, policy in _columns(entries)]
    typer.echo("| weights | " + " | ".join(heads) + " |")
    typer.echo("|---|" + "---|" * len(heads))
    for name, cells in _rows(entries, intervals):
        marked = [f"**{text}**" if top else text for text, top in cells]
        groups = [" / ".join(marked[start : start + 4]) for start in range(0, len(marked), 4)]
        typer.echo(f"| {name} | " + " | ".join(groups) + " |")


def _print_csv(entries: "list[Entry]") -> None:
    from ganprint.evaluation.runner import METRICS

    echo_csv(["method", "weights", "split", "policy", "seed", "n", "metric", "value", "low", "high"])
    for entry in entries:
        head = [entry.method, entry.weights, entry.split, entry.policy, entry.seed, entry.n]
        for name in METRICS:
            interval = getattr(entry, name)
            if interval is not None:
                echo_csv([*head, name, interval.value, interval.low, interval.high])
