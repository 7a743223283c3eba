"""Self-contained HTML pages from the templates beside this module."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from ganprint.extras import needs

with needs("report"):
    from jinja2 import Environment, StrictUndefined


def render(template: str, *, finalize: Callable[[object], object] | None = None, **values: Any) -> str:
    """Return a template's page with these values, all text in them escaped; `finalize` changes each value before."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=finalize, trim_blocks=True, lstrip_blocks=True
    )
    text = files("ganprint.reporting").joinpath(template).read_text(encoding="utf-8")
    return environment.from_string(text).render(**values)
