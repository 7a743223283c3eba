"""Verdicts as rows of tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from ganprint.forensics.verdict import Verdict


def csv_header(sources: Sequence[str]) -> list[str]:
    """Return the names of the columns of a CSV; one for each source's probability."""
    answer = ("verdict", "synthetic_probability", "runner_up")
    said = ("warnings", "error", "reason")
    rest = ("likeliest", "log10_lr_synthetic", "known_score", "stable", "judged_by_sha256")
    return ["path", "sha256", *answer, *(f"p_{name}" for name in sources), *said, *rest]


def csv_row(verdict: Verdict, sources: Sequence[str]) -> list[object]:
    """Return the values of the columns of a CSV."""
    found = flat(verdict.model_dump(mode="json")) | {"warnings": " ".join(verdict.warnings)}
    return [found.get(name) for name in csv_header(sources)]


def flat(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Return a verdict's fields, given as in JSON, and what is inside of them as columns of its own."""
    changes, ratios = verdict["stability"], verdict["likelihood_ratios"]
    return {
        **verdict,
        **{f"p_{name}": share for name, share in verdict["probabilities"].items()},
        "stable": f"{sum(each['holds'] for each in changes)} of {len(changes)}" if changes else None,
        "log10_lr_synthetic": next((each["log10"] for each in ratios if each["proposition"] == "synthetic"), None),
        "error": verdict["error"]["message"] if verdict["error"] else None,
    }
