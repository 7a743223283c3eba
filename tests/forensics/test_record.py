"""The published schemas are those of what is written, and what is written is valid by them."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest

from ganprint.forensics.record import schema, why_review
from ganprint.forensics.verdict import Agreement, Change, Verdict, Views

DOCS = Path(__file__).resolve().parents[2] / "docs" / "schemas"


@pytest.mark.parametrize("of", ["verdict", "case"])
def test_the_schema_in_the_docs_is_that_of_the_program(of: Literal["verdict", "case"]) -> None:
    # If this fails, a name was added: ganprint schema verdict > docs/schemas/verdict.json
    assert json.loads((DOCS / f"{of}.json").read_text(encoding="utf-8")) == schema(of)


def test_every_field_is_described_as_written() -> None:
    found = schema("verdict")
    verdict = Verdict(path="a.png", method="repmix", weights="w", weights_sha256=None)
    assert set(found["properties"]) == set(verdict.model_dump(mode="json")) == set(found["required"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"verdict": "inconclusive"}, "inconclusive"),
        ({"verdict": "synthetic-unknown"}, "cannot be named"),
        ({"stability": [Change(change="jpeg=90", verdict="x", synthetic_probability=0.5, holds=False)]}, "benign"),
        ({"agreement": Agreement(real=1, synthetic=1, inconclusive=0, sources={"progan": 1})}, "do not agree"),
        ({"views": Views(count=5, agreeing=3, least_synthetic=0.1, most_synthetic=0.9)}, "different sources"),
        ({"warnings": ["Small."]}, "warnings"),
    ],
)
def test_what_calls_for_a_person_is_said(changes: dict[str, Any], said: str | None) -> None:
    verdict = Verdict(path="a.png", sha256="0" * 64, verdict="real", method="repmix", weights="w", weights_sha256=None)
    reasons = why_review(verdict.model_copy(update=changes), "0" * 64)
    assert (said is None and not reasons) or said in " ".join(reasons)
    assert "changed" in " ".join(why_review(verdict, "1" * 64))
