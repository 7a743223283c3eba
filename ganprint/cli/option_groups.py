"""Options that several commands share, declared once as the fields of a dataclass."""

from collections.abc import Callable
from copy import copy
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args, get_type_hints

from typer import Option

from ganprint.cli.options import BatchSize, Csv, Device, Engine, Json, Limit, Precision, Seed, Threads, Workers
from ganprint.errors import UsageError


class Given(dict[str, Any]):
    """All options of a command by name, those of its groups too, but for those that were left out and have no default.

    A workflow has arguments of the same names (`tests/api/test_surface.py`), and takes them together.
    """

    def but(self, *names: str) -> dict[str, Any]:
        """Return them without those that the workflow does not have."""
        return {name: value for name, value in self.items() if name not in names}


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that the dataclasses among its parameters declare, each under its `panel` in the help.

    The command gets what was typed as instances of these dataclasses, and all of it as the parameter that is `Given`.
    """
    shown: list[Parameter] = []
    groups: dict[str, Any] = {}
    together: list[str] = []
    hints = get_type_hints(command, include_extras=True)
    for parameter in signature(command).parameters.values():
        kind: Any = hints[parameter.name]
        if kind is Given:
            together.append(parameter.name)
        elif is_dataclass(hints[parameter.name]):
            groups[parameter.name] = kind
            declared = get_type_hints(kind, include_extras=True)
            for field in fields(kind):
                default = Parameter.empty if field.default is MISSING else field.default
                option = _under(declared[field.name], kind.panel)
                shown.append(Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=option))
        else:
            shown.append(parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=kind))

    @wraps(command)
    def called(**options: Any) -> None:
        given = Given({name: value for name, value in options.items() if value is not None})
        built = {
            name: kind(**{field.name: options.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        command(**options, **built, **dict.fromkeys(together, given))

    called.__signature__ = Signature(shown)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return called


def _under(annotation: Any, panel: str) -> Any:
    """Return an option's annotation with the heading that the help has it under."""
    kind, option = get_args(annotation)
    option = copy(option)
    option.rich_help_panel = panel
    return Annotated[kind, option]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where answers are computed, and how many at once."""

    panel: ClassVar[str] = "Computing"
    batch_size: BatchSize = 32
    workers: Workers = 0
    device: Device = "auto"
    threads: Threads = None


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """How images are perturbed and answered for, and which of them."""

    panel: ClassVar[str] = "Measuring"
    engine: Engine = "torch"
    precision: Precision = "fp32"
    seed: Seed = 0
    limit: Limit = None


@dataclass(frozen=True, kw_only=True)
class Display:
    """How results are printed, drawn and written."""

    panel: ClassVar[str] = "Tables and figures"
    metric: "Metric" = "attribution_accuracy"
    unit: "Unit" = "group"
    against: Annotated[str | None, Option(help="weights that the others are compared with; the best if left out")] = (
        None
    )
    figures: Annotated[Path | None, Option(help="folder to draw figures into")] = None
    figure_form: "FigureForm" = "png"
    html: Annotated[Path | None, Option(help="write one page with all tables and figures here")] = None
    intervals: Annotated[bool, Option("--intervals", help="print 95 % bootstrap intervals")] = False
    markdown: Annotated[bool, Option("--markdown", help="print Markdown tables")] = False
    latex: Annotated[bool, Option("--latex", help="print LaTeX tables (booktabs)")] = False
    as_json: Json = False
    as_csv: Csv = False

    @property
    def form(self) -> "Form":
        """The form that one option names, tables for a terminal if none does; UsageError where two do."""
        asked: dict[Form, bool] = {
            "markdown": self.markdown,
            "latex": self.latex,
            "json": self.as_json,
            "csv": self.as_csv,
        }
        forms = [form for form, wanted in asked.items() if wanted]
        if len(forms) > 1:
            names = " and ".join(f"--{form}" for form in forms)
            raise UsageError(f"{names} cannot be combined.", "Use one of them.")
        return forms[0] if forms else "terminal"

    def files(self) -> dict[str, Any]:
        """Return what is drawn and written, and from which values."""
        return {name: vars(self)[name] for name in ("metric", "figures", "figure_form", "html")}

    def check(self, *, force: bool) -> None:
        """Refuse, before long work, what cannot be combined, and files or folders that are there already."""
        from ganprint.api.overviews import check_display

        assert self.form
        check_display(self.metric, self.unit, self.figures, self.html, force=force)


Form = Literal["terminal", "markdown", "latex", "json", "csv"]
FigureForm = Annotated[Literal["png", "svg"], Option("--figure-form", help="file format of figures")]
Metric = Annotated[
    Literal["detection_accuracy", "attribution_accuracy", "balanced_accuracy", "nmi"],
    Option(
        "--metric",
        metavar="METRIC",
        help="metric of robustness tables and figures: detection_accuracy, attribution_accuracy, balanced_accuracy or "
        "nmi",
    ),
]
Unit = Annotated[
    Literal["group", "image"],
    Option("--unit", help="what has one vote: a group in its source, or an image (fractions of images)"),
]
