"""`ganprint calibrate`: fit calibration and thresholds for stated error rates."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from rich.table import Table
from typer import Option

from ganprint.cli.console import command_line, complain, counting, echo_json, end_with, note
from ganprint.cli.option_groups import Given, Machine, grouped
from ganprint.cli.options import Data, Force, Images, Json, OneMethod, Policies, Seed, Weights, share
from ganprint.cli.tables import metric_words, print_titled

if TYPE_CHECKING:
    from ganprint.evaluation.calibrate import Calibrated


@grouped
def calibrate(
    *,
    given: Given,
    data: Data,
    method: OneMethod = None,
    weights: Weights = None,
    images: Images = None,
    split: Annotated[
        str | None,
        Option(
            help="images that the weights were not trained on; val if left out, or train+val if the training left "
            "groups out in turn"
        ),
    ] = None,
    policies: Policies = None,
    score: Annotated[
        Literal["max-probability", "energy", "mahalanobis", "knn", "vim"],
        Option(
            metavar="SCORE",
            help="score that separates images of other generators from known ones: max-probability, energy, "
            "mahalanobis, knn or vim",
        ),
    ] = "knn",
    false_unknown: Annotated[
        float, share(help="share of images of known sources that may be taken for unknown")
    ] = 0.02,
    false_alarm: Annotated[float, share(help="share of photographs that may be called synthetic")] = 0.02,
    miss: Annotated[float, share(help="share of generated images that may be called real, in each family")] = 0.1,
    wrong_family: Annotated[float, share(help="share of the named families that may be wrong")] = 0.1,
    wrong_source: Annotated[float, share(help="share of the named sources that may be wrong")] = 0.2,
    seed: Seed = 0,
    machine: Machine,
    figure: Annotated[Path | None, Option(help="draw the reliability before and after calibration, as a PNG")] = None,
    record: Annotated[
        bool, Option("--record", help="write the calibration into the weights' card, for `attribute`")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Fit calibration, thresholds and likelihood ratios to the answers for a split, and measure their effect.

    Calibration is one temperature, two (a second one for the generators), or isotonic regression: what is best on
    held-out images. If the images have groups, groups have equal weight and are held out as a whole.

    Example: ganprint calibrate --weights runs/mine --data mine.csv --record
    """
    from ganprint.api.choices import chosen_card
    from ganprint.api.error_rates import calibrate as fit

    with counting("calibrate") as progress:
        found = fit(**given.but("as_json"), command=command_line(), say=complain, progress=progress)
    if as_json:
        answered = found.judgement.model_dump(mode="json", exclude={"reference_sha256", "rates"})
        echo_json({"calibration": found.record.model_dump(mode="json"), "judgement": answered})
    else:
        print_calibration(chosen_card(weights, method).name, found)
    if not record:
        note("nothing was written; --record writes the calibration into the weights' card.")
    end_with(found.failures)


def print_calibration(name: str, found: "Calibrated") -> None:
    """Print what was fitted for weights of this name: calibration, thresholds and likelihood ratios."""
    from ganprint.calibration.decision import real_up_to

    record, rule = found.record, found.judgement
    levels = f", of sources {record.source_temperature:.3f}" if record.source_temperature else ""
    way = "isotonic regression" if record.isotonic else "two temperatures" if levels else "temperature"
    table = Table("", "before", f"after: {way}", "next best")
    for measure, before in record.before.items():
        values = (before, record.after[measure], record.otherwise[measure])
        table.add_row(metric_words(measure), *(f"{value:.4f}" for value in values))
    print_titled(
        f"{name}: temperature {record.temperature:.3f}{levels}, offset of real {record.real_offset:+.3f}; "
        f"{record.images} images of {record.split}, under {', '.join(record.policies)}",
        table,
    )
    verdicts = Table("verdict", "where", "wrong so often at most")
    shown = rule.score
    none = f"synthetic at most {real_up_to(rule):.1%}"
    if rule.detail_from is not None:
        none += f", fine detail at least {rule.detail_from:.1f} dB"
    verdicts.add_row("real", none, f"{rule.miss:.1%} of generated images")
    verdicts.add_row(
        "synthetic", f"synthetic at least {rule.synthetic_from:.1%}", f"{rule.false_alarm:.1%} of photographs"
    )
    verdicts.add_row("a family", f"its share at least {rule.family_from:.1%}", f"{rule.wrong_family:.1%} of names")
    verdicts.add_row("a source", f"its share at least {rule.source_from:.1%}", f"{rule.wrong_source:.1%} of names")
    verdicts.add_row("unknown", f"{shown} below {rule.unknown_below:.3f}", f"{rule.false_unknown:.1%} of known images")
    print_titled("Thresholds", verdicts)
    ratios = Table("likelihood ratio", "Cllr", "least Cllr", "log10 at most", "log10 at least")
    for proposition, ratio in {"synthetic": rule.synthetic, **rule.sources}.items():
        numbers = (ratio.cllr, ratio.cllr_min, ratio.most, ratio.least)
        ratios.add_row(proposition, *(f"{number:.3f}" for number in numbers))
    print_titled("Likelihood ratios, in cross-validation", ratios)
