"""Cards of small weights."""

from typing import Any

from ganprint.weights import Card

VIEW = {"kind": "resize", "size": 32}


def make_card(name: str = "small", **fields: Any) -> Card:
    given = {"name": name, "method": "repmix", "plugin": {"distribution": "ganprint", "version": "0.1.0"}}
    given |= {"sources": ("real", "progan"), "view": VIEW, "config": {"view": VIEW}, "licence": "MIT"}
    return Card.model_validate({"date": "2026-11-20T12:00:01Z", **given, **fields})
