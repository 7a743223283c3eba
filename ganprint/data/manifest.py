"""The manifest: which images there are, where each came from and which split it is in."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ganprint.attributor import REAL
from ganprint.data.folders import find_tree, image_folder, read_folders
from ganprint.data.manifest_parts import listed_files, read_parts
from ganprint.data.naming import name_rows
from ganprint.data.parquetfile import is_parquet
from ganprint.data.rows import hash_rows, read_rows, write_rows
from ganprint.data.shards import read_shards
from ganprint.errors import ManifestError, check_count, did_you_mean
from ganprint.files import atomic_file, os_errors_as, refuse_existing
from ganprint.names import source_name_fault
from ganprint.remote import join_location, location, parent_location, seen_from


class Manifest:
    """Rows of images with source labels, held as columns: no Python object a row, cheap to pickle or fork.

    `sources[label]` names a row's source, `sources[0]` being real; label -1 is a generator outside the
    known ones. `labels` and `dlabels` are int64 (N,). `root` is what relative paths resolve against, a URL as text;
    `real_folder` is what the folder of the real images was called where names were learned from paths;
    `named_by_position` says of an opened manifest that nothing in its file names the sources.
    """

    def __init__(
        self, table: pa.Table, root: Path | str, sources: Sequence[str], *, name: str = "", real_folder: str = REAL
    ) -> None:
        self.table = table.combine_chunks()
        self.root = root
        self.sources = tuple(sources)
        self.name = name or str(root)
        self.real_folder = real_folder
        self.named_by_position = False
        self.image_hashes: np.ndarray | None = None
        self.labels: np.ndarray = np.array(self._chunk("label").to_numpy())
        self.dlabels: np.ndarray = np.array(self._chunk("dlabel").to_numpy())

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        root: Path | str | None = None,
        sources: Sequence[str] | None = None,
        allow_gaps: bool = False,
    ) -> "Manifest":
        """Read a CSV or Parquet with `path,source` or `path,label,dlabel`, several of them by splits, or a folder tree.

        All may be a URL that fsspec opens, a tree an archive, too, and so may the paths of a CSV. The tree is
        source/semantic/*, or tar shards with labels as `read_shards` takes them, and several CSVs are given as
        `train.csv,val.csv,test.csv`. Relative paths resolve against `root`, by default the CSV's own folder. Names
        come from the columns `source` and `semantic`; where these are absent, from the first folder of the path that
        agrees one to one with the numbers. `sources` renumbers the labels to those names (a model's), what is not among
        them becoming -1; it also names the labels of a file that names none. `allow_gaps` accepts label numbers without
        images. Raises ManifestError naming the file and the line at fault.
        """
        path = location(path)
        folder, name = find_tree(path), str(path)
        if folder is not None:
            if root is not None:
                raise ManifestError(
                    f"{path} is a folder or an archive, whose images lie in it.",
                    "Leave out the folder of images (--images).",
                )
            shards = read_shards(folder)
            named = read_folders(folder) if shards is None else name_rows(shards, path)
        else:
            files = listed_files(path)
            folder = image_folder(root) if root is not None else parent_location(files[0])
            named = read_parts(files) if len(files) > 1 else name_rows(read_rows(path), path)
            if len(files) > 1:
                stems = (PurePosixPath(str(file)).stem for file in files)
                name = str(join_location(parent_location(files[0]), "+".join(stems) + ".csv"))
        manifest = cls(named.table, folder, named.sources, name=name, real_folder=named.real_folder)
        manifest.named_by_position = named.by_position
        if sources is not None:
            return manifest.known_to(sources)
        if not allow_gaps:
            manifest._refuse_gaps()
        return manifest

    def _refuse_gaps(self) -> None:
        empty = self.empty_labels
        if empty:
            shown = ", ".join(map(str, empty[:8])) + (", ..." if len(empty) > 8 else "")
            raise ManifestError(
                f"{self.name} has no images with label {shown}, though its labels go up to {len(self.sources) - 1}.",
                "Labels number the sources 0, 1, 2, ... without gaps, 0 being real; "
                "add the missing images or renumber.",
            )

    @property
    def empty_labels(self) -> tuple[int, ...]:
        """Labels of `sources` that no row has."""
        return tuple(sorted(set(range(len(self.sources))) - set(np.unique(self.labels).tolist())))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        return f"Manifest({self.name!r}, {len(self)} images, sources={list(self.sources)})"

    def path(self, row: int) -> Path | str:
        """Return where the image of a row lies, a URL as text."""
        text = str(self._chunk("path")[row].as_py())
        return join_location(self.root, text)

    @property
    def semantics(self) -> tuple[str, ...]:
        """Names of the semantic classes in these rows, in the order of their dlabel."""
        codes, names = self.codes("semantic")
        _, first = np.unique(self.dlabels, return_index=True)
        return tuple(names[code] for code in codes[first].tolist())

    @property
    def splits(self) -> np.ndarray:
        """The split of every row, str (N,), empty where there is none."""
        return self.column("split")

    @property
    def groups(self) -> np.ndarray:
        """The group of every row (one trained model, one photo set), str (N,), empty where there is none."""
        return self.column("group")

    @property
    def split_names(self) -> tuple[str, ...]:
        """The splits that these rows name, sorted."""
        return self._present("split")

    @property
    def test_split(self) -> str:
        """The split that weights are measured on if none is named: test_seen, else test, else `all` rows."""
        return next((name for name in ("test_seen", "test") if name in self.split_names), "all")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, as in the file, with source and semantic added where it had none."""
        return tuple(self.table.column_names)

    def codes(self, column: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return a text column as int32 codes (N,) and the names they index: the form for many rows."""
        if column not in self.table.column_names:
            return np.zeros(len(self), dtype=np.int32), ("",)
        array = self._chunk(column)
        if not pa.types.is_dictionary(array.type):
            array = pc.cast(array, pa.string()).dictionary_encode()
        return array.indices.to_numpy(), tuple(array.dictionary.to_pylist())

    def column(self, column: str) -> np.ndarray:
        """Return a column's text for every row, str (N,); empty strings where there is no such column."""
        codes, names = self.codes(column)
        return np.take(np.asarray(names, dtype=np.str_), codes)

    def select(
        self,
        split: str | None = None,
        *,
        sources: Sequence[str] | None = None,
        semantics: Sequence[str] | None = None,
        limit: int | None = None,
        seed: int = 0,
    ) -> "Manifest":
        """Return the rows of a split, of some sources or semantic classes, labels unchanged, in their order.

        `split` may name several, as in `test_seen+open`, and a semantic class of them, as in `test_seen@face`; `all` is
        all rows, unless a split is called so.
        `limit` draws that many rows under `seed`, spread as evenly over the sources as they allow.
        Raises ManifestError listing the valid names for a name that no row has, and where no row is left, and
        UsageError for a limit below 1.
        """
        check_count("limit", limit, least=1)
        if split is not None and "@" in split and split not in self.split_names:
            split, _, semantic = split.partition("@")
            semantics = [semantic] if semantics is None else [name for name in semantics if name == semantic]
        keep = np.ones(len(self), dtype=bool)
        wanted = {"split": self._splits_of(split or "all"), "source": sources, "semantic": semantics}
        for column, chosen in wanted.items():
            if chosen is not None:
                keep &= self._among(column, chosen)
        rows = np.flatnonzero(keep)
        if not len(rows):
            raise ManifestError(
                f"{self.name} has no image that fits the selection.", "Select fewer conditions at once."
            )
        if limit is not None and limit < len(rows):
            rows = _spread(rows, self.labels[rows], limit, seed)
        return self.take(rows)

    def _splits_of(self, text: str) -> list[str] | None:
        """Return the splits that a name stands for, None for all rows."""
        names = [text] if text in self.split_names else text.split("+")
        return None if "all" in names and "all" not in self.split_names else names

    def absent(self, split: str) -> tuple[str, ...]:
        """Return the known sources with images here and none in a split."""
        there = self.splits == split
        labels = np.unique(self.labels[self.labels >= 0])
        return tuple(self.sources[label] for label in labels.tolist() if not (there & (self.labels == label)).any())

    def take(self, rows: np.ndarray) -> "Manifest":
        """Return the given rows, int (M,), in the given order."""
        return self._with(self.table.take(pa.array(rows)))

    def renumber(self, sources: Sequence[str]) -> "Manifest":
        """Return the rows with labels that index `sources`; a source not among them gets label -1.

        Raises ManifestError unless the first of `sources` is real.
        """
        names = tuple(sources)
        if not names or names[0] != REAL or len(set(names)) != len(names):
            raise ManifestError(f"The sources {list(names)} do not start with 'real' or repeat a name.")
        codes, words = self.codes("source")
        numbers = np.asarray([names.index(w) if w in names else -1 for w in words], dtype=np.int64)
        table = self.table.set_column(self.columns.index("label"), "label", pa.array(numbers[codes]))
        return Manifest(table, self.root, names, name=self.name, real_folder=self.real_folder)

    def known_to(self, sources: Sequence[str]) -> "Manifest":
        """Return the rows as weights of these sources know them: as `renumber` does, and where nothing in the file
        names the sources, its labels are taken to number these.
        """
        if not self.named_by_position:
            return self.renumber(sources)
        codes, words = self.codes("source")
        names = {f"source-{number}": name for number, name in enumerate(sources)}
        found = self.with_column("source", codes, [names.get(word, word) for word in words]).renumber(sources)
        found.named_by_position = True
        return found

    @property
    def source_names(self) -> tuple[str, ...]:
        """The sources that these rows name, sorted, whether `sources` has them or not."""
        return self._present("source")

    def rename_sources(self, names: Mapping[str, str]) -> "Manifest":
        """Return the rows with some sources called otherwise, labels unchanged; `renumber` makes them agree.

        Raises ManifestError for a name that no row has.
        """
        absent = sorted(set(names) - set(self.source_names))
        if absent:
            raise ManifestError(
                f"{self.name} has no source {', '.join(map(repr, absent))}.", f"It has: {', '.join(self.source_names)}."
            )
        fault = next(filter(None, map(source_name_fault, names.values())), None)
        if fault is not None:
            raise ManifestError(f"{fault}.", "Use another name for the source.")
        codes, words = self.codes("source")
        return self.with_column("source", codes, [names.get(word, word) for word in words])

    def with_column(self, column: str, codes: np.ndarray, names: Sequence[str]) -> "Manifest":
        """Return the rows with a text column set: int codes (N,) into `names`, of which some may be equal."""
        words = {name: place for place, name in enumerate(dict.fromkeys(names))}
        codes = np.array([words[name] for name in names], np.int32)[codes.astype(np.int32)]
        array = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array([*words], pa.string()))
        if column in self.columns:
            return self._with(self.table.set_column(self.columns.index(column), column, array))
        return self._with(self.table.append_column(column, array))

    def write(self, file: Path, *, force: bool = False) -> "Manifest":
        """Write a CSV, or Parquet by its name, whose paths resolve from its own folder; return the rows as written.

        Raises OutputExistsError where the file is there and `force` is false.
        """
        refuse_existing(file, force=force)
        table = self.table
        here, there = file.resolve().parent, self.root.resolve() if isinstance(self.root, Path) else self.root
        if here != there:
            paths = [seen_from(here, join_location(there, text)) for text in self._chunk("path").to_pylist()]
            table = table.set_column(self.columns.index("path"), "path", pa.array(paths, pa.string()))
        refused = os_errors_as(ManifestError, f"{file} cannot be written", "Name another file with --out.")
        with refused, atomic_file(file) as out:
            write_rows(table, out, parquet=is_parquet(file))
        return Manifest(table, file.parent, self.sources, name=str(file), real_folder=self.real_folder)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the rows: sources, then each column with a meaning, in the order of the rows.

        It does not depend on where the manifest lies, on the order of its columns or on how it was
        written down, and it does not cover the bytes of the images.
        """
        return hash_rows(self.table, self.sources)

    def _with(self, table: pa.Table) -> "Manifest":
        return Manifest(table, self.root, self.sources, name=self.name, real_folder=self.real_folder)

    def _present(self, column: str) -> tuple[str, ...]:
        codes, names = self.codes(column)
        return tuple(sorted({names[code] for code in np.unique(codes).tolist()} - {""}))

    def _among(self, column: str, chosen: Sequence[str]) -> np.ndarray:
        present = self._present(column)
        if not present:
            raise ManifestError(
                f"{self.name} has no column {column!r}.", "ganprint data split writes a manifest with splits."
            )
        absent = [name for name in chosen if name not in present]
        if absent:
            what = "semantic class" if column == "semantic" else column
            raise ManifestError(
                f"{self.name} has no {what} {', '.join(map(repr, absent))}.",
                f"{did_you_mean(absent[0], present)}It has: {', '.join(present)}.",
            )
        codes, names = self.codes(column)
        return np.isin(codes, [code for code, name in enumerate(names) if name in set(chosen)])

    def _chunk(self, column: str) -> Any:
        return self.table[column].chunk(0)


def _spread(rows: np.ndarray, labels: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Draw `limit` rows, giving every label the same number as far as it has so many."""
    order = np.random.default_rng(seed).permutation(len(rows))
    turns = np.empty(len(rows), dtype=np.int64)
    for label in np.unique(labels):
        of_label = np.flatnonzero(labels[order] == label)
        turns[of_label] = np.arange(len(of_label))
    return np.sort(rows[order[np.argsort(turns, kind="stable")[:limit]]])
