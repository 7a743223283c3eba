"""The report: all that was found is on the page, nothing of it runs or loads, and names stay in their place."""

import base64
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganprint.attributor import Attributor, AttributorConfig, AttributorSpec, Prediction, View
from ganprint.errors import OutputExistsError
from ganprint.forensics.ensemble import Ensemble
from ganprint.forensics.evidence import crop_map
from ganprint.forensics.predictors import WeightsPredictor
from ganprint.forensics.record import CaseRecord, Examined, WeightsFacts, why_review
from ganprint.forensics.verdict import (
    NO_RULE,
    Agreement,
    Change,
    Evidence,
    Failure,
    MethodAnswer,
    Ratio,
    Verdict,
    Views,
)
from ganprint.forensics.verdict_stream import stream_verdicts
from ganprint.images import ImageFile
from ganprint.images.views import whole_picture
from ganprint.provenance.stated import read_stated
from ganprint.reporting import report
from ganprint.reporting.report import Exhibits, write_report
from ganprint.weights import KindRates, Rate, VerdictRates

from ..conftest import Page, encoded, make_card, noise

HOSTILE = [
    "<script>alert(1)</script>.png", '"><img src=x onerror=alert(1)>.png', "' onmouseover='alert(1).png",
    "\x1b[31mred\x1b[0m\x07.png", "{{7*7}}{% raw %}.png", "two\nlines\r\n.png", "\u202egnp.evil.png",
    "lone\udcff\ud800surrogates.png", "javascript:alert(1)", "x" * 10_000,
]  # fmt: skip


class Brightness(Attributor):
    """Names the second source the more, the brighter an image is."""

    spec = AttributorSpec("brightness", "Brightness", "none", 2026, AttributorConfig)

    def predict(self, images: Tensor) -> Prediction:
        brightness = images.float().mean((1, 2, 3)) / 64
        return Prediction(torch.stack([torch.full_like(brightness, 2.0), brightness], dim=1))

    def state(self) -> dict[str, Tensor]:
        return {}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        return None


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    view = View(kind="native", size=32, crops=1)
    stranger = {"distribution": "stranger", "version": "1"}
    card = make_card(method="brightness", plugin=stranger, view=view, sha256="5" * 64)
    return Ensemble([WeightsPredictor(Brightness(AttributorConfig(view=view), card.sources), card)])


def image_of(name: str, seed: int = 0, statement: str = "A camera") -> ImageFile:
    exif = Image.Exif()
    exif[0x010F] = statement.encode("utf-8", "replace").decode()
    return read_stated(encoded(noise(40, 48, 3, seed=seed), "JPEG", exif=exif), name=name, metadata=True)


def record_of(verdicts: list[Verdict], rates: Sequence[VerdictRates] = (), **fields: Any) -> CaseRecord:
    facts = WeightsFacts(
        method="brightness", weights="small", weights_sha256="5" * 64, plugin="stranger 1",
        sources=["real", "progan"], calibration="The probabilities are calibrated on 100 images.",
        rates=list(rates),
    )  # fmt: skip
    images = [
        Examined(verdict=each, sha256_after=each.sha256, review=why_review(each, each.sha256)) for each in verdicts
    ]
    given: dict[str, Any] = {
        "date": datetime(2026, 11, 21, 12, 30, 5, tzinfo=UTC), "folder": "/work", "system": "Linux",
        "command": "ganprint attribute case --report case.html", "hardware": "x86_64", "device": "cpu",
        "versions": {"python": "3.11.7", "ganprint": "0.1.0"}, "weights": [facts], "images": images,
    }  # fmt: skip
    return CaseRecord(**given | fields)


def examined(ensemble: Ensemble, *images: ImageFile, maps: bool = False) -> tuple[Exhibits, list[Verdict]]:
    """Return what the report shows of images, and the verdicts on them."""
    exhibits = Exhibits(ensemble, maps=maps)
    for image in images:
        exhibits.see(image)
    return exhibits, list(stream_verdicts([(image.name, image) for image in images], ensemble))


def written(record: CaseRecord, exhibits: Exhibits, folder: Path) -> tuple[str, Page]:
    path = folder / "case.html"
    write_report(record, exhibits, path)
    text = path.read_bytes().decode("utf-8")
    return text, Page(text)


def test_nothing_that_a_file_says_runs_loads_or_leaves_its_place(ensemble: Ensemble, tmp_path: Path) -> None:
    images = [image_of(name, seed, name) for seed, name in enumerate(HOSTILE)]
    exhibits, verdicts = examined(ensemble, *images)
    verdicts[0] = verdicts[0].model_copy(update={"warnings": HOSTILE, "reason": HOSTILE[1]})
    verdicts.append(ensemble.failed(HOSTILE[0], OutputExistsError(HOSTILE[1], "")))
    record = record_of(verdicts, command=HOSTILE[0], folder=HOSTILE[7], system=HOSTILE[3])
    text, page = written(record, exhibits, tmp_path)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "iframe", "object", "embed", "link", "base", "form", "svg"}
    assert {name for _, attributes in page.tags for name in attributes} <= {
        *("lang", "charset", "http-equiv", "content", "name", "class", "id", "style", "href", "src", "alt")
    }
    addresses = [given.get("src") or given.get("href") or "" for _, given in page.tags]
    assert all(re.match(r"data:image/(png|jpeg);base64,|#image-\d+$|$", each) for each in addresses)
    assert "default-src 'none'" in text and "url(" not in text and "@import" not in text
    assert set(map(chr, range(32))) & set(text) == {"\n"} and "\u202e" not in text
    # Shown as it is, not evaluated and not lost.
    assert all(shown in page.words for shown in (HOSTILE[0], HOSTILE[1], "{{7*7}}", "\\x1b[31m", "\\udcff"))


def test_pictures_are_made_anew_from_the_pixels(ensemble: Ensemble, tmp_path: Path) -> None:
    image = replace(image_of("a.jpg"), pixels=np.random.default_rng(0).integers(0, 256, (900, 1200, 3), np.uint8))
    exhibits, (verdict,) = examined(ensemble, image, maps=True)
    _, page = written(record_of([verdict]), exhibits, tmp_path)
    (crop,) = verdict.crops
    (mark,) = (given for tag, given in page.tags if "crop" in (given.get("class") or "").split())
    assert (mark["style"] or "").startswith(f"left: {100 * crop.left / 48}%; top: {100 * crop.top / 40}%")
    assert "mapped" in (mark["class"] or "") and f"{100 * crop.synthetic_probability:.0f}" in page.words
    thumbnail, maps = (
        Image.open(io.BytesIO(base64.b64decode((given["src"] or "").partition(",")[2])))
        for tag, given in page.tags
        if tag == "img"
    )
    assert max(thumbnail.size) == report.THUMBNAIL and not thumbnail.getexif()
    assert maps.format == "PNG" and maps.width > 600
    assert "they are not proof of where an image comes from" in page.words


def test_the_thick_frame_is_around_the_crop_that_the_maps_are_of(tmp_path: Path) -> None:
    view = View(kind="native", size=32, crops=4)
    card = make_card(method="brightness", view=view, sha256="5" * 64)
    ensemble = Ensemble([WeightsPredictor(Brightness(AttributorConfig(view=view), card.sources), card)])
    # Brighter from left to right: the crop that speaks most for the most likely source is not the first.
    pixels = np.random.default_rng(0).integers(0, 100, (40, 200, 3)) + np.linspace(0, 100, 200)[:, None]
    image = replace(image_of("a.jpg"), pixels=pixels.astype(np.uint8), width=200, height=40)
    exhibits, (verdict,) = examined(ensemble, image, maps=True)
    shares = [each.synthetic_probability for each in verdict.crops]
    assert verdict.likeliest == "real" and shares.index(min(shares)) != 0
    _, page = written(record_of([verdict]), exhibits, tmp_path)
    marks = [(given.get("class") or "").split() for tag, given in page.tags if tag == "span"]
    marks = [classes for classes in marks if "crop" in classes]
    assert [("mapped" in classes) for classes in marks] == [share == min(shares) for share in shares]


def test_no_probability_is_shown_as_none_or_all(ensemble: Ensemble, tmp_path: Path) -> None:
    exhibits, (verdict,) = examined(ensemble, image_of("a.jpg"))
    sure: dict[str, Any] = {"reason": None, "synthetic_probability": 1.0, "probabilities": {"real": 0.0, "progan": 1.0}}
    sure |= {"crops": [verdict.crops[0].model_copy(update={"synthetic_probability": 0.997})]}
    sure |= {"views": Views(count=2, agreeing=2, least_synthetic=0.0, most_synthetic=1.0)}
    text, page = written(record_of([verdict.model_copy(update=sure)]), exhibits, tmp_path)
    assert not re.search(r"\b100(\.0)?\s%|\s0(\.0)?\s%", page.words)
    assert "from < 0.1 % to > 99.9 %" in page.words and "Probability of synthetic: > 99.9 %" in page.words
    assert re.search(r'class="crop[^>]*>&gt;99<', text)


def test_scores_of_uncalibrated_weights_are_not_called_probabilities_nor_a_verdict(
    ensemble: Ensemble, tmp_path: Path
) -> None:
    exhibits, (verdict,) = examined(ensemble, image_of("a.jpg"))
    _, page = written(record_of([verdict]), exhibits, tmp_path)
    assert verdict.reason == NO_RULE
    assert "Verdict: none" in page.words and "Score of synthetic" in page.words and "Scores by source" in page.words
    assert "Probability of synthetic" not in page.words and "Verdict: inconclusive" not in page.words


def test_frames_and_map_end_where_a_border_begins(ensemble: Ensemble, tmp_path: Path) -> None:
    pixels = np.full((64, 80, 3), 255, np.uint8)
    pixels[16:40, 8:72] = noise(24, 64, 3)
    image = replace(image_of("a.jpg"), pixels=pixels, width=80, height=64)
    exhibits, (verdict,) = examined(ensemble, image)
    (crop,) = verdict.crops
    assert (crop.top, crop.side) == (16, 32), "taller than the content"
    _, page = written(record_of([verdict]), exhibits, tmp_path)
    (style,) = (given["style"] for tag, given in page.tags if "crop" in (given.get("class") or "").split())
    assert (style or "").endswith(f"top: 25.0%; width: 40.0%; height: {100 * 24 / 64}%")
    (predictor,) = ensemble.predictors
    over = crop_map(predictor.attributor, predictor.card, whole_picture(pixels))
    assert over is not None and sorted(set(np.nonzero(over.values)[0])) == [2, 3, 4], "rows 16 to 40 in blocks of 8"


@pytest.mark.parametrize("called", ["real", "inconclusive", "progan"])
def test_a_generator_that_the_file_names_stands_under_the_verdict(
    called: str, ensemble: Ensemble, tmp_path: Path
) -> None:
    exhibits, (verdict,) = examined(ensemble, image_of("a.jpg"))
    assert verdict.metadata is not None
    metadata = verdict.metadata.model_copy(update={"signs": ["Its EXIF names a generator."]})
    stated = {"verdict": called, "stated_generator": "Midjourney", "metadata": metadata}
    _, page = written(record_of([verdict.model_copy(update=stated)]), exhibits, tmp_path)
    assert "The file says: made with Midjourney." in page.words
    assert ("metadata name a generator, its pixels were not called synthetic" in page.words) == (called != "progan")


def test_two_files_of_one_name_keep_their_own_pictures(ensemble: Ensemble) -> None:
    exhibits, verdicts = examined(ensemble, image_of("-", 1), image_of("-", 2))
    kept = [exhibits.of(verdict) for verdict in verdicts]
    assert kept[0] and kept[1] and kept[0].thumbnail != kept[1].thumbnail
    assert exhibits.of(ensemble.failed("-", OutputExistsError("", ""))) is None


def test_images_without_maps_are_named(ensemble: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MAPPED", 1)
    exhibits, verdicts = examined(ensemble, *(image_of(f"{seed}.jpg", seed) for seed in (1, 2, 3)), maps=True)
    _, page = written(record_of(verdicts), exhibits, tmp_path)
    assert "only the first 1 images that could be read have them" in page.words
    assert page.words.count("No maps: only the first 1") == 2


def full_verdict() -> Verdict:
    method = MethodAnswer(
        method="yu", weights="yu-native", weights_sha256="6" * 64, verdict="real", synthetic_probability=0.03,
        reason="Synthetic at 3.0% is at most 5.0%.", probabilities={"real": 0.97, "progan": 0.03},
        likeliest="real", known_score=0.9, views=None,
    )  # fmt: skip
    return Verdict(
        path="a.png", sha256="1" * 64, width=640, height=480, format="PNG", verdict="synthetic-unknown",
        synthetic_probability=0.99995, probabilities={"real": 0.00005, "progan": 0.4, "stylegan": 0.59995},
        likeliest="stylegan", runner_up="progan", weights_sha256="7" * 64, method="repmix+yu", weights="a+b",
        reason="No source is likely enough.", enrolled={"mine": 0.125}, known_score=0.5, methods=[method],
        warnings=["The image is too small."], evidence=[Evidence(kind="noise in brightness", log_odds=1.25)],
        likelihood_ratios=[
            Ratio(proposition="synthetic", against="real", log10=-2.0, words="moderately strong support", bounded=True),
            Ratio(proposition="progan", against="not progan", log10=0.3, words=None, bounded=False),
        ],
        views=Views(count=5, agreeing=3, least_synthetic=0.25, most_synthetic=0.75),
        agreement=Agreement(real=1, synthetic=1, inconclusive=0, sources={"progan": 1}),
        stability=[Change(change="jpeg=90", verdict="real", synthetic_probability=0.1, holds=False)],
    )  # fmt: skip


def test_the_page_never_says_that_real_is_the_most_likely_source(ensemble: Ensemble, tmp_path: Path) -> None:
    (tmp_path / "case.json").write_bytes(b"{}")
    changed = {"verdict": "inconclusive", "likeliest": "real", "runner_up": "progan"}
    verdict = full_verdict().model_copy(update=changed)
    _, page = written(record_of([verdict]), Exhibits(ensemble, maps=False), tmp_path)
    assert "Best match among generators: progan." in page.words and "crops point to no generator" in page.words
    assert "Most likely source: real" not in page.words and "point to real" not in page.words
    assert "no generator" in page.words.split("Answers of each method")[1]


def test_everything_that_was_found_is_on_the_page(ensemble: Ensemble, tmp_path: Path) -> None:
    (tmp_path / "case.json").write_bytes(b"{}")
    error = Failure(code="not_found", message="b.png is not there.")
    failure = Verdict(path="b.png", method="m", weights="w", weights_sha256=None, error=error)
    changed = Examined(verdict=full_verdict(), sha256_after="2" * 64, review=["The file changed."])
    record = record_of([full_verdict(), failure], fusion_sha256="7" * 64, stability=True)
    record = record.model_copy(update={"images": [*record.images, changed], "weights": 2 * record.weights})
    _, page = written(record, Exhibits(ensemble, maps=False), tmp_path)
    for said in (
        "2026-11-21 12:30:05 UTC",
        "ganprint attribute case --report case.html",
        "5" * 64,
        "7" * 64,
        "Verdict: synthetic, by which generator is not clear",
        "> 99.9 %",
        "100 times more probable if the image is real than if it is synthetic: moderately strong support for real",
        "against real -2.00, capped",
        "3 of 5 crops point to stylegan",
        "noise in brightness",
        "+1.25",
        "25.0 % to 75.0 %",
        "1 synthetic, 1 without a trace",
        "saved as JPEG, quality 90",
        "The image is too small.",
        "Nearer to the enrolled mine by +0.125",
        "b.png is not there.",
        "3 of 3 call for a closer look",
        "unchanged",
        "CHANGED",
        "Below 0.1 % each: real",
        "No error rates were measured",
        hashlib.sha256(b"{}").hexdigest(),
        "ganprint verify case.json",
    ):
        assert said in page.words, said


def test_a_clean_verdict_has_the_general_sentence_and_no_flag(ensemble: Ensemble, tmp_path: Path) -> None:
    exhibits, (verdict,) = examined(ensemble, image_of("a.jpg"))
    clean = verdict.model_copy(update={"verdict": "real", "source": None, "warnings": []})
    _, page = written(record_of([clean]), exhibits, tmp_path)
    assert "0 of 1 call for a closer look" in page.words and "Human review: look closer" not in page.words
    assert "A person must review this image" in page.words
    metadata = page.words.partition("Metadata: what the file states")[2].partition("How often")[0]
    assert "not used for the verdict" in metadata and "A camera" in metadata
    assert metadata.strip().endswith("neither its presence nor its absence proves anything.")


def test_rates_are_shown_with_intervals_by_policy_and_photo_set(ensemble: Ensemble, tmp_path: Path) -> None:
    def rates(policy: str, **fields: Any) -> VerdictRates:
        given = {"data": "union.csv", "data_sha256": "0" * 64, "split": "test", "policy": policy, "seed": 0}
        return VerdictRates(**given | {"n": 400, "verdicts": {"real": 0.5, "inconclusive": 0.5}} | fields)

    def rate(value: float) -> Rate:
        return Rate(n=100, value=value, low=value - 0.01, high=value + 0.01)

    measured = [
        rates("none", false_alarms=rate(0.02), false_alarms_by_set={"coco": rate(0.03), "ffhq": rate(0.04)}),
        rates("share:jpeg=90", kinds={"gan": KindRates(real=rate(0.11), synthetic=rate(0.66))}),
        rates("test-seen", missed=rate(0.05), cllr=0.25, cllr_min=0.2, calibration_error=0.0321),
    ]
    _, page = written(record_of([full_verdict()], measured), Exhibits(ensemble, maps=False), tmp_path)
    found = page.words.partition("How often these weights err")[2]
    for said in ("2.0 % 1.0 % to 3.0 %, n = 100", "ffhq", "0.250 (0.200)", "0.032", "test-seen"):
        assert said in found, said
    assert "66.0 %" in found.partition("By kind, saved as JPEG, quality 90")[2]
    assert "No error rates" not in found


def test_a_report_is_not_overwritten_unasked(ensemble: Ensemble, tmp_path: Path) -> None:
    path = tmp_path / "case.html"
    path.write_text("mine")
    with pytest.raises(OutputExistsError, match="already exists"):
        write_report(record_of([full_verdict()]), Exhibits(ensemble, maps=False), path)
    assert path.read_text() == "mine"
    write_report(record_of([full_verdict()]), Exhibits(ensemble, maps=False), path, force=True)
    assert "1 image," in path.read_text(encoding="utf-8") and [path] == list(tmp_path.iterdir())
