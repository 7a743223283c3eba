"""Attribute the images of a folder with Ray Data, on this machine or the cluster that RAY_ADDRESS names.

Each actor loads the weights once. With GPUs, add num_gpus=1 to map_batches.

Run: python examples/ray_attribute.py FOLDER [WEIGHTS] > verdicts.jsonl
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray

import ganprint


def attribute(paths: list[Path], weights: str | None = None, actors: int = 2) -> Iterator[dict[str, Any]]:
    """Yield what each image is, in order: its path, verdict and probability of being synthetic, or an error."""
    ray.data.DataContext.get_current().execution_options.preserve_order = True
    images = ray.data.from_items([{"path": str(path)} for path in paths], override_num_blocks=2 * actors)
    answered = images.map_batches(
        ganprint.Predictor,
        fn_constructor_kwargs={"weights": weights, "threads": 1},
        compute=ray.data.ActorPoolStrategy(size=actors),
        batch_size=32,
    )
    for row in answered.iter_rows():
        yield {name: row[name] for name in ("path", "verdict", "synthetic_probability", "error")}


if __name__ == "__main__":
    folder, *named = sys.argv[1:]
    for verdict in attribute(sorted(Path(folder).iterdir()), *named):
        print(json.dumps(verdict))
