"""Loading: the same images whatever serves them, every source its share, errors as they were raised."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing import resource_sharer

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganprint.attributor import View
from ganprint.data import Draw, ImageDataset, Manifest, SourceImages, loader
from ganprint.data.batching import BatchSampler
from ganprint.errors import ImageNotFoundError, NotAnImageError, UsageError, WorkerDiedError

VIEW = View(kind="native", size=32, crops=4)


def flatten(batches):
    return [draw for batch in batches for draw in batch]


def served(dataset, batches, workers):
    """Return {draw: pixels} of an epoch, keyed by what was drawn."""
    draws = flatten(batches)
    images = loader(dataset, batch_size=1, workers=workers, sampler=batches)
    found = [image for batch in images for image in batch.images]
    return dict(zip(draws, found, strict=True))


def test_a_random_view_depends_on_seed_epoch_row_and_repeat_alone(tree):
    manifest = Manifest.open(tree)
    dataset = ImageDataset(manifest, VIEW, augment=True, seed=5)
    reference = served(dataset, BatchSampler(dataset.labels, batch_size=4, seed=1, epoch=3, balanced=True), 0)
    for batch_size, workers in ((4, 2), (7, 0), (5, 1)):
        batches = BatchSampler(dataset.labels, batch_size=batch_size, seed=1, epoch=3, balanced=True)
        again = served(dataset, batches, workers)
        assert again.keys() == reference.keys()
        assert all(torch.equal(again[draw], reference[draw]) for draw in reference)
    assert torch.equal(dataset[2][0], dataset[Draw(2)][0])
    changed = [dataset[Draw(2, epoch, repeat)][0] for epoch in range(4) for repeat in range(4)]
    assert len({image.numpy().tobytes() for image in changed}) > 8
    other_seed = ImageDataset(manifest, VIEW, augment=True, seed=6)
    assert any(not torch.equal(other_seed[i][0], dataset[i][0]) for i in range(len(dataset)))


def test_a_new_epoch_reaches_workers_that_stay_alive(tree):
    dataset = ImageDataset(Manifest.open(tree), VIEW, augment=True)
    batches = BatchSampler(dataset.labels, batch_size=22, seed=0)
    images = loader(dataset, batch_size=22, workers=1, sampler=batches)
    first = next(iter(images))
    batches.set_epoch(1)
    second = next(iter(images))
    assert first.rows.tolist() != second.rows.tolist()
    for epoch, batch in enumerate((first, second)):
        for place, row in enumerate(batch.rows.tolist()):
            assert torch.equal(batch.images[place], dataset[Draw(row, epoch)][0])


def test_items_are_uint8_squares_with_label_and_row(tree):
    dataset = ImageDataset(Manifest.open(tree), VIEW)
    image, label, row = dataset[13]
    assert (image.dtype, tuple(image.shape), label, row) == (torch.uint8, (3, 32, 32), 1, 13)
    whole, label, row = SourceImages(dataset.manifest)[13]
    assert (tuple(whole.shape), label, row) == ((3, 36, 40), 1, 13)
    # On the grid of 8 x 8 px.
    assert any(torch.equal(image, whole[:, :32, left : left + 32]) for left in (0, 8))


def test_without_a_sampler_images_come_once_in_order_whatever_signals_reach_workers(tree):
    images = loader(SourceImages(Manifest.open(tree)), batch_size=5, workers=2)
    served = images._with_workers_started()
    for worker in multiprocessing.active_children():
        os.kill(worker.pid, signal.SIGTERM)  # as to the whole group: the parent decides
    batches = list(served)
    assert len(images) == len(batches) == 5
    assert torch.cat([batch.rows for batch in batches]).tolist() == list(range(22))
    assert isinstance(batches[0].images, list)


def test_a_program_that_ends_with_a_traceback_does_not_wait_for_its_workers(tree):
    code = (
        "import sys; from ganprint.data import Manifest, SourceImages, loader\n"
        "served = iter(loader(SourceImages(Manifest.open(sys.argv[1])), batch_size=5, workers=1))\n"
        "next(served); raise LookupError"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tree)], stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 1 and b"LookupError" in done.stderr


def test_loading_leaves_the_global_random_stream_alone(tree):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    list(loader(SourceImages(Manifest.open(tree)), batch_size=5))
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("broken", [b"no image", None])
def test_a_bad_file_raises_its_own_error_from_any_worker(tree, workers, broken):
    manifest = Manifest.open(tree)
    manifest.path(9).unlink() if broken is None else manifest.path(9).write_bytes(broken)
    with pytest.raises(ImageNotFoundError if broken is None else NotAnImageError) as caught:
        list(loader(ImageDataset(manifest, VIEW), batch_size=4, workers=workers))
    assert caught.value.message.startswith(("There is no file", str(manifest.path(9))))
    assert caught.value.hint and ("--images" in caught.value.hint) == (broken is None)


class Mortal(SourceImages):
    """Images at whose third batch the system ends the process that opens it."""

    def items(self, indices):
        if any(draw.row == 9 for draw in indices):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().items(indices)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_the_system_ends_is_a_sentence_with_a_hint(tree, workers):
    with pytest.raises(WorkerDiedError, match="died, most often for lack of memory") as caught:
        list(loader(Mortal(Manifest.open(tree)), batch_size=4, workers=workers))
    assert caught.value.hint == "Use fewer --workers."


class Dying(SourceImages):
    """Images at whose third batch a process loses its connections, as any does before the system tells of its end."""

    def items(self, indices):
        if any(draw.row == 9 for draw in indices):
            time.sleep(0.2)  # until those before are sent
            resource_sharer.stop()
            time.sleep(1)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().items(indices)


class Late(BatchSampler):
    """Batches so late that the images of the first are gone before they are fetched."""

    def __iter__(self):
        yield from super().__iter__()
        time.sleep(1)


def test_a_worker_whose_images_are_lost_before_its_end_is_known_died_too(tree):
    dataset = Dying(Manifest.open(tree))
    batches = Late(dataset.labels, batch_size=4, shuffle=False)
    with pytest.raises(WorkerDiedError):
        list(loader(dataset, batch_size=4, workers=2, sampler=batches))


labels_of = st.lists(st.integers(0, 3), min_size=1, max_size=60).map(np.array)


@settings(deadline=None, max_examples=60)
@given(
    labels=labels_of, size=st.integers(1, 5), world=st.integers(1, 3), balanced=st.booleans(),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_ranks_side_by_side_are_the_batches_of_one_process(labels, size, world, balanced, seed):
    options = {"batch_size": size * world, "seed": seed, "epoch": 2, "balanced": balanced}
    whole = list(BatchSampler(labels, **options))
    parts = [list(BatchSampler(labels, share=(rank, world), **options)) for rank in range(world)]
    assert len({len(part) for part in parts}) == 1
    joined = [flatten(batch) for batch in zip(*parts, strict=True)]
    assert joined == whole[: len(joined)]
    assert sum(map(len, whole)) - sum(map(len, joined)) < world
    assert all(batch for part in parts for batch in part)


@settings(deadline=None, max_examples=60)
@given(labels=labels_of, seed=st.integers(0, 9), epoch=st.integers(0, 3))
def test_balanced_draws_every_source_equally_and_no_image_again_before_its_turn(labels, seed, epoch):
    batches = BatchSampler(labels, batch_size=4, seed=seed, epoch=epoch, balanced=True)
    draws = flatten(batches)
    rows = np.array([draw.row for draw in draws])
    assert len(batches) == -(-len(draws) // 4)
    assert len(set(np.unique(labels[rows], return_counts=True)[1].tolist())) == 1
    for label in np.unique(labels):
        times = np.bincount(rows, minlength=len(labels))[labels == label]
        assert times.max() - times.min() <= 1
    assert len(set(draws)) == len(draws)


def test_shuffling_draws_all_once_and_differs_by_epoch_and_seed():
    labels = np.zeros(50, dtype=int)
    orders = {
        (seed, epoch): tuple(draw.row for draw in flatten(BatchSampler(labels, batch_size=8, seed=seed, epoch=epoch)))
        for seed in (0, 1)
        for epoch in (0, 1)
    }
    assert all(sorted(order) == list(range(50)) for order in orders.values())
    assert len(set(orders.values())) == 4


def test_an_epoch_resumes_at_any_batch():
    labels = np.arange(30) % 3
    batches = BatchSampler(labels, batch_size=4, seed=2, epoch=5, balanced=True)
    whole = list(batches)
    for start in (0, 3, 8):
        batches.set_epoch(5, start=start)
        assert list(batches) == whole[start:]
        assert len(batches) == len(whole) - start
    assert batches.batches == len(whole)


def test_drop_last_drops_only_the_short_batch():
    labels = np.zeros(10, dtype=int)
    assert [len(batch) for batch in BatchSampler(labels, batch_size=4, seed=0, drop_last=True)] == [4, 4]
    assert [len(batch) for batch in BatchSampler(labels, batch_size=4, seed=0)] == [4, 4, 2]


@pytest.mark.parametrize("options", [{"batch_size": 5, "share": (0, 2)}, {"batch_size": 4, "share": (2, 2)}])
def test_a_batch_that_cannot_be_shared_out_is_refused(options):
    with pytest.raises(UsageError):
        BatchSampler(np.zeros(9, dtype=int), **options)
