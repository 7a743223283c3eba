"""DCT-CNN: spectra, their statistics and the network equal those of the public code."""

import numpy as np
import torch
from ganprint_plugins.dct_cnn import DCTCNN
from ganprint_plugins.dct_cnn_spec import DCTCNNConfig
from torch.nn import functional

from ganprint.attributor import View
from ganprint.images.spectrum import dct2, log_dct
from ganprint.training.moments import Moments

from .conftest import SOURCES, Close, Outputs, count, from_tensorflow, load_in_order, tensor


def dct_cnn(sources: int, size: int) -> DCTCNN:
    config = DCTCNNConfig().model_copy(update={"view": View.model_construct(kind="resize", size=size)})
    return DCTCNN(config, SOURCES[:sources])


def test_cosine_spectra_and_their_statistics_are_the_public_ones(outputs: Outputs, close: Close) -> None:
    run = {name.removeprefix("color/"): each for name, each in outputs("dct_preprocessing").items()}
    images = tensor(run["images_uint8"]).permute(0, 3, 1, 2)
    # Below, the public logarithm is one of rounding errors.
    clear = np.abs(run["dct2"]).transpose(0, 3, 1, 2) > 1e-6
    alike = clear.all(0)

    def channels_first(name: str) -> np.ndarray:
        return run[name].transpose(*range(run[name].ndim - 3), -1, -3, -2)

    close("DCT-CNN: cosine transform", dct2(images.double()), channels_first("dct2"), 1e-6)
    spectra = log_dct(images.double())
    close("DCT-CNN: logarithms", spectra[clear], channels_first("log_scaled")[clear], 1e-6)
    attributor = dct_cnn(4, 16)
    moments = Moments(lambda each: log_dct(each.float()))
    moments.update(images, torch.zeros(4))
    close("DCT-CNN: means, in float32", moments.mean[alike], channels_first("mean")[alike], 1e-4)
    close("DCT-CNN: deviations, in float32", moments.deviation[alike], channels_first("std")[alike], 1e-4)
    attributor.network.mean.copy_(moments.mean)
    attributor.network.deviation.copy_(moments.deviation)
    found, expected = attributor.scale(images), channels_first("network_input")
    close("DCT-CNN: input of the network, in float32", found[:, alike], expected[:, alike], 1e-4)


def test_the_cosine_network_gives_the_public_answers(outputs: Outputs, close: Close) -> None:
    run = outputs("dct_cnn_forward")
    parameters = [run[name] for name in run if name.startswith("param/")]
    # The public network flattens (H, W, C).
    parameters[8] = parameters[8].reshape(4, 4, 32, 4).transpose(2, 0, 1, 3).reshape(512, 4)
    network = dct_cnn(4, 16).network
    load_in_order(network.layers, [from_tensorflow(each) for each in parameters])
    logits = network(tensor(run["x"]).permute(0, 3, 1, 2))
    close("DCT-CNN: probabilities", logits.softmax(1), run["softmax"], 1e-5)
    losses = functional.cross_entropy(logits, tensor(run["labels"]), reduction="none")
    close("DCT-CNN: losses", losses, run["per_image_loss"], 1e-5)
    assert count(dct_cnn(5, 128).network) == 169_961
