"""Recipes of residual statistics, judged on groups left out of train and val, as rows of docs/results/recipes.csv.

recipes.py DATA RUN [NAME ...]: DATA is the manifest, RUN the folder of a training of it, whose statistics are used
again. With NAME only those recipes. To be quick, a recipe has no networks and no features of the frozen network if it
does not say so, and is fitted to plain crops and three of the draws (JPEG twice, resizing). The last columns are the
worst rates among all draws, one crop an image: photographs called synthetic, and detected images that become real.
Nothing here sees the split test.
"""

import csv
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ganprint_plugins.residual_statistics.collect import Rows, collect
from ganprint_plugins.residual_statistics.features import names
from ganprint_plugins.residual_statistics.fitting import split_groups
from ganprint_plugins.residual_statistics.frozen import INPUTS, OF_INPUT, POOLED
from ganprint_plugins.residual_statistics.method import ResidualStatistics
from ganprint_plugins.residual_statistics.spec import DRAWS, ResidualStatisticsConfig
from sklearn.metrics import roc_auc_score

from ganprint.attributor import Run
from ganprint.calibration.decision import Rates, family_indices, fit_thresholds, group_weights
from ganprint.data import Manifest
from ganprint.data.family_names import family_of
from ganprint.evaluation.group_metrics import group_mean
from ganprint.models import read_config

OUT = Path(__file__).parents[1] / "docs" / "results" / "recipes.csv"
PARTS = 20
"""Parts in which rows are answered for, one after the other."""
BASE: dict[str, Any] = {"leave_out": (), "draws_used": (0, 1, 4, 7), "drawn": 1.0, "gate": True}
FURTHER = ("peaks", "patterns", "half size", "noise level", "noise of R, G and B")
ALL_DRAWS = tuple(range(len(DRAWS) + 1))
SHIPPED = {"draws_used": ALL_DRAWS, **read_config(ResidualStatistics.spec).model_dump(include={"networks", "frozen"})}
RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "seven families": {"leave_out": FURTHER},
    **{f"without {family}": {"leave_out": (family,)} for family in FURTHER},
    "no draws": {"draws_used": (0,)},
    "no JPEG of high quality": {"draws_used": (0, 1, 4)},
    "all draws": {"draws_used": ALL_DRAWS},
    "draws at half the weight": {"drawn": 0.5},
    "draws at twice the weight": {"drawn": 2.0},
    "no gate": {"gate": False},
    "balance 0.7": {"balance": 0.7},
    "as shipped": SHIPPED,
    "as shipped, no networks": SHIPPED | {"networks": 0},
    "as shipped, four networks": SHIPPED | {"networks": 4},
    "as shipped, without correlations of channels": SHIPPED | {"leave_out": ("correlations of channels",)},
    "frozen features": {"frozen": True},
    "two networks": {"networks": 2},
    "two networks, sharpness 1": {"networks": 2, "sharpness": 1.0},
    "penalty 0.06": {"penalty": 0.06},
    "penalty 0.2": {"penalty": 0.2},
}


def chosen(rows: Rows, draws: Sequence[int]) -> Rows:
    """Return the rows of some draws, copied."""
    kept = np.flatnonzero(np.isin(rows.draws, draws))
    return Rows(
        rows.statistics[torch.from_numpy(kept)],
        *(each[kept] for each in (rows.labels, rows.groups, rows.images)),
        *(each[kept] for each in (rows.weights, rows.draws, rows.compressed)),
    )


def cross_validate(rows: Rows, fitted: Rows, config: ResidualStatisticsConfig, sources: tuple[str, ...]) -> np.ndarray:
    """Return probabilities (N, K) of all rows, by the fit to those of `fitted` that left their group out."""
    found = np.zeros((len(rows.groups), len(sources)))
    method = ResidualStatistics(config, sources)
    for out in split_groups(rows, config.folds, 0):
        method.fit_rows(fitted, ~np.isin(fitted.groups, out))
        for asked in np.array_split(np.flatnonzero(np.isin(rows.groups, out)), PARTS):
            logits, _ = method.answer_rows(rows.statistics[torch.from_numpy(asked)])
            found[asked] = logits.double().exp().numpy()
    return found


def measure(probabilities: np.ndarray, rows: Rows, sources: tuple[str, ...]) -> dict[str, float]:
    """Return rates by group at the thresholds that the command `calibrate` would fit, and the areas under curves.

    Of plain crops an image has the mean probabilities (N, K).
    """
    plain = rows.draws == 0
    images, first, places = np.unique(rows.images[plain], return_index=True, return_inverse=True)
    shares = np.zeros((len(images), len(sources)))
    np.add.at(shares, places, probabilities[plain])
    shares /= np.bincount(places)[:, None]
    labels, groups = rows.labels[plain][first], rows.groups[plain][first]
    names_of = np.array(sources)[labels]
    families = {name: family for name in sources if (family := family_of(name))}
    weights = group_weights(labels, groups)
    fitted = fit_thresholds(
        shares, labels, np.ones(len(labels)), Rates(), weights=weights,
        families=family_indices(sources, families),
    )  # fmt: skip
    synthetic = 1 - shares[:, 0]
    found = {}
    for kind in ("real", "gan", "diffusion"):
        of = [name for name in sources if (families.get(name) or name) == kind]
        of_kind = np.isin(names_of, of)
        for what, holds in (("real", synthetic <= fitted.real_to), ("synthetic", synthetic >= fitted.synthetic_from)):
            found[f"{kind} called {what}"] = group_mean(holds[of_kind], names_of[of_kind], groups[of_kind]).value
        if kind != "real":
            among = np.isin(names_of, ("real", *of))
            found[f"AUC {kind}"] = roc_auc_score(labels[among] > 0, synthetic[among], sample_weight=weights[among])
    detected = np.isin(rows.images, images[synthetic >= fitted.synthetic_from]) & (rows.labels > 0)
    drawn = 1 - probabilities[:, 0]
    rates = []
    for draw in range(1, rows.draws.max() + 1):
        for holds, among in ((drawn >= fitted.synthetic_from, rows.labels == 0), (drawn <= fitted.real_to, detected)):
            of_draw = among & (rows.draws == draw)
            names_of = np.array(sources)[rows.labels[of_draw]]
            rates.append(group_mean(holds[of_draw], names_of, rows.groups[of_draw]).value)
    return found | {"worst draw, real called synthetic": max(rates[::2]), "worst draw, to real": max(rates[1::2])}


def collected(data: str, run: str | Path) -> tuple[Manifest, Manifest, ResidualStatisticsConfig, Rows]:
    """Return a manifest, its images of train and val, a plain configuration, and the statistics in a folder."""
    manifest = Manifest.open(data)
    splits = [manifest.select("train"), manifest.select("val")]
    images = manifest.take(np.concatenate([np.flatnonzero(manifest.splits == name) for name in ("train", "val")]))
    config = ResidualStatisticsConfig(networks=0)
    rows = collect(splits, config.model_copy(update={"frozen": True}), Run(Path(run), resume=True))
    return manifest, images, config, rows


def main() -> None:
    """Run the recipes that are named, or all, and add their rows."""
    data, run, *wanted = sys.argv[1:]
    manifest, images, config, rows = collected(data, run)
    of_input = ["frozen"] * POOLED + ["correlations of channels"] * (OF_INPUT - POOLED)
    families = np.array([each.family for each in names()] + of_input * len(INPUTS))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    fresh = not OUT.exists()
    with OUT.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for name in wanted or RECIPES:
            recipe = BASE | RECIPES[name]
            began = time.monotonic()
            changed = {key: value for key, value in recipe.items() if key not in BASE}
            using = config.model_copy(update=changed)
            # The draws that are used weigh together what all do.
            own = list(config.draws.values())
            share = recipe["drawn"] * sum(own) / sum([own[draw - 1] for draw in recipe["draws_used"] if draw] or own)
            weighed = replace(rows, weights=np.where(rows.draws == 0, rows.weights, rows.weights * share))
            some = chosen(weighed, recipe["draws_used"])
            some.statistics[:, torch.from_numpy(np.isin(families, recipe["leave_out"]))] = 0
            if not recipe["gate"]:
                some.compressed[:] = -1
            answers = cross_validate(rows, some, using, manifest.sources)
            found = measure(answers, rows, manifest.sources)
            seconds = round(time.monotonic() - began)
            if fresh:
                writer.writerow(["recipe", *found, "groups", "crops", "seconds", "date", "data_sha256"])
                fresh = False
            numbers = [f"{value:.3f}" for value in found.values()]
            facts = [
                len(set(some.groups.tolist())), len(some.groups), seconds, date.today(), images.sha256[:12],
            ]  # fmt: skip
            writer.writerow([name, *numbers, *facts])
            file.flush()
            print(name, dict(zip(found, numbers, strict=True)), f"{seconds} s", flush=True)


if __name__ == "__main__":
    main()
