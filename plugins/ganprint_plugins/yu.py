"""Yu et al.: attributing fake images to GANs (ICCV 2019), its variants, and its visual fingerprints."""

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganprint.plugin_api import ConfigError, Losses, NeuralAttributor, Panel, Step, build_backbone
from ganprint_plugins.yu_spec import SPEC, YuConfig

SLOPE = 0.2
"""Of the leaky ReLU below zero (progressive GAN's, as the public code's)."""
BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)
"""The Gaussian of Burt and Adelson's pyramid (1983), of sum 16."""
RECONSTRUCTION, ADVERSARIAL = 20.0, 0.1
"""Weights of the autoencoder's losses beside the cross-entropy's 1 (section 3.3; the public code's values)."""
GRADIENT_PENALTY, DRIFT = 10.0, 0.001
"""Weights of the critic's gradient penalty and of its squared values (the public code's)."""


class Equalised(nn.Module):
    """A layer whose weights are of deviation 1 and scaled as He et al. (2015) would draw them when they are used.

    All layers then learn at one rate (Karras et al., ICLR 2018, section 4.1). Convolutions reflect the image at its
    border, as the public code does.
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
        side = self.layer.kernel_size[0] // 2
        return functional.conv2d(functional.pad(features, [side] * 4, mode="reflect"), weight, bias)


class MinibatchDeviation(nn.Module):
    """Append how much a place differs between images, one number for each group of four (Karras et al. 2018)."""

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, C, H, W) to (B, C + 1, H, W)."""
        size = next(size for size in (4, 3, 2, 1) if len(features) % size == 0)
        groups = features.float().view(size, -1, *features.shape[1:])
        deviation = (groups.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3)).repeat(size)
        plane = deviation.view(-1, 1, 1, 1).expand(-1, 1, *features.shape[2:])
        return torch.cat([features, plane.to(features.dtype)], dim=1)


def sides(size: int) -> list[int]:
    """Return the sides of the features from that of the image, halved each time, to one of 4 to 7 pixels."""
    found = [size]
    while found[-1] > 7 and found[-1] % 2 == 0:
        found.append(found[-1] // 2)
    if not 4 <= found[-1] <= 7:
        raise ConfigError(
            f"The progan network cannot halve {size} px until 4 px.",
            "Set view.size to 4, 5, 6 or 7 times a power of two, as 96 or 128.",
        )
    return found


def encoder(size: int, config: YuConfig) -> tuple[list[nn.Module], int, int]:
    """Return the layers from an image to its smallest features, and these features' channels and side.

    Each side above `pool_from` has two 3x3 convolutions, each side above the smallest an average pooling. With the
    published 128 px and base of 1024 the channels double from 16 to 512.
    """
    layers: list[nn.Module] = []
    channels, steps = 3, sides(size)
    for side in steps[:-1]:
        if side > config.pool_from:
            here, below = width(side, config), width(side // 2, config)
            layers += [*_convolution(channels, here), *_convolution(here, below)]
            channels = below
        layers.append(nn.AvgPool2d(2))
    return layers, channels, steps[-1]


def width(side: int, config: YuConfig) -> int:
    """Return the channels of features of a side; between powers of two those of the next."""
    return max(1, min(config.feature_base >> ((side - 1).bit_length() - 1), config.feature_max))


class ProgressiveClassifier(nn.Module):
    """The discriminator of progressive GAN as a classifier: images (B, 3, S, S) to logits.

    The public code's C_patch: convolutions and pooling down to 4 px, a 3x3 convolution there, and two dense layers.
    With `critic` it is the discriminator itself, which also sees how much images of a batch differ.
    """

    def __init__(self, size: int, outputs: int, config: YuConfig, *, critic: bool = False) -> None:
        super().__init__()
        layers, channels, side = encoder(size, config)
        last = width(4, config)
        hidden = min(config.feature_base, config.feature_max) if critic else last
        if critic:
            layers.append(MinibatchDeviation())
        self.features = nn.Sequential(*layers, *_convolution(channels + critic, last))
        self.hidden = Equalised(nn.Linear(last * side**2, hidden))
        self.output = Equalised(nn.Linear(hidden, outputs), gain=1.0)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, outputs)."""
        hidden = self.hidden(self.features(images).flatten(1))
        logits: Tensor = self.output(functional.leaky_relu(hidden, SLOPE))
        return logits


def backbone_classifier(config: YuConfig, sources: int) -> nn.Module:
    """Return any backbone and a linear layer: the re-implementation that RepMix compares with."""
    built = build_backbone(config.backbone, pretrained=config.pretrained, options=config.backbone_options)
    return nn.Sequential(OrderedDict(backbone=built.network, output=nn.Linear(built.features, sources)))


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

    `critic` judges reconstructions in training only (section 3.3; the public code's EG and D).
    """

    def __init__(self, config: YuConfig, sources: int) -> None:
        super().__init__()
        size = config.view.size
        layers, channels, _ = encoder(size, config)
        for side in reversed(sides(size)):
            here = width(side, config)
            if side == sides(size)[-1]:
                layers += [*_convolution(channels, here), *_convolution(here, here)]
                channels = here
            else:
                layers.append(nn.Upsample(scale_factor=2))
            layers += [*_convolution(channels, here), *_convolution(here, here)]
            channels = here
        layers += [Equalised(nn.Conv2d(channels, 3, 3)), nn.Tanh()]
        self.reconstruct = nn.Sequential(*layers)
        self.fingerprints = nn.Parameter(torch.randn(sources, 3, size, size))
        self.critic = ProgressiveClassifier(size, 1, config, critic=True)

    def responses(self, fingerprints: Tensor) -> Tensor:
        """Return the logits (B, K): products of image fingerprints (B, 3, S, S) with the sources', not normalised."""
        pixels = self.fingerprints[0].numel()
        products: Tensor = fingerprints.flatten(1) @ self.fingerprints.flatten(1).T
        return products / math.sqrt(pixels)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, K)."""
        fingerprint = (images - self.reconstruct(images)).float()
        # Sums of 49,152 products would feel bf16's eight bits.
        with torch.autocast(images.device.type, enabled=False):
            return self.responses(fingerprint)


class Yu(NeuralAttributor):
    """Attribution by a convolutional network trained on nothing but the source, or by learned fingerprints."""

    spec = SPEC
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
            else backbone_classifier(config, len(self.sources))
        )
        return nn.Sequential(*layers)

    def loss(self, images: Tensor, labels: Tensor, step: Step | None) -> Losses:
        """Return the cross-entropy; of the visual mode the losses of reconstruction and a critic, too (section 3.3).

        Critic and autoencoder play their game in one step on one batch, where the public code takes turns: the
        critic's gradient is turned round where it reaches the reconstruction (Ganin and Lempitsky 2015). Validation
        judges attribution alone.
        """
        network = self.network
        if not isinstance(network, VisualFingerprints):
            return super().loss(images, labels, step)
        reconstruction = network.reconstruct(images)
        with torch.autocast(images.device.type, enabled=False):
            reconstruction = reconstruction.float()
            logits = network.responses(images - reconstruction)
            total = functional.cross_entropy(logits, labels)
            if step is not None and network.training:
                total = total + RECONSTRUCTION * (images - reconstruction).abs().mean()
                total = total + _critic_loss(network.critic, images, reconstruction, step)
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
            found = network.responses(fingerprint)[0].tolist()
        of_image, of_models = fingerprint[0], network.fingerprints.detach()
        panels = [Panel("image fingerprint", of_image.mean(0).cpu().numpy(), diverging=True)]
        for source, model in zip(self.sources, of_models, strict=True):
            panels.append(Panel(f"fingerprint of {source}", model.mean(0).cpu().numpy(), diverging=True))
        for source, model, value in zip(self.sources, of_models, found, strict=True):
            response = (of_image * model).sum(0).cpu().numpy()
            panels.append(Panel(f"response to {source}: {value:+.3f}", response, diverging=True))
        return panels


def _critic_loss(critic: nn.Module, real: Tensor, made: Tensor, step: Step) -> Tensor:
    """Return the critic's loss: Wasserstein's, the gradient penalty (Gulrajani et al. 2017), and against drift.

    What is `made` gets the critic's gradient turned round, with the weight of the adversarial loss.
    """
    of_real = critic(real)
    turned = made.view_as(made)
    turned.register_hook(lambda gradient: -ADVERSARIAL * gradient)  # type: ignore[no-untyped-call]
    judged = critic(turned).mean() - of_real.mean()
    drawn = step.random().random((len(real) * step.world_size, 1, 1, 1))
    share = torch.from_numpy(step.share(drawn)).to(real)
    between = (share * real + (1 - share) * made.detach()).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    total: Tensor = judged + GRADIENT_PENALTY * penalty + DRIFT * of_real.square().mean()
    return total


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return Equalised(nn.Conv2d(inputs, outputs, 3)), nn.LeakyReLU(SLOPE, inplace=True)


def _halve(images: Tensor) -> Tensor:
    """Return the next smaller level of a Gaussian pyramid."""
    line = images.new_tensor(BINOMIAL) / sum(BINOMIAL)
    kernel = torch.outer(line, line).expand(images.shape[1], 1, -1, -1)
    padded = functional.pad(images, (2, 2, 2, 2), mode="reflect")
    return functional.conv2d(padded, kernel, stride=2, groups=images.shape[1])
