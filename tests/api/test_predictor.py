"""`ganprint.load`: one call, many, batches of columns, and other processes."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ganprint
from ganprint.errors import ImageNotFoundError, UsageError, WeightsError

from ..conftest import run_code


@pytest.fixture(scope="module")
def predictor(judged_weights: Path) -> ganprint.Predictor:
    return ganprint.load(judged_weights, device="cpu", batch_size=4)


@pytest.fixture
def images(tiny_manifest: Path) -> list[Path]:
    return [tiny_manifest.parent / source / "test_seen0.png" for source in ("real", "progan", "stylegan")]


def test_scores_are_those_of_the_verdict_with_an_embedding(
    predictor: ganprint.Predictor, images: list[Path], judged_weights: Path
) -> None:
    one = predictor(images[1])
    several = predictor(images)
    assert isinstance(one, ganprint.Score) and isinstance(several, list)
    verdicts = list(ganprint.attribute(images, weights=judged_weights, enrolled=False, device="cpu"))
    assert [score.verdict for score in several] == [verdict.verdict for verdict in verdicts]
    for score, verdict in zip([*several, one], [*verdicts, verdicts[1]], strict=True):
        assert score.probabilities == pytest.approx(verdict.probabilities, abs=1e-4)
        assert score.synthetic_probability == pytest.approx(1 - score.probabilities["real"], abs=1e-5)
        assert score.embedding is not None and score.embedding.shape == several[0].embedding.shape
    assert predictor.sources == tuple(one.probabilities) == ("real", "progan", "stylegan")
    assert predictor.card.name == judged_weights.name or predictor.card.method == "repmix"


def test_errors_are_raised_and_a_folder_is_not_one_image(predictor: ganprint.Predictor, images: list[Path]) -> None:
    with pytest.raises(ImageNotFoundError):
        predictor([images[0], "absent.png"])
    with pytest.raises(UsageError, match="not one image") as error:
        predictor(images[0].parent)
    assert "list" in error.value.hint
    assert len(predictor([images[0].parent])) == len(list(images[0].parent.iterdir()))


@pytest.mark.parametrize("column", ["path", "bytes", "image"])
def test_a_batch_of_columns_comes_back_with_columns_that_have_one_row_an_image(
    predictor: ganprint.Predictor, images: list[Path], column: str
) -> None:
    values: dict[str, Any] = {
        "path": np.array([*map(str, images), "absent.png"]),
        "bytes": [*(path.read_bytes() for path in images), b""],
        "image": [*(np.asarray(Image.open(path)) for path in images), np.zeros((8, 8, 3), np.uint8)],
    }
    flat = np.full((40, 40, 3), 128, np.uint8)
    rows = values[column]
    found = predictor({column: rows, "id": np.arange(4)})
    assert list(found["id"]) == [0, 1, 2, 3] and ("path" in found) == (column == "path")
    assert found["probabilities"].shape == (4, 3) and found["embedding"].shape[0] == 4
    assert {found[name].dtype for name in ("probabilities", "embedding", "synthetic_probability")} == {
        np.dtype(np.float32)
    }
    assert [bool(said) for said in found["error"]] == [False, False, False, True]
    assert np.isnan(found["probabilities"][3]).all() and np.isnan(found["embedding"][3]).all()
    expected = [score.synthetic_probability for score in predictor(images)]
    assert found["synthetic_probability"][:3] == pytest.approx(expected, abs=1e-4)
    empty = predictor({"image": [flat]})
    assert empty["verdict"][0] == "inconclusive" and not empty["error"][0]
    assert empty["embedding"].shape == (1, found["embedding"].shape[1])


def test_a_batch_without_images_is_refused(predictor: ganprint.Predictor, images: list[Path]) -> None:
    with pytest.raises(UsageError, match="columns id has no images"):
        predictor({"id": [1]})
    with pytest.raises(UsageError, match="int is not an image"):
        predictor({"image": [1]})
    none = predictor({"path": []})
    assert none["probabilities"].shape == (0, 3) and {none[name].dtype.kind for name in ("verdict", "error")} == {"U"}


def test_a_pickle_has_no_tensors_and_answers_the_same_in_another_process(
    predictor: ganprint.Predictor, images: list[Path], tmp_path: Path
) -> None:
    expected = predictor(images[1]).synthetic_probability
    pickled = pickle.dumps(predictor)
    assert len(pickled) < 2000
    (tmp_path / "predictor.pickle").write_bytes(pickled)
    code = (
        "import pickle, sys; from pathlib import Path\n"
        "predictor = pickle.loads(Path(sys.argv[1]).read_bytes())\n"
        "print('torch' in sys.modules, predictor(sys.argv[2]).synthetic_probability)"
    )
    imported, value = run_code(code, tmp_path / "predictor.pickle", images[1]).split()
    assert imported == "False" and float(value) == pytest.approx(expected, abs=1e-4)


def test_other_weights_of_that_name_are_refused_where_it_is_unpickled(judged_weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(judged_weights, folder)
    predictor = ganprint.load(folder, device="cpu")
    assert predictor.sources
    pickled = pickle.dumps(predictor)
    card = folder / "card.yaml"
    card.write_text(card.read_text().replace(str(predictor.card.sha256), "a" * 64))
    with pytest.raises(WeightsError, match="as they were"):
        assert pickle.loads(pickled).sources


def test_weights_that_are_not_there_are_named_at_once() -> None:
    with pytest.raises(WeightsError, match="nobody"):
        ganprint.load("nobody")


def test_the_default_weights_answer_in_inference_mode_and_after_they_were_loaded_in_it() -> None:
    import torch

    image = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    predictor = ganprint.load(device="cpu")
    with torch.inference_mode():
        inside = predictor(image)
    assert inside.probabilities and inside.probabilities == predictor(image).probabilities
