"""Average spectra of sources: the periodic traces that upsampling leaves (Frank et al., ICML 2020, figure 2)."""

from collections.abc import Callable

import numpy as np

from ganprint.attributor import Panel, View
from ganprint.data import ImageDataset, Manifest, loader
from ganprint.images.spectrum import log_dct
from ganprint.training.moments import Moments


def average_spectra(
    manifest: Manifest, view: View, *, workers: int = 0, progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, np.ndarray]:
    """Return each source's mean log-scaled DCT of its images' centre crops, float32 (S, S), channels averaged.

    One pass, a batch in memory at a time. Sources without images are left out; rows of no known source
    (label -1) are averaged under the name that the manifest gives them.
    """
    codes, names = manifest.codes("source")
    moments = {name: Moments(lambda images: log_dct(images.float()).mean(1)) for name in names}
    done = 0
    for batch in loader(ImageDataset(manifest, view), batch_size=64, workers=workers):
        here = codes[batch.rows.numpy()]
        for code in np.unique(here):
            moments[names[code]].update(batch.images[here == code], batch.labels[here == code])
        done += len(batch.rows)
        progress(done, len(manifest))
    order = [*manifest.sources, *(name for name in names if name not in manifest.sources)]
    return {name: moments[name].mean.numpy() for name in order if name in moments and moments[name].count}


def spectrum_panels(spectra: dict[str, np.ndarray]) -> list[Panel]:
    """Return a panel for each source's spectrum and, where real is among them, how each other departs from it."""
    panels = [Panel(f"{name}: mean log |DCT|", values) for name, values in spectra.items()]
    real = spectra.get("real")
    if real is not None:
        panels += [
            Panel(f"{name} minus real", values - real, diverging=True)
            for name, values in spectra.items()
            if name != "real"
        ]
    return panels
