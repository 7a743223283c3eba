"""Send mutated cards, models, checkpoints, manifests and records through their readers: read, or refused in a sentence.

    python benchmarks/fuzz_files.py --files 20000 --seed 0

Exits 1 if anything but a sentence for the user escapes, a file takes more than 5 s of CPU, or memory passes 1 GB.
"""

import argparse
import faulthandler
import hashlib
import io
import json
import random
import resource
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save

from ganprint.data.manifest import Manifest
from ganprint.errors import GanprintError
from ganprint.forensics.record import CaseRecord, read_record
from ganprint.weights import Card, load_artifact, load_attributor, read_card
from ganprint.weights.torch_checkpoint import open_checkpoint

SECONDS_PER_FILE = 5.0
MEGABYTES = 1000.0
_WATCHDOG_SECONDS = 60
_TOKENS = (
    *(
        b"!!bool maybe",
        b"!!python/object/apply:os.system [x]",
        b"&a [*a]",
        b"*a",
        b".nan",
        b"1e999",
        b"- ",
        b": ",
    ),
    *(
        b"\x1b[2J",
        b"\x00",
        b"\xff",
        b'"',
        b"'",
        b"[" * 2000,
        b"9" * 5000,
        b"-1",
        b"NaN",
        b"Infinity",
        b"null",
    ),
    *(
        b"checkpoint_path: x",
        b"embedding: 999999999",
        b"inconclusive",
        b"real ",
        b"\r",
        b"\n",
        b",",
        b"\\",
        b"{}",
    ),
    *(b"100000000", b"x" * 200_000, b"cos\nsystem\n", b"cbuiltins\nbytearray\n", b"R", b".", b"\x85" * 3000),
)
_VIEW = {"kind": "resize", "size": 32}


def seed_card() -> bytes:
    """Return a card of a small network, without the hash of its tensors."""
    config = {"view": _VIEW, "backbone": "compact", "embedding": 4, "mix_level": 0}
    config["backbone_options"] = {"widths": [8, 8], "depths": [1, 1]}
    plugin = {"distribution": "ganprint", "version": "0.1.0"}
    card = {
        "name": "small",
        "method": "repmix",
        "plugin": plugin,
        "sources": ("real", "progan"),
        "view": _VIEW,
    }
    more = {"config": config, "date": "2026-11-20T12:00:01Z", "licence": "MIT"}
    return Card.model_validate({**card, **more}).to_yaml().encode()


def seed_checkpoint(legacy: bool) -> bytes:
    """Return a file that torch.save wrote."""
    buffer = io.BytesIO()
    state = OrderedDict(weight=torch.ones(2, 3), bias=torch.zeros(2))
    content = {"state_dict": state, "epoch": 1, "hyper_parameters": {"lr": 0.1}}
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def seed_record() -> bytes:
    """Return a record of no images."""
    record = CaseRecord.model_validate(
        {
            "date": "2026-11-20T12:00:01Z",
            "command": "ganprint",
            "folder": ".",
            "versions": {"python": "3"},
            "system": "Linux",
            "hardware": "x86_64",
            "device": "cpu",
            "weights": [],
            "images": [],
        }
    )
    return json.dumps(record.model_dump(mode="json")).encode()


def mutated(content: bytes, chance: random.Random) -> bytes:
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
            changed[place:place] = chance.choice(_TOKENS)
    return bytes(changed)


def readers(folder: Path) -> dict[str, tuple[list[bytes], Callable[[bytes], object]]]:
    """Return by kind the valid files and what reads a file of it."""
    card = seed_card()
    tensors = save({"a": torch.ones(2, 3), "b": torch.ones(4, dtype=torch.float16)})

    def put(name: str, content: bytes) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    def with_hash(text: bytes, model: bytes) -> None:
        put("card.yaml", text + f"\nsha256: {hashlib.sha256(model).hexdigest()}\n".encode())
        put("model.safetensors", model)

    def card_alone(content: bytes) -> object:
        with_hash(content, tensors)
        read_card(folder)
        return load_attributor(folder)

    def model(content: bytes) -> object:
        with_hash(card, content)
        return load_artifact(folder)

    def checkpoint(content: bytes) -> object:
        with open_checkpoint(put("a.ckpt", content)) as opened:
            state = opened.content.get("state_dict") if isinstance(opened.content, dict) else {}
            stored = state.get("weight") if isinstance(state, dict) else None
            return opened.tensor(stored) if hasattr(stored, "stride") else None

    def pickled(content: bytes) -> object:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("archive/data.pkl", content)
            archive.writestr("archive/data/0", bytes(24))
        return checkpoint(buffer.getvalue())

    rows = b"path,label,dlabel,source,semantic,split\nreal/a.png,0,0,real,x,train\nb/c.png,1,1,progan,y,val\n"
    whole = seed_checkpoint(legacy=False)
    return {
        "card": ([card], card_alone),
        "model": ([tensors], model),
        "checkpoint": ([whole, seed_checkpoint(legacy=True)], checkpoint),
        "pickle": ([zipfile.ZipFile(io.BytesIO(whole)).read("archive/data.pkl")], pickled),
        "manifest": (
            [rows, rows.replace(b"\n", b"\r")],
            lambda content: Manifest.open(put("m.csv", content)),
        ),
        "record": ([seed_record()], lambda content: read_record(put("r.json", content))),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance, counts, slowest, escaped = random.Random(arguments.seed), Counter[str](), (0.0, ""), []
    with tempfile.TemporaryDirectory() as folder:
        kinds = readers(Path(folder))
        for number in range(arguments.files):
            kind = list(kinds)[number % len(kinds)]
            seeds, read = kinds[kind]
            content = mutated(chance.choice(seeds), chance)
            faulthandler.dump_traceback_later(_WATCHDOG_SECONDS, exit=True)
            began = time.process_time()
            try:
                read(content)
                counts[f"{kind} read"] += 1
            except GanprintError:
                counts[f"{kind} refused"] += 1
            except Exception:
                escaped.append(f"{kind} {number}: {traceback.format_exc(limit=-3)}")
            slowest = max(slowest, (time.process_time() - began, f"{kind} {number}"))
    faulthandler.cancel_dump_traceback_later()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, count in sorted(counts.items()):
        print(f"{name:20}{count:9}")
    print(f"{arguments.files} files, seed {arguments.seed}; slowest {slowest[0]:.2f} s of CPU, {slowest[1]}")
    print(f"peak memory: {peak:.0f} MB; escaped: {len(escaped)}")
    print("".join(f"{text[-600:]}\n" for text in escaped[:10]), end="")
    return int(bool(escaped) or slowest[0] > SECONDS_PER_FILE or peak > MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
