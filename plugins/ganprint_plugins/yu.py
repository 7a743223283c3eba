"""Yu et al.: attributing fake images to GANs (ICCV 2019), its variants, and its visual fingerprints."""

import math
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ganprint.attributor import AttributorSpec, Panel
from ganprint.errors import ConfigError
from ganprint.training import Losses, NeuralAttributor, NeuralConfig, Step
from ganprint.training.backbones import build_backbone

SLOPE = 0.2
"""Of the leaky ReLU below zero (progressive GAN's, as the public code's)."""
BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)
"""The Gaussian of Burt and Adelson's pyramid (1983), of sum 16."""
RECONSTRUCTION, ADVERSARIAL, CLASSIFICATION = 20.0, 0.1, 1.0
"""Weights of the visual mode's losses (section 3.3)."""
GRADIENT_PENALTY = 10.0
"""Weight of the critic's gradient penalty (Gulrajani et al. 2017)."""


class YuConfig(NeuralConfig):
    """The hyperparameters of Yu et al. and of its re-implementation on another backbone."""

    variant: Literal["post-pooling", "pre-downsampling", "pre-downsampling-residual", "visual"] = Field(
        "post-pooling", description="which image the network sees; visual: learn fingerprints as pictures"
    )
    backbone: str = Field(
        "progan",
        description="progan, the paper's, or for the re-implementation compact, alexnet, any of timm's",
    )
    backbone_options: dict[str, Any] = Field({}, description="arguments of another backbone's constructor")
    pretrained: bool = Field(False, description="start another backbone from ImageNet weights")
    feature_base: int = Field(
        1024, ge=8, description="progan: channels are this over 2^stage, the public code's"
    )
    feature_max: int = Field(512, ge=8, description="progan: channels at most")
    pool_from: int = Field(
        4,
        ge=2,
        description="progan: side of the features at which average pooling starts; larger: smaller patches",
    )
    resolution: int | None = Field(
        None,
        ge=8,
        description="pre-downsampling: side of the small image, null: half; residual: of its band, null: the image's",
    )
    sharpness: float = Field(20.0, gt=0, description="visual: logits are this times the correlations")


class Equalised(nn.Module):
    """A layer whose weights are of deviation 1 and scaled as He et al. (2015) would draw them when they are used.

    All layers then learn at one rate (Karras et al., ICLR 2018, section 4.1). With He's initialisation and
    plain layers, so deep a network without normalisation had not left the largest class after three epochs.
    """

    def __init__(self, layer: nn.Conv2d | nn.Linear, gain: float = 2**0.5) -> None:
        super().__init__()
        self.layer = layer
        self.scale = gain / layer.weight[0].numel() ** 0.5
        nn.init.normal_(layer.weight)
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """Apply the layer to features, its weights scaled."""
        weight, bias = self.layer.weight * self.scale, self.layer.bias
        if isinstance(self.layer, nn.Linear):
            return functional.linear(features, weight, bias)
        return functional.conv2d(features, weight, bias, padding=self.layer.padding)


class ProgressiveClassifier(nn.Module):
    """The discriminator of progressive GAN as a classifier: images (B, 3, S, S) to logits.

    From S down to `pool_from` each resolution has two 3x3 convolutions and an average pooling; then the mean
    over what places are left, of which each saw a patch of the image only (section 3.2, post-pooling). The
    paper's S is 128; between powers of two a resolution has the channels of the next.
    """

    def __init__(self, size: int, outputs: int, config: YuConfig) -> None:
        super().__init__()
        halvings = size // config.pool_from
        if size % config.pool_from or halvings & (halvings - 1):
            raise ConfigError(
                f"The progan network cannot halve {size} px until {config.pool_from} px.",
                "The first over the second has to be a power of two, as in view.size=128 and pool_from=4.",
            )

        def channels(resolution: int) -> int:
            stage = (resolution - 1).bit_length() - 1
            return min(config.feature_base >> stage, config.feature_max)

        layers: list[nn.Module] = [
            Equalised(nn.Conv2d(3, channels(size), 1)),
            nn.LeakyReLU(SLOPE, inplace=True),
        ]
        while size > config.pool_from:
            here, below = channels(size), channels(size // 2)
            layers += [*_convolution(here, here), *_convolution(here, below), nn.AvgPool2d(2)]
            size //= 2
        self.features = nn.Sequential(*layers, *_convolution(channels(size), channels(size)))
        self.output = Equalised(nn.Linear(channels(size), outputs), gain=1.0)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, outputs)."""
        logits: Tensor = self.output(self.features(images).mean(dim=(2, 3)))
        return logits


class BackboneClassifier(nn.Module):
    """Any backbone and a linear layer: the re-implementation that RepMix compares with."""

    def __init__(self, config: YuConfig, sources: int) -> None:
        super().__init__()
        built = build_backbone(config.backbone, pretrained=config.pretrained, options=config.backbone_options)
        self.backbone = built.network
        self.output = nn.Linear(built.features, sources)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, K)."""
        logits: Tensor = self.output(self.backbone(images))
        return logits


class Front(nn.Module):
    """What a variant shows the network that follows: one band, or the low ones, of a Gaussian pyramid.

    `pre-downsampling` gives the image reduced to `resolution`; `pre-downsampling-residual` what the level of
    `resolution` holds beyond the next smaller one (section 3.2).
    """

    def __init__(self, size: int, resolution: int, *, residual: bool) -> None:
        super().__init__()
        steps = math.log2(size / resolution)
        if steps != int(steps) or steps < 0:
            raise ConfigError(
                f"{size} px cannot be halved to {resolution} px.",
                "Set resolution to view.size over 1, 2, 4, ...",
            )
        self.steps, self.residual = int(steps), residual

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, S, S) to (B, 3, resolution, resolution)."""
        for _ in range(self.steps):
            images = _halve(images)
        if not self.residual:
            return images
        small = functional.interpolate(_halve(images), images.shape[-2:], mode="bilinear")
        return images - small


class VisualFingerprints(nn.Module):
    """An autoencoder whose residual is the image's fingerprint, and a learned fingerprint for each source.

    `critic` judges reconstructions in training only (section 3.3).
    """

    def __init__(self, config: YuConfig, sources: int) -> None:
        super().__init__()
        size, width = config.view.size, max(8, config.feature_base // 64)
        self.sharpness = config.sharpness
        self.reconstruct = nn.Sequential(
            *_convolution(3, width),
            *(*_convolution(width, 2 * width), nn.AvgPool2d(2)),
            *(*_convolution(2 * width, 4 * width), nn.AvgPool2d(2)),
            *(*_convolution(4 * width, 4 * width), nn.Upsample(scale_factor=2)),
            *(*_convolution(4 * width, 2 * width), nn.Upsample(scale_factor=2)),
            *_convolution(2 * width, width),
            Equalised(nn.Conv2d(width, 3, 3, padding=1), gain=1.0),
        )
        self.fingerprints = nn.Parameter(0.01 * torch.randn(sources, 3, size, size))
        self.critic = ProgressiveClassifier(size, 1, config)

    def correlations(self, fingerprints: Tensor) -> Tensor:
        """Return the normalised correlations (B, K) in [-1, 1] of image with model fingerprints."""
        return _normalised(fingerprints) @ _normalised(self.fingerprints).T

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, K): the correlations, sharpened."""
        residual = (images - self.reconstruct(images)).float()
        # Sums of 49,152 products would feel bf16's eight bits.
        with torch.autocast(images.device.type, enabled=False):
            return self.sharpness * self.correlations(residual)


class Yu(NeuralAttributor):
    """Attribution by a convolutional network trained on nothing but the source, or by learned fingerprints."""

    spec = AttributorSpec(
        name="yu",
        title="Yu et al.",
        paper="Yu, Davis and Fritz, Attributing Fake Images to GANs: Learning and Analyzing GAN Fingerprints, "
        "ICCV 2019, arXiv 1811.08180",
        year=2019,
        config=YuConfig,
        configs=Path(__file__).with_name("configs"),
    )
    config: YuConfig

    def build(self) -> nn.Module:
        """Return the variant's network with fresh weights."""
        config, size = self.config, self.config.view.size
        if config.variant == "visual":
            return VisualFingerprints(config, len(self.sources))
        layers: list[nn.Module] = []
        if config.variant != "post-pooling":
            residual = config.variant == "pre-downsampling-residual"
            size = config.resolution or (size if residual else size // 2)
            layers.append(Front(config.view.size, size, residual=residual))
        layers.append(
            ProgressiveClassifier(size, len(self.sources), config)
            if config.backbone == "progan"
            else BackboneClassifier(config, len(self.sources))
        )
        return nn.Sequential(*layers)

    def loss(self, images: Tensor, labels: Tensor, step: Step | None) -> Losses:
        """Judge by cross-entropy; the visual mode by reconstruction and a critic, too (section 3.3).

        Critic and autoencoder play their game in one step: the critic's gradient is turned round where it
        reaches the reconstruction (Ganin and Lempitsky 2015). Validation judges attribution alone.
        """
        network = self.network
        if not isinstance(network, VisualFingerprints):
            return super().loss(images, labels, step)
        reconstruction = network.reconstruct(images)
        with torch.autocast(images.device.type, enabled=False):
            reconstruction = reconstruction.float()
            logits = network.sharpness * network.correlations(images - reconstruction)
            total = CLASSIFICATION * functional.cross_entropy(logits, labels)
            if step is not None:
                total = total + RECONSTRUCTION * (images - reconstruction).abs().mean()
                total = total + ADVERSARIAL * _critic_loss(network.critic, images, reconstruction, step)
        return Losses(total, logits, labels)

    def explain(self, image: Tensor) -> list[Panel]:
        """Return the image's fingerprint, each model's, and its response: the two multiplied (figure 4).

        Only the visual variant has fingerprints that can be shown.
        """
        network = self.network
        if not isinstance(network, VisualFingerprints):
            return []
        network.eval()
        with torch.inference_mode():
            scaled = self.scale(image[None].to(self.device))
            fingerprint = scaled - network.reconstruct(scaled)
            found = network.correlations(fingerprint)[0].tolist()
        shape = network.fingerprints.shape[1:]
        of_image = _normalised(fingerprint)[0].view(shape)
        of_models = _normalised(network.fingerprints.detach()).view(-1, *shape)
        panels = [Panel("image fingerprint", of_image.mean(0).cpu().numpy(), diverging=True)]
        for source, model in zip(self.sources, of_models, strict=True):
            panels.append(Panel(f"fingerprint of {source}", model.mean(0).cpu().numpy(), diverging=True))
        for source, model, value in zip(self.sources, of_models, found, strict=True):
            response = (of_image * model).sum(0).cpu().numpy()
            panels.append(Panel(f"response to {source}: {value:+.3f}", response, diverging=True))
        return panels


class _Reverse(torch.autograd.Function):
    """The identity forwards, minus the gradient backwards."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return -gradient


def _critic_loss(critic: nn.Module, real: Tensor, made: Tensor, step: Step) -> Tensor:
    """Return Wasserstein critic's loss with its gradient penalty on points between (Gulrajani et al. 2017)."""
    judged = critic(_Reverse.apply(made)).mean() - critic(real).mean()
    share = torch.from_numpy(step.random().random((len(real), 1, 1, 1))).to(real)
    between = (share * real + (1 - share) * made.detach()).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    total: Tensor = judged + GRADIENT_PENALTY * penalty
    return total


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return Equalised(nn.Conv2d(inputs, outputs, 3, padding=1)), nn.LeakyReLU(SLOPE, inplace=True)


def _halve(images: Tensor) -> Tensor:
    """Return the next smaller level of a Gaussian pyramid."""
    line = images.new_tensor(BINOMIAL) / sum(BINOMIAL)
    kernel = torch.outer(line, line).expand(images.shape[1], 1, -1, -1)
    padded = functional.pad(images, (2, 2, 2, 2), mode="reflect")
    return functional.conv2d(padded, kernel, stride=2, groups=images.shape[1])


def _normalised(pictures: Tensor) -> Tensor:
    """Return pictures (N, 3, S, S) as rows (N, 3 S S) of mean 0 and length 1."""
    rows = pictures.flatten(1)
    return functional.normalize(rows - rows.mean(1, keepdim=True), dim=1)
