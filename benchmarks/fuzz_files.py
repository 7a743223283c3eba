"""Send mutated cards, models, checkpoints, manifests and records through their readers: read, or refused in a sentence.

    python benchmarks/fuzz_files.py --files 120000 --seed 0
    python benchmarks/fuzz_files.py --only manifest

Half of the files have changed bytes, half are well-formed with changed values. Each is read as far as a command would:
weights are loaded, records verified against an image, checkpoints imported, manifests opened.

Exits 1 if anything but a sentence for the user escapes, a file takes more than 5 s of CPU, or memory passes 1 GB.
"""

import argparse
import copy
import csv
import hashlib
import io
import json
import os
import random
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fuzzing import Outcome, run, send
from PIL import Image

from ganprint import plugins
from ganprint.api.importing import import_checkpoint
from ganprint.data.manifest import Manifest
from ganprint.errors import GanprintError, WeightsError
from ganprint.forensics.ensemble import Ensemble
from ganprint.forensics.predictors import load_predictor
from ganprint.forensics.record import make_record, read_record
from ganprint.forensics.verdict_stream import stream_verdicts
from ganprint.forensics.verify import changed_facts, load_recorded, verify_record
from ganprint.provenance.stated import read_stated
from ganprint.weights import Card, load_attributor, save_artifact, store
from ganprint.weights.card import CARD_FILE, MODEL_FILE
from ganprint.weights.torch_checkpoint import open_checkpoint

TOKENS = (
    *(b"!!bool maybe", b"!!python/object/apply:os.system [x]", b"&a [*a]", b"*a", b".nan", b"1e999", b"- "),
    *(b": ", b"\x1b[2J", b"\x00", b"\xff", b'"', b"'", b"[" * 2000, b"9" * 5000, b"-1", b"NaN", b"Infinity"),
    *(b"null", b"checkpoint_path: x", b"embedding: 999999999", b"inconclusive", b"real ", b"\r", b"\n", b","),
    *(b"\\", b"{}", b"100000000", b"x" * 200_000, b"cos\nsystem\n", b"cbuiltins\nbytearray\n", b"R", b"."),
    b"\x85" * 3000,
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 2**31, 2**63, 2**64, 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf")),
    *("", "real", "inconclusive", "gan", "\x1b[2J", "\u202e", "\ud800", "a" * 70, "x" * 20_000, "/dev/zero"),
    *("../../etc/passwd", "-", "1", "nan", "2026-11-20T12:00:01Z", "float16", "F64", "timm:resnet18"),
    *([], {}, [[]], [0] * 300, {"a": None}, [1e9] * 8, [-1], ["real", "real"]),
)
_VIEW = {"kind": "resize", "size": 32}
SMALL: dict[str, dict[str, Any]] = {
    "repmix": {
        "backbone": "compact", "backbone_options": {"widths": [8, 8], "depths": [1, 1]}, "embedding": 4, "mix_level": 0,
    },
    "yu": {"feature_base": 32, "feature_max": 8},
    "dct-cnn": {},
    "reverse-engineering": {"depth": 3, "width": 2, "hidden": 4},
    "prnu": {},
    "eigenface": {},
}  # fmt: skip


def small_weights(folder: Path) -> list[Path]:
    """Save fresh weights of small networks, one folder a method."""
    torch.manual_seed(0)
    saved = []
    for method, config in SMALL.items():
        described = {"view": _VIEW, **config}
        plugin = plugins.load(method)
        attributor = plugin(plugin.spec.config.model_validate(described), ("real", "progan"))
        card = {
            "name": method, "method": method, "plugin": {"distribution": "ganprint", "version": "0.1.0"},
            "sources": ("real", "progan"), "families": {"progan": "gan"}, "view": _VIEW, "config": described,
            "date": "2026-11-20T12:00:01Z", "licence": "MIT",
        }  # fmt: skip
        saved.append(save_artifact(folder / method, attributor.state(), Card.model_validate(card)))
    return saved


def small_checkpoint() -> bytes:
    """Return a file that torch.save wrote, laid out as an official one, of a few tensors."""
    buffer = io.BytesIO()
    state = {"backbone.model.6.2.weight": torch.ones(4, 3), "attribution.weight": torch.ones(2, 4)}
    content = {"state_dict": state, "epoch": 1, "hyper_parameters": {"lr": 0.1, "num_classes": 2}}
    torch.save(content, buffer)
    return buffer.getvalue()


def bytes_mutated(content: bytes, chance: random.Random) -> bytes:
    """Return content with a few bytes changed, removed, doubled or put in."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) + 1)
        kind = chance.randrange(6)
        if kind == 0 and place < len(changed):
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del changed[place : place + chance.choice((1, 9, 200))]
        elif kind == 2:
            changed[place:place] = changed[place : place + chance.choice((9, 200))] * chance.choice((1, 50))
        elif kind == 3:
            changed = changed[:place]
        else:
            changed[place:place] = chance.choice(TOKENS)
    return bytes(changed)


def tree_mutated(tree: Any, chance: random.Random) -> Any:
    """Return a tree of maps, lists and scalars with one to three values replaced, removed, added or exchanged."""
    tree = copy.deepcopy(tree)
    for _ in range(chance.randint(1, 3)):
        places = list(_places(tree))
        if not places:
            return tree
        parent, key = chance.choice(places)
        kind = chance.randrange(6)
        if kind == 0:
            del parent[key]
        elif kind == 1:
            other, there = chance.choice(places)
            parent[key] = copy.deepcopy(other[there])
        elif kind == 2 and isinstance(parent, dict):
            parent[chance.choice([str(value) for value in VALUES])] = parent[key]
        elif kind == 2:
            parent.append(copy.deepcopy(parent[key]))
        else:
            parent[key] = copy.deepcopy(chance.choice(VALUES))
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _written(tree: Any) -> bytes:
    # JSON is YAML, too.
    return json.dumps(tree).encode("utf-8", "surrogatepass")


def mutated_half(text: bytes, tree: Any, chance: random.Random) -> bytes:
    """Return half of the times changed bytes of a file, half a well-formed file of changed values."""
    return bytes_mutated(text, chance) if chance.random() < 0.5 else _written(tree_mutated(tree, chance))


@dataclass(frozen=True)
class Kind:
    """A valid file of one kind, how others are made of it, and how one is read as far as a command would."""

    valid: bytes
    mutated: Callable[[random.Random], bytes]
    read: Callable[[bytes], object]


def _model_kinds(folder: Path) -> dict[str, Kind]:
    """Cards of every method beside a fitting model, and models beside a fitting card."""
    from ganprint.weights import read_card

    weights = small_weights(folder / "store")
    models = [(path / MODEL_FILE).read_bytes() for path in weights]
    cards = [read_card(path).model_copy(update={"parameters": None}) for path in weights]
    texts = [card.to_yaml() for card in cards]
    trees = [card.model_dump(mode="json", exclude_none=True) for card in cards]
    tried = folder / "tried"
    tried.mkdir()
    for path in weights:
        # What is imported only then is not counted as the first file's time.
        load_attributor(path)
    chosen = 0

    def card(chance: random.Random) -> bytes:
        nonlocal chosen
        chosen = chance.randrange(len(cards))
        return mutated_half(texts[chosen].encode(), trees[chosen], chance)

    def model(chance: random.Random) -> bytes:
        nonlocal chosen
        chosen = chance.randrange(len(cards))
        content = models[chosen]
        length = struct.unpack("<Q", content[:8])[0]
        if chance.random() < 0.5:
            # Mostly where the names and shapes are.
            end = 8 + length if chance.random() < 0.8 else len(content)
            return bytes_mutated(content[:end], chance) + content[end:]
        header = _written(tree_mutated(json.loads(content[8 : 8 + length]), chance))
        return struct.pack("<Q", len(header)) + header + content[8 + length :]

    def load_card(content: bytes) -> object:
        (tried / CARD_FILE).write_bytes(content)
        (tried / MODEL_FILE).write_bytes(models[chosen])
        return load_attributor(tried)

    def load_model(content: bytes) -> object:
        digest = hashlib.sha256(content).hexdigest()
        (tried / CARD_FILE).write_text(texts[chosen].replace(cards[chosen].sha256 or "", digest))
        (tried / MODEL_FILE).write_bytes(content)
        return load_attributor(tried)

    return {"card": Kind(texts[0].encode(), card, load_card), "model": Kind(models[0], model, load_model)}


def _checkpoint_kinds(folder: Path) -> dict[str, Kind]:
    """Whole checkpoints, and ones whose pickle alone is changed."""
    whole = small_checkpoint()
    pickle = zipfile.ZipFile(io.BytesIO(whole)).read("archive/data.pkl")
    path = folder / "a.ckpt"

    def with_pickle(content: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("archive/data.pkl", content)
            for number, size in enumerate((48, 32)):
                archive.writestr(f"archive/data/{number}", bytes(size))
        return buffer.getvalue()

    def read(content: bytes) -> None:
        path.write_bytes(content)
        with open_checkpoint(path) as opened:
            state = opened.content.get("state_dict") if isinstance(opened.content, dict) else {}
            for stored in state.values() if isinstance(state, dict) else ():
                if hasattr(stored, "stride"):
                    opened.tensor(stored)
        with suppress(WeightsError):
            # It lacks most of a network, which is said after all else was looked at.
            import_checkpoint(path, name="a", method="repmix", sources=("real", "progan"), out=folder / "imported")

    return {
        "checkpoint": Kind(whole, lambda chance: bytes_mutated(whole, chance), read),
        "pickle": Kind(with_pickle(pickle), lambda chance: with_pickle(bytes_mutated(pickle, chance)), read),
    }


def _manifest_kind(folder: Path) -> Kind:
    header = ["path", "label", "dlabel", "source", "semantic", "split", "group"]
    rows = [["real/a.png", "0", "0", "real", "x", "train", "g"], ["b/c.png", "1", "1", "progan", "y", "val", ""]]
    whole = [header, *rows]
    seeds = [whole, [[row[0], row[3]] for row in whole], [row[:3] for row in whole]]
    texts = ["\r\n".join(",".join(row) for row in seed).encode() for seed in seeds]

    def mutated(chance: random.Random) -> bytes:
        if chance.random() < 0.5:
            text = chance.choice(texts).replace(b"\r\n", chance.choice((b"\r\n", b"\n", b"\r")))
            return bytes_mutated(text, chance)
        table = tree_mutated(chance.choice(seeds), chance)
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        for row in table:
            writer.writerow(row if isinstance(row, list) else [row])
        return buffer.getvalue().encode("utf-8", "surrogatepass")

    def read(content: bytes) -> object:
        (folder / "m.csv").write_bytes(content)
        return Manifest.open(folder / "m.csv").sha256

    return Kind(texts[0], mutated, read)


def _record_kind(folder: Path) -> Kind:
    """Records of one image by small weights, verified as `ganprint verify` does."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    ensemble = Ensemble([load_predictor(folder / "store" / "prnu")])
    image = read_stated(folder / "a.png", name="a.png", metadata=True)
    verdicts = list(stream_verdicts([("a.png", image)], ensemble))
    record = make_record(ensemble, verdicts, "ganprint attribute a.png --report r.html", folder=folder)
    tree = record.model_dump(mode="json")
    tree["images"][0]["verdict"]["path"] = "a.png"
    text = json.dumps(tree, indent=1).encode()

    def read(content: bytes) -> object:
        (folder / "r.json").write_bytes(content)
        found = read_record(folder / "r.json")
        again = load_recorded(found, device="cpu")
        return changed_facts(found, again), list(verify_record(found, again, folder))

    return Kind(text, partial(mutated_half, text, tree), read)


def kinds(folder: Path) -> dict[str, Kind]:
    """Return what is sent, by kind."""
    found = _model_kinds(folder) | _checkpoint_kinds(folder)
    return found | {"manifest": _manifest_kind(folder), "record": _record_kind(folder)}


def fuzz(files: int, seed: int, folder: Path, only: str | None = None) -> Outcome:
    """Read mutated files, those of each kind in turn, the same for the same seed."""
    sent = kinds(folder)
    names = [only] if only else list(sent)
    for name in names:
        sent[name].read(sent[name].valid)

    def read(name: str, content: bytes) -> str:
        try:
            sent[name].read(content)
        except GanprintError:
            return "refused"
        return "read"

    def mutated() -> Iterator[tuple[str, str, Callable[[], str]]]:
        for number in range(files):
            name = names[number % len(names)]
            content = sent[name].mutated(random.Random(f"{seed} {number}"))
            yield name, str(number), partial(read, name, content)

    return send(mutated())


def begin(options: argparse.Namespace, folder: Path) -> Outcome:
    # The small weights alone are installed: the cards of the shipped ones need not be read for each record.
    os.environ[store.VARIABLE] = str(folder / "store")
    store.shipped_folder = lambda: folder / "none"
    # What is installed does not change meanwhile, and looking for it was half of the time.
    plugins.discover = cache(plugins.discover)
    return fuzz(options.files, options.seed, folder, options.only)


if __name__ == "__main__":
    sys.exit(run(__doc__, begin, "--only"))
