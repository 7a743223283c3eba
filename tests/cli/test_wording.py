"""What is said of verdicts, their ratios and their error rates."""

import re

import pytest

from ganprint.cli.assess import _print as print_rates
from ganprint.cli.verdicts import details
from ganprint.forensics.verdict import Change, Ratio, Verdict
from ganprint.forensics.wording import how_often_wrong, ratio_sentence
from ganprint.weights import Rate, VerdictRates, first_choice, read_card
from ganprint.weights.records import OTHERS


def test_how_often_a_verdict_is_wrong_is_said_of_verdicts_that_were_given_only() -> None:
    card = read_card(first_choice().path)
    assert list(how_often_wrong(card, ["inconclusive"])) == []
    (missed,) = how_often_wrong(card, ["real", "inconclusive"])
    (alarms,) = how_often_wrong(card, ["gan"])
    assert "no trace was found" in missed and "photographs" not in missed
    assert "photographs were called synthetic" in alarms and "no trace" not in alarms
    assert "source" not in alarms
    (named,) = how_often_wrong(card, ["dalle3", "flux"])
    first, others = (next(each for each in card.judgement.rates if kind in each.kinds) for kind in ("gan", OTHERS))
    diffusion = first.kinds["diffusion"]
    right, wrong = f"{diffusion.right_source.value:.0%}", f"{diffusion.wrong_source.value:.0%}"
    assert re.search(rf"{right} \(.*\) of images of diffusion models were given the right source and {wrong} ", named)
    assert re.search(rf"{others.kinds[OTHERS].wrong_source.value:.0%} \(.*\) of images of generators that", named)
    assert "GANs" not in named and named.count("(21 more groups)") == 1


@pytest.mark.parametrize(
    ("log10", "words", "bounded", "said"),
    [
        (1.66, "moderate support", False, "about 46 times more probable if the image is a than if it is b: moderate "),
        (-2.0, "moderately strong support", True, "100 times more probable if the image is b than if it is a: "),
        (0.1, "no support for either", False, "than if it is b: no support for either (log10"),
        (3.5, None, False, "about 3,162 times more probable if the image is a than if it is b (log10"),
    ],
)
def test_a_likelihood_ratio_is_said_of_the_answer_and_not_of_the_image(
    log10: float, words: str | None, bounded: bool, said: str
) -> None:
    sentence = ratio_sentence(Ratio(proposition="a", against="b", log10=log10, words=words, bounded=bounded))
    assert sentence.startswith("This answer is about") and said in sentence
    assert f"of a against b {log10:+.2f}" in sentence and ("capped" in sentence) == bounded


def test_a_change_under_which_no_trace_is_found_does_not_say_real() -> None:
    change = Change(change="jpeg=90", verdict="real", synthetic_probability=0.1, holds=False)
    verdict = Verdict(path="a.png", verdict="gan", method="m", weights="w", weights_sha256=None, stability=[change])
    assert details(verdict) == ["stability: holds under 0 of 1 changes; jpeg=90 no trace"]


def test_names_of_photo_sets_are_whole_in_a_narrow_terminal(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    names = [f"real__someone__a-project-of-many-photographs__camera-{number}" for number in (1, 2)]
    given = {"data": "x.csv", "data_sha256": "0" * 64, "split": "test", "policy": "none", "seed": 0, "n": 200}
    alarms = {name: Rate(n=100, value=0.01, low=0.0, high=0.05) for name in names}
    print_rates("small", [VerdictRates(**given, verdicts={"real": 1.0}, false_alarms_by_set=alarms)])
    cells = [line.split("│")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert all(name in "".join(cells) for name in names)
