"""The runner of a comparison: its jobs, which of them are missing, and their computation."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from ganprint.attributor import REAL, Attributor
from ganprint.data import Manifest
from ganprint.errors import ImageError, UsageError
from ganprint.evaluation.answers import answer_manifest, write_predictions
from ganprint.evaluation.conditions import Condition, Kept
from ganprint.evaluation.entry import NUMERICS, SHORT_HASH, Entry, Key, data_name, entry_key, recalibrated, result_name
from ganprint.evaluation.leaderboard import check_table, predictions_file, read_entries, save_entry, save_tables
from ganprint.evaluation.plan import Candidate, Job, JobBatch, Settings
from ganprint.evaluation.results import evaluate, setup_sha256
from ganprint.evaluation.unfinished import Notebook
from ganprint.files import locked_folder
from ganprint.perturbation import AnyPolicy, Attack, parse_any_policy
from ganprint.plain_text import printable
from ganprint.processes import gather, is_main_process, join, place
from ganprint.weights import load_attributor, utc_now
from ganprint.weights.environment import hardware, versions
from ganprint.weights.seen import seen_sentences


@dataclass
class Comparison:
    """The jobs of weights x (split, policy) over a manifest, opened with gaps, and the results there are of them.

    With `out` each result is a row for each value in DATA.csv there and a JSON file of its details under DATA/, and
    with `predictions` a CSV of one row per image beside that; what is there already for the same weights, data,
    condition and numerics version is not computed again, unless `force` is given. Weights whose method has no
    gradients are attacked through `surrogate`, if there is none through the first of the others that tells the same
    sources apart.
    """

    data: Manifest
    candidates: Sequence[Candidate]
    conditions: Sequence[tuple[str, str]]
    settings: Settings = field(default_factory=Settings)
    out: Path | None = None
    predictions: bool = False
    force: bool = False
    surrogate: Candidate | None = None

    def __post_init__(self) -> None:
        self._versions, self._device = versions(), self.settings.device
        self._images: dict[tuple[tuple[str, ...], str], Manifest] = {}
        self._manifests: dict[tuple[str, ...], Manifest] = {}
        self._attributors: dict[Path, Attributor] = {}
        self._pixels = Kept()
        names = [candidate.name for candidate in self.candidates]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(
                f"Two of the weights are called {', '.join(twice)}.", "Results are kept by name: rename one."
            )
        policies = {text: parse_any_policy(text) for _, text in self.conditions}
        self.jobs = [
            self._job(candidate, split, policies[text])
            for candidate in self.candidates
            for split, text in self.conditions
        ]
        self.found: dict[Key, Entry] = {}
        self._kept: dict[tuple[str, str], Entry] = {}
        if self.out is not None and self.out.is_dir() and not self.force:
            cards = {candidate.name: candidate.card for candidate in self.candidates}
            for entry in read_entries(self.out):
                if entry.weights in cards:
                    entry = recalibrated(entry, cards[entry.weights])
                rows = predictions_file(self.out, entry)
                self._kept[entry.data, entry.file_name] = entry
                if not entry.failed and (rows.is_file() or not self.predictions):
                    self.found[entry_key(entry)] = entry

    def _job(self, candidate: Candidate, split: str, policy: AnyPolicy) -> Job:
        settings = self.settings
        condition = Condition.of(
            policy, candidate.card.view, seed=settings.seed, engine=settings.engine, precision=settings.precision
        )
        victim = self._victim(candidate) if isinstance(policy, Attack) else None
        return Job(candidate, split, condition, victim)

    def _victim(self, candidate: Candidate) -> Candidate:
        """Return the weights whose gradients an attack on a candidate follows."""
        if candidate.has_gradients:
            return candidate
        given = [self.surrogate] if self.surrogate else list(self.candidates)
        fitting = [each for each in given if each.has_gradients and each.card.sources == candidate.card.sources]
        if not fitting:
            raise UsageError(
                f"{candidate.name} can be attacked only through weights with gradients and the same sources.",
                "Name some with --surrogate.",
            )
        return fitting[0]

    @cached_property
    def batches(self) -> list[JobBatch]:
        """All jobs, those of the same images and condition together, with a result or without."""
        together: dict[tuple[tuple[str, ...], str, Condition, Path | None], list[Job]] = {}
        for job in self.jobs:
            victim = job.victim.path if job.victim else None
            group = (job.candidate.card.sources, job.split, job.condition, victim)
            together.setdefault(group, []).append(job)
        return list(map(tuple, together.values()))

    def missing(self, batches: Sequence[JobBatch]) -> list[JobBatch]:
        """Return the batches with only those jobs that have no result yet."""
        left = [tuple(job for job in batch if self.key(job) not in self.found) for batch in batches]
        return [batch for batch in left if batch]

    def images(self, job: Job) -> Manifest:
        """Return the images of a job, numbered as its weights number their sources."""
        sources = job.candidate.card.sources
        if (sources, job.split) not in self._images:
            settings = self.settings
            chosen = self._whole(job.candidate).select(job.split, limit=settings.limit, seed=settings.seed)
            _check(chosen, job)
            self._images[sources, job.split] = chosen
        return self._images[sources, job.split]

    def _whole(self, candidate: Candidate) -> Manifest:
        sources = candidate.card.sources
        if sources not in self._manifests:
            manifest = self.data.known_to(sources)
            if manifest.named_by_position and any(each.card.sources != sources for each in self.candidates):
                raise UsageError(
                    f"{manifest.name} names no sources, and these weights number theirs differently.",
                    "Add a column source, or compare weights with the same sources.",
                )
            names = dict(self.settings.renamed)
            self._manifests[sources] = manifest.rename_sources(names).renumber(sources) if names else manifest
        return self._manifests[sources]

    @property
    def is_first(self) -> bool:
        """Whether this is the only process or the first of several, which has all results."""
        return is_main_process()

    def doubts(self) -> list[str]:
        """Return what should be known of the data before their results are read, a sentence each."""
        found = [
            f"{manifest.name} names no sources; its labels 0, 1, 2, ... are taken to be {', '.join(manifest.sources)}."
            for manifest in map(self._whole, self.candidates)
            if manifest.named_by_position
        ]
        for job in self.jobs:
            sources = job.candidate.card.sources
            outside = [name for name in self.images(job).source_names if name not in sources]
            if outside:
                found.append(
                    f"{job.candidate.name} does not know {', '.join(map(printable, outside))} in {job.split}; "
                    "images of such sources count for detection and open-set metrics only."
                )
            found += seen_sentences(job.candidate.card, self.images(job), job.split)
        return list(dict.fromkeys(found))

    def run(
        self,
        *,
        progress: Callable[[JobBatch, int], None] = lambda batch, images: None,
        finished: Callable[[JobBatch], None] = lambda batch: None,
        warn: Callable[[ImageError], None] = lambda failure: None,
    ) -> list[Entry]:
        """Compute what is missing and return all results, by weights and then condition.

        `progress` gets a batch of jobs and the number of images just answered, `finished` each whole batch. Started as
        several processes (`torchrun`), each computes every n-th batch, and the first returns the union, the others
        nothing. Raises UsageError where another run writes to `out`.
        """
        rank, processes = place()
        with locked_folder(self.out) if self.out is not None and not rank else nullcontext():
            if processes > 1:
                self._device = join(self.settings.device)
            self._check_out()
            # Shared out before results are looked up: a process that starts late may find another's already.
            share = self.missing(self.batches[rank::processes])
            try:
                for batch in share:
                    self._answer(batch, progress, warn)
                    finished(batch)
            finally:
                if processes == 1 and self.out is not None:
                    save_tables(self.out, self.results())
            if processes > 1:
                jobs = [job for batch in self.batches[rank::processes] for job in batch]
                for entry in gather([self.found[self.key(job)] for job in jobs]):
                    if not rank and entry_key(entry) not in self.found:
                        self._keep(entry)
                if not rank and self.out is not None:
                    save_tables(self.out, self.results())
        return [] if rank else self.results()

    def results(self) -> list[Entry]:
        """Return the results there are, by weights and then condition."""
        keys = [self.key(job) for job in self.jobs]
        return [self.found[key] for key in keys if key in self.found]

    def _answer(
        self, batch: JobBatch, progress: Callable[[JobBatch, int], None], warn: Callable[[ImageError], None]
    ) -> None:
        first, settings = batch[0], self.settings
        images, told = self.images(first), 0

        def tell(done: int, total: int) -> None:
            nonlocal told
            progress(batch, done - told)
            told = done

        notebook = self._notebook(batch)
        every = answer_manifest(
            [self.attributor(job.candidate) for job in batch],
            images,
            first.condition,
            victim=self.attributor(first.victim) if first.victim else None,
            computing=replace(settings, device=self._device),
            kept=self._pixels,
            notebook=notebook,
            progress=tell,
        )
        for failure in every[0].failures:
            warn(failure)
        for job, answers in zip(batch, every, strict=True):
            card = job.candidate.card
            evaluation = evaluate(card, images, job.split, answers)
            entry = Entry(
                **evaluation.model_dump(),
                data=data_name(images.name, self.settings.limit),
                surrogate=job.surrogate.name if job.surrogate else None,
                surrogate_sha256=job.surrogate.card.sha256 if job.surrogate else None,
                surrogate_setup_sha256=setup_sha256(job.surrogate.card) if job.surrogate else None,
                command=settings.command,
                date=utc_now(),
                hardware=hardware(self._device),
                versions=self._versions,
            )
            if self.out is not None and self.predictions:
                write_predictions(predictions_file(self.out, entry), card, images, answers)
            self._keep(entry)
        if notebook:
            notebook.remove()

    def _notebook(self, batch: JobBatch) -> Notebook | None:
        """Return where the answers so far of a batch are kept: named by all that they share."""
        if self.out is None or self.force:
            return None
        first, keys = batch[0], [self.key(job) for job in batch]
        shared = keys[0]._replace(weights="", weights_sha256=None, setup_sha256=None)
        victim = first.victim.card.sha256 if first.victim else None
        sources = first.candidate.card.sources
        text = json.dumps([*shared, victim, sources, self.settings.batch_size])
        names = [f"{key.weights_sha256} {key.setup_sha256}" for key in keys]
        file = f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"
        return Notebook(self.out / ".unfinished" / file, names)

    def _keep(self, entry: Entry) -> None:
        self.found[entry_key(entry)] = entry
        if self.out is not None:
            if not self.predictions:
                # Rows of an earlier result would not be this one's.
                predictions_file(self.out, entry).unlink(missing_ok=True)
            save_entry(self.out, entry)

    def _check_out(self) -> None:
        """Refuse a folder of results that holds those of other images under the same names."""
        if self.out is None:
            return
        for job in self.jobs:
            images = self.images(job)
            name = data_name(images.name, self.settings.limit)
            check_table(self.out / f"{name}.csv")
            through = job.surrogate.name if job.surrogate else None
            file = result_name(job.candidate.name, job.split, job.condition, through)
            kept = self._kept.get((name, file))
            if kept is not None and kept.data_sha256[:SHORT_HASH] != images.sha256[:SHORT_HASH]:
                raise UsageError(
                    f"{self.out} holds results of other images under the name {kept.data}.",
                    "Compare into another folder, or replace them with --force.",
                )

    def attributor(self, candidate: Candidate) -> Attributor:
        """Return the method with a candidate's weights, loaded once."""
        if candidate.path not in self._attributors:
            self._attributors[candidate.path] = load_attributor(candidate.path, device=self._device)[0]
        return self._attributors[candidate.path]

    def key(self, job: Job) -> Key:
        """Return what the result of a job depends on."""
        card, condition, through = job.candidate.card, job.condition, job.surrogate
        return Key.of(
            weights=card.name,
            weights_sha256=card.sha256,
            setup_sha256=setup_sha256(card),
            data_sha256=self.images(job).sha256,
            split=job.split,
            **vars(condition) | {"policy": str(condition.policy)},
            surrogate_sha256=through.card.sha256 if through else None,
            surrogate_setup_sha256=setup_sha256(through.card) if through else None,
            numerics=NUMERICS,
        )


def _check(images: Manifest, job: Job) -> None:
    """Refuse images on which attribution cannot be measured for these weights."""
    names, sources = images.source_names, job.candidate.card.sources
    if len(names) < 2:
        raise UsageError(
            f"{images.name} has images of {printable(names[0])} only in {job.split}.",
            "Attribution is measured between two sources at least: name another split.",
        )
    if not set(names) & set(sources) - {REAL}:
        raise UsageError(
            f"{job.candidate.name} knows no generator of {images.name}: {', '.join(map(printable, names))}.",
            f"It knows {', '.join(sources)}; --rename NAME=SOURCE says which is which.",
        )
