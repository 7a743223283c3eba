"""Plan and resume a run over a Parquet manifest of many generated rows, and print seconds and memory.

Listed are all paths of the manifest; resumed is a file of verdicts, cut to what resuming reads, that has half of them.
Opened is the manifest as `train` and `compare` hold it.

Run: python benchmarks/many_rows.py [--rows 10000000] [--open]
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from open_manifest import Clock

from ganprint.api.image_inputs import Inputs
from ganprint.data import Manifest
from ganprint.forensics.journal import Journal, json_format

SOURCES = ("real", "progan", "stylegan", "stylegan2")
ROWS_IN_GROUP = 1 << 17


def write_manifest(file: Path, rows: int) -> None:
    """Write a manifest, a row group at a time."""
    schema = pa.schema([("path", pa.string()), ("source", pa.string())])
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for start in range(0, rows, ROWS_IN_GROUP):
            numbers = range(start, min(start + ROWS_IN_GROUP, rows))
            names = np.array(SOURCES)[np.arange(len(numbers)) % len(SOURCES)]
            paths = [f"{name}/images/{number:08}.png" for name, number in zip(names, numbers, strict=True)]
            writer.write_batch(pa.record_batch([paths, names], schema=schema))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--open", action="store_true", help="also open the manifest whole")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        file, out = Path(name) / "manifest.parquet", Path(name) / "verdicts.jsonl"
        report = Clock()
        write_manifest(file, options.rows)
        report(f"{options.rows:,} rows written, {file.stat().st_size >> 20} MiB")
        inputs = Inputs([], files_from=file)
        count = sum(1 for _ in inputs.named())
        report(f"{count:,} listed")
        with out.open("w") as lines:
            for number, (path, _) in enumerate(inputs.named()):
                if number == options.rows // 2:
                    break
                row = {"schema_version": 1, "path": path, "judged_by_sha256": "0" * 64, "verdict": "real"}
                lines.write(json.dumps(row) + "\n")
        report(f"half a file of verdicts, {out.stat().st_size >> 20} MiB")
        opening = Clock()
        with Journal(out, json_format(out, ()), by="0" * 64, resume=True) as journal:
            opening("opened to resume")
            left = sum(not journal.is_done(path) for path, _ in inputs.named())
        report(f"{left:,} left")
        if options.open:
            manifest = Manifest.open(file)
            report(f"{len(manifest):,} rows opened")


if __name__ == "__main__":
    main()
