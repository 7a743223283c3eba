"""Verdicts as rows of CSV."""

from collections.abc import Sequence

from ganprint.forensics.verdict import Verdict


def csv_header(sources: Sequence[str]) -> list[str]:
    """Return the names of the columns; one for each source's probability."""
    answer = ("verdict", "synthetic_probability", "runner_up")
    said = ("warnings", "error", "reason")
    rest = ("likeliest", "log10_lr_synthetic", "known_score", "stable", "judged_by_sha256")
    return ["path", "sha256", *answer, *(f"p_{name}" for name in sources), *said, *rest]


def csv_row(verdict: Verdict, sources: Sequence[str]) -> list[object]:
    """Return the values of the columns."""
    shares = [verdict.probabilities.get(name) for name in sources]
    ratio = next((each.log10 for each in verdict.likelihood_ratios if each.proposition == "synthetic"), None)
    stable = f"{sum(each.holds for each in verdict.stability)} of {len(verdict.stability)}"
    return [
        verdict.path,
        verdict.sha256,
        *(verdict.verdict, verdict.synthetic_probability, verdict.runner_up),
        *shares,
        " ".join(verdict.warnings),
        verdict.error.message if verdict.error else None,
        verdict.reason,
        verdict.likeliest,
        ratio,
        verdict.known_score,
        stable if verdict.stability else None,
        verdict.judged_by_sha256,
    ]
