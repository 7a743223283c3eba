"""A condition that was interrupted goes on where its notebook ends, to the same answers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

from ganprint.data import Manifest
from ganprint.evaluation.answers import Answers, Computing, answer_manifest
from ganprint.evaluation.conditions import Condition, Kept
from ganprint.evaluation.unfinished import Notebook
from ganprint.perturbation import parse_policy
from ganprint.weights import load_attributor

from ..conftest import encoded, noise, write_manifest


@pytest.fixture
def images(tmp_path: Path) -> Manifest:
    """Return eleven images, of which the third cannot be read."""
    for number in range(11):
        (tmp_path / f"{number}.png").write_bytes(encoded(noise(40, 40, 3, seed=number)))
    (tmp_path / "2.png").write_bytes(b"no image")
    rows = [{"path": f"{number}.png", "source": ("real", "progan")[number % 2]} for number in range(11)]
    return Manifest.open(write_manifest(tmp_path / "few.csv", rows))


def test_it_goes_on_to_the_same_answers(images: Manifest, tiny_weights: Path, tmp_path: Path) -> None:
    attributors = [load_attributor(tiny_weights)[0] for _ in range(2)]
    condition = Condition(parse_policy("test-seen"))
    whole = answer_manifest(attributors, images, condition, computing=Computing(batch_size=2))
    notebook = Notebook(tmp_path / "notes" / "a.safetensors", ("one", "two"), every=0)

    def stop_at_the_third_batch(done: int, total: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    told: list[int] = []

    def noted(progress: Callable[[int, int], None]) -> list[Answers]:
        options = {"computing": Computing(batch_size=2), "notebook": notebook, "progress": progress}
        return answer_manifest(attributors, images, condition, **options)

    with pytest.raises(KeyboardInterrupt):
        noted(stop_at_the_third_batch)
    # The second time as if the first had been killed between its last answer and its result.
    first, second = (noted(lambda done, total: told.append(done)) for _ in range(2))
    assert told == [6, 8, 10, 11]
    for before, after in zip([*whole, *whole], [*first, *second], strict=True):
        np.testing.assert_array_equal(after.rows, before.rows)
        np.testing.assert_array_equal(after.probabilities, before.probabilities)
        np.testing.assert_array_equal(after.labels, before.labels)
        assert [str(each) for each in after.failures] == [str(each) for each in before.failures] != []
    notebook.remove()
    assert not (tmp_path / "notes").exists()


def test_a_notebook_that_lacks_a_method_or_is_damaged_is_begun_anew(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "a.safetensors", ("one", "two"))
    found = notebook.read()
    found.batches, found.rows = 3, [0, 1]
    found.probabilities = [[np.ones(2), np.ones(2)], [np.zeros(2), np.zeros(2)]]
    notebook.write(found)
    only_two = Notebook(notebook.path, ("two",)).read()
    assert only_two.batches == 3 and np.array(only_two.probabilities).sum() == 0
    assert Notebook(notebook.path, ("one", "three")).read().batches == 0
    notebook.path.write_bytes(notebook.path.read_bytes()[:20])
    assert notebook.read().batches == 0
    notebook.path.write_bytes(save({"rows": np.zeros(1)}))
    assert notebook.read().batches == 0


def test_an_image_that_is_mended_meanwhile_is_answered_for(
    images: Manifest, tiny_weights: Path, tmp_path: Path
) -> None:
    attributor, _ = load_attributor(tiny_weights)
    notebook = Notebook(tmp_path / "a.safetensors", ("one",), every=0)
    condition = Condition(parse_policy("none"))
    options = {"computing": Computing(batch_size=4), "notebook": notebook}
    (before,) = answer_manifest([attributor], images, condition, **options)
    assert len(before.rows) == 10
    Image.new("RGB", (40, 40)).save(images.path(2))
    (after,) = answer_manifest([attributor], images, condition, **options)
    assert after.rows.tolist() == list(range(11)) and not after.failures


def test_images_are_kept_while_there_is_room(images: Manifest, tiny_weights: Path) -> None:
    attributor, _ = load_attributor(tiny_weights)
    kept = Kept(limit=3 * 40 * 40 * 3)
    for _ in range(2):
        (answers,) = answer_manifest([attributor], images, Condition(parse_policy("none")), kept=kept)
        assert len(answers.rows) == 10
    assert kept.left == 0
    assert kept.get(images.path(0)) is not None and kept.get(images.path(4)) is None
