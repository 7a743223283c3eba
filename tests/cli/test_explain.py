"""`explain` writes one picture of what a method saw, and says what it cannot draw."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text
from PIL import Image

from ganprint.api.explanation import explain
from ganprint.attributor import Panel, View
from ganprint.data import Manifest
from ganprint.errors import OutputExistsError, UsageError
from ganprint.images.spectrum import log_dct
from ganprint.reporting.panels import draw_panels, panel_figure
from ganprint.reporting.spectra import average_spectra, spectrum_panels

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "chelsea.png"


def test_average_spectra_are_the_mean_of_each_sources_log_dct(tiny_manifest: Path) -> None:
    images = Manifest.open(tiny_manifest).select("train")
    found = average_spectra(images, View(kind="native", size=32))
    assert list(found) == ["real", "progan", "stylegan"]
    import torch

    from ganprint.data import ImageDataset

    dataset = ImageDataset(images, View(kind="native", size=32))
    progan = torch.stack([dataset[row][0] for row in np.flatnonzero(images.labels == 1).tolist()])
    np.testing.assert_allclose(found["progan"], log_dct(progan.float()).mean((0, 1)).numpy(), atol=1e-4)
    # Rows repeated in pairs hold nothing at the highest vertical frequencies.
    assert found["progan"][-4:].mean() < found["real"][-4:].mean() - 0.5
    titles = [panel.title for panel in spectrum_panels(found)]
    assert titles[3:] == ["progan minus real", "stylegan minus real"]


def test_sources_outside_the_known_ones_are_averaged_under_their_names(tiny_manifest: Path) -> None:
    images = Manifest.open(tiny_manifest).select("open")
    assert list(average_spectra(images, View(kind="native", size=32))) == ["pix2pix"]


def test_the_same_panels_make_the_same_file_and_nothing_is_overwritten(tmp_path: Path) -> None:
    panels = [
        Panel(r"$\frac$ is not mathematics", np.random.default_rng(0).normal(size=(20, 20)), diverging=True),
        Panel("constant", np.zeros((20, 20))),
        Panel("zero around zero", np.zeros((20, 20)), diverging=True),
        Panel("colours", np.random.default_rng(1).random((20, 20, 3))),
    ]
    draw_panels(panels, "a caption with $x$ and <html>", tmp_path / "one.png")
    draw_panels(panels, "a caption with $x$ and <html>", tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with pytest.raises(OutputExistsError):
        draw_panels(panels, "", tmp_path / "one.png")
    with pytest.raises(UsageError, match="cannot be written"):
        draw_panels(panels, "", tmp_path / "one.png" / "two.png")


def test_the_maps_of_an_image_that_are_asked_for_are_drawn(inside: Any, tmp_path: Path) -> None:
    maps = ("--map", "occlusion", "--map", "own")
    done = inside("explain", EXAMPLE, "--weights", "prnu.wild128", *maps, cwd=tmp_path, status=0)
    assert done.stdout.strip() == "chelsea-prnu.png" and not done.stderr
    with Image.open(tmp_path / "chelsea-prnu.png") as picture:
        assert picture.format == "PNG" and picture.width >= 700


def test_what_attribute_finds_nothing_to_examine_in_is_said_to_be_so() -> None:
    flat = Image.new("RGB", (200, 160), "grey")
    said = "`attribute` calls this image inconclusive: there is nothing to examine (it has no texture)."
    assert explain(flat, weights="prnu.mini", maps=["residual"]).caption.startswith(said)
    assert "nothing to examine" not in explain(EXAMPLE, weights="prnu.mini", maps=["residual"]).caption


def test_no_text_of_panels_overlaps_or_is_cut() -> None:
    picture = np.zeros((8, 200, 3))
    strip = Panel("a strip", np.random.default_rng(0).normal(size=(1, 25)), diverging=True, picture=picture)
    small = Panel("small values, of a title that takes two lines", np.full((8, 8), 1e-7), diverging=True)
    bars = Panel("bars", np.array([-20.0, 10.0]), labels=("a", "b"))
    figure = panel_figure([small, bars, strip, small, small, small], "a caption")
    figure.draw_without_rendering()
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts if text.get_window_extent().width]
    assert {"a strip", "−20", "bars"} <= {name for name, _ in boxes}
    for number, (name, box) in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 and figure.bbox.y0 <= box.y0, name
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, name
        for other, there in boxes[:number]:
            assert not box.padded(-1).overlaps(there.padded(-1)), (name, other)


def test_no_character_is_drawn_as_a_box() -> None:
    # The last is in a font of Matplotlib's that it does not draw with by itself.
    asked = "猫.png, \N{DEVANAGARI LETTER KA}, é and \N{MATHEMATICAL SCRIPT CAPITAL A}"
    bars = Panel("bars of 猫", np.array([1.0, 2.0]), labels=("猫", "b"))
    figure = panel_figure([bars], asked)
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    shown = "".join(text.get_text() for text in texts)
    assert "é and \N{MATHEMATICAL SCRIPT CAPITAL A}" in shown and ("猫.png" in shown or "\\u732b.png" in shown)
    for text in texts:
        fonts = [get_font(findfont(FontProperties(family=[name]))) for name in text.get_fontfamily()]
        drawn = {chr(code) for font in fonts for code in font.get_charmap()}
        assert set(text.get_text()) <= drawn | {" ", "\n"}, text.get_text()
        assert not any(font.family_name.startswith("Last") for font in fonts)


def test_a_manifests_spectra_are_drawn(inside: Any, tiny_manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "spectra.png"
    done = inside("explain", "--spectrum", "--data", tiny_manifest, "--split", "train", "--size", "32", "--out", out)
    assert done.returncode == 0, done.stderr
    with Image.open(out) as picture:
        assert picture.format == "PNG"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "either an image or"),
        (("x.png", "--spectrum"), "either an image or"),
        (("--spectrum",), "ganprint explain --spectrum --data MANIFEST"),
        (("x.png", "--data", "m.csv"), "either an image or"),
        (("x.png",), "There is no file x.png"),
        (("",), "An empty name is no image."),
        (("x.png", "-o", "x.txt"), "x.txt does not end in .png"),
        (("--spectrum", "--data", ".", "-o", "x.jpg"), "x.jpg does not end in .png"),
    ],
)
def test_what_cannot_be_drawn_is_a_sentence_and_a_hint(
    arguments: tuple[str, ...], said: str, inside: Any, tmp_path: Path
) -> None:
    done = inside("explain", *arguments, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert said in done.stderr
