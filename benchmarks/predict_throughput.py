"""Images per second of `predict` for each weights, at the size that they look at, decoding left out."""

import argparse
import time

import torch

from ganprint.errors import GanprintError
from ganprint.weights import list_weights, load_attributor


def throughput(name: str, batch: int, seconds: float, device: str) -> float:
    """Return images per second of one artifact on batches of random images."""
    attributor, card = load_attributor(name, device=device)
    size = card.view.size
    images = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8)
    attributor.predict(images)
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        # The answer is fetched, so that a device's work is over before the clock is read.
        attributor.predict(images).attribution.cpu()
        done += batch
    return done / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", nargs="*", help="names; all that are installed if left out")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    names = options.weights or [entry.name for entry in list_weights()]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batches of {options.batch_size}")
    print("| weights | method | side | images/s |\n|---|---|---|---|")
    for name in names:
        try:
            _, card = load_attributor(name)
            rate = throughput(name, options.batch_size, options.seconds, options.device)
        except GanprintError as error:
            print(f"| {name} | {error.message} | | |")
            continue
        print(f"| {name} | {card.method} | {card.view.size} | {rate:.0f} |", flush=True)


if __name__ == "__main__":
    main()
