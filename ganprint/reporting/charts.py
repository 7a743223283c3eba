"""Figures of results: robustness bars and severity curves as the papers draw them, and confusion matrices."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ganprint.calibration.probabilities import calibration_error, reliability
from ganprint.drawing import Figure, Text, colour, marker, rc_context
from ganprint.errors import UsageError
from ganprint.evaluation.assess import Assessed
from ganprint.evaluation.calibrate import Calibrated
from ganprint.evaluation.entry import Entry
from ganprint.files import refuse_existing, write_output
from ganprint.perturbation.attacks import STEPS
from ganprint.plain_text import file_part, harmless
from ganprint.studies.experiments import SHORT, Robustness, adversarial_curves, semantics_curves
from ganprint.studies.variants import Variant

Form = Literal["png", "svg"]

BAR_INCHES, BAR_KINDS = (5.2, 1.35), 5
"""Width of a figure of bars and height of a row of it, and corruptions to a row."""
UNSEEN = "#eeeeee"
"""Behind the corruptions that training never shows."""
SHADED = "shaded: corruptions that training never shows"
HATCHES = ("", "///", "...")
"""Of each ten series, whose colours are those of the ten before."""
THIN: dict[str, Any] = {"linewidth": 1, "markersize": 4}


def comparison_figures(entries: Sequence[Entry], metric: str) -> dict[str, Figure]:
    """Return by name, which can be that of a file, the figures that these results allow.

    `robustness-SPLIT`: bars of a metric by corruption (Bui et al. 2022, figure 4); `severity-SPLIT`: its curves
    by severity, clean being 0; `adversarial-ATTACK-TARGET-SPLIT`: the error by the largest change, of PGD with another
    number of steps than STEPS `adversarial-pgd-TARGET-stepsN-SPLIT`;
    `confusion-WEIGHTS-SPLIT`: of clean images, where details are there.
    """
    figures: dict[str, Figure] = {}
    for split in dict.fromkeys(entry.split for entry in entries):
        found = Robustness(entries, split, metric)
        if found.kinds:
            figures[f"robustness-{split}"] = _bars(found)
            figures[f"severity-{split}"] = _curves(found)
        attacked = adversarial_curves(entries, split)
        for (kind, target, steps), curves in attacked.items():
            other = f"-steps{steps}" if steps != STEPS else ""
            title = f"{split}, {kind.upper()} on {target}" + (f", {steps} steps" if kind == "pgd" else "")
            figures[f"adversarial-{kind}-{target}{other}-{split}"] = _lines(
                curves, "largest change, of 255", f"error of {target}", title
            )
    for entry in entries:
        if entry.policy == "none" and entry.confusion:
            figures[f"confusion-{entry.weights}-{entry.split}"] = _confusion(entry)
    return {file_part(name): figure for name, figure in figures.items()}


def semantics_figures(entries: Sequence[Entry], variants: Sequence[Variant], metric: str) -> dict[str, Figure]:
    """Return `semantics-SPLIT-POLICY`: a metric by the number of semantic classes (Bui et al. 2022, figure 5)."""
    curves = semantics_curves(entries, variants, metric)
    figures = {}
    for split, policy in dict.fromkeys(condition for condition, _ in curves):
        here = [(method, curve) for (which, method), curve in curves.items() if which == (split, policy)]
        figure = _lines(here, "semantic classes trained on", SHORT[metric], f"{split}, {policy}")
        figures[file_part(f"semantics-{split}-{policy.replace(':', '-')}")] = figure
    return figures


def reliability_figure(found: Calibrated) -> Figure:
    """Return the share that is right by the largest probability, before and after calibration (Guo et al. 2017).

    Groups or images weigh as in the errors that the calibration records.
    """
    figure = Figure(figsize=(4.2, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for number, (name, probabilities) in enumerate((("before", found.before), ("after", found.after))):
        bins = reliability(probabilities, found.labels, found.weights)
        error = calibration_error(probabilities, found.labels, found.weights)
        _, sure, right = zip(*bins, strict=True)
        shown = f"{name}: error {error:.3f}"
        axes.plot(sure, right, marker=marker(number), markersize=3, color=colour(number), label=shown)
    axes.set(xlabel="largest probability", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=8, frameon=False)
    return figure


def coverage_figure(found: Sequence[Assessed]) -> Figure:
    """Return accuracy by the share of images answered, the surest first, and where the shipped thresholds lie on it."""
    figure = Figure(figsize=(5.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for number, each in enumerate(found):
        rates, own = each.rates, colour(number)
        axes.plot(*each.curve(), color=own, label=f"{rates.split}, {rates.policy}")
        if rates.answered is not None and rates.right is not None:
            axes.plot(rates.answered.value, rates.right.value, marker="o", color=own)
    axes.plot([], [], marker="o", color="0.4", linestyle="none", label="real, a family or a source, by the thresholds")
    axes.set(xlabel="share of known sources' images answered", ylabel="share of the answers right", xlim=(0, 1))
    axes.set_ylim(top=1)
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    return figure


def save_figures(figures: Mapping[str, Figure], folder: Path, *, form: Form = "png", force: bool = False) -> list[Path]:
    """Write figures under their names into a folder and return the files.

    Raises OutputExistsError where one is there and `force` is not given, UsageError where one cannot be written.
    """
    files = {folder / f"{name}.{form}": figure for name, figure in figures.items()}
    refuse_existing(*files, force=force)
    for file, figure in files.items():
        write_output(file, _rendered(figure, form), error=UsageError, hint="Name another folder.")
    return list(files)


def to_svg(figure: Figure) -> str:
    """Return a figure as an SVG element to put into a page."""
    text = _rendered(figure, "svg").decode()
    return text[text.index("<svg") :]


def _rendered(figure: Figure, form: Form) -> bytes:
    """Return the file's bytes: the same figure from the same results, without program and date."""
    content = BytesIO()
    for text in figure.findobj(Text):
        text.set_text(harmless(text.get_text()))
    # Names of an SVG's parts are hashes with this salt, else with a random one.
    with rc_context({"svg.hashsalt": "ganprint"}):
        dated = {"Date": None} if form == "svg" else {"Software": None}
        figure.savefig(content, format=form, metadata=dated, bbox_inches="tight")
    return content.getvalue()


def _bars(found: Robustness) -> Figure:
    """Draw bars in rows of a few corruptions: text that is read where the figure is scaled to a narrow screen, too."""
    kinds, names = found.kinds, found.names
    across = min(len(kinds), BAR_KINDS)
    down = -(-len(kinds) // across)
    figure = Figure(figsize=(BAR_INCHES[0], BAR_INCHES[1] * down + 0.9), dpi=150, layout="constrained")
    grid = figure.subplots(down, 1, sharey=True, squeeze=False)
    width = 0.85 / len(names)
    for row, axes in enumerate(grid.flat):
        here = kinds[row * across : (row + 1) * across]
        for place in (place for place, kind in enumerate(here) if kind in found.unseen):
            axes.axvspan(place - 0.5, place + 0.5, color=UNSEEN, zorder=0, linewidth=0)
        for number, name in enumerate(names):
            means = [found.mean(name, kind) for kind in here]
            heights = [np.nan if value is None else value for value in means]
            places = np.arange(len(here)) + (number - (len(names) - 1) / 2) * width
            axes.bar(places, heights, width, color=colour(number), hatch=HATCHES[number // 10 % 3], label=name)
        axes.set_xticks(range(len(here)), [kind.replace("_", "\n") for kind in here], fontsize=8)
        axes.set_xlim(-0.6, across - 0.4)
        axes.set_ylim(0, 1)
        axes.tick_params(axis="y", labelsize=8)
    figure.supylabel(f"{SHORT[found.metric]}, mean over severities", fontsize=8)
    figure.suptitle(f"{found.split}; {SHADED}" if found.unseen else found.split, fontsize=9)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, ncols=min(len(labels), 3), loc="outside lower center", frameon=False)
    return figure


def _curves(found: Robustness) -> Figure:
    kinds, columns = found.kinds, min(len(found.kinds), 5)
    rows = -(-len(kinds) // columns)
    figure = Figure(figsize=(max(columns * 2.2, 5.5), rows * 1.9 + 0.6), dpi=150, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for place, axes in enumerate(grid.flat):
        if place >= len(kinds):
            axes.set_axis_off()
            continue
        kind = kinds[place]
        if kind in found.unseen:
            axes.set_facecolor(UNSEEN)
        for number, name in enumerate(found.names):
            policies = {0: "none"} | {level: f"{kind}:{level}" for level in found.severities}
            points = [(level, found.value(name, policy)) for level, policy in policies.items()]
            there = [(level, value) for level, value in points if value is not None]
            axes.plot(*zip(*there, strict=True), color=colour(number), marker=marker(number), **THIN, label=name)
        axes.set_title(kind.replace("_", " "), fontsize=8)
        axes.set_ylim(0, 1)
        axes.tick_params(labelsize=7)
        if place >= len(kinds) - columns:
            axes.set_xlabel("severity (0: clean)", fontsize=7)
            axes.tick_params(labelbottom=True)
    figure.supylabel(f"{SHORT[found.metric]} on {found.split}", fontsize=8)
    if found.unseen:
        figure.supxlabel(SHADED, fontsize=8)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=7, ncols=min(len(labels), 5), loc="outside upper center", frameon=False)
    return figure


def _lines(curves: Sequence[tuple[str, Mapping[int, float]]], across: str, up: str, title: str) -> Figure:
    """Draw values in 0..1 over whole numbers, a line for each name."""
    figure = Figure(figsize=(6.4, 3.6), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    for number, (name, curve) in enumerate(curves):
        points = zip(*sorted(curve.items()), strict=True)
        axes.plot(*points, color=colour(number), marker=marker(number), **THIN, label=name)
    axes.set_xticks(sorted({place for _, curve in curves for place in curve}))
    axes.set_ylim(0, 1)
    axes.set_xlabel(across, fontsize=8)
    axes.set_ylabel(up, fontsize=8)
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=7)
    figure.legend(loc="outside right center", fontsize=7, frameon=False)
    return figure


def _confusion(entry: Entry) -> Figure:
    answered = list(next(iter(entry.confusion.values())))
    counts = np.array([[row[name] for name in answered] for row in entry.confusion.values()])
    shares = counts / counts.sum(1, keepdims=True)
    side = 0.5 * max(counts.shape) + 1.6
    figure = Figure(figsize=(side, side), dpi=150)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(answered)), answered, rotation=45, ha="right", fontsize=7)
    axes.set_yticks(range(len(counts)), list(entry.confusion), fontsize=7)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=colour)
    axes.set_xlabel("answered", fontsize=8)
    axes.set_ylabel("true", fontsize=8)
    axes.set_title(f"{entry.weights}, {entry.split}, images", fontsize=9)
    return figure
