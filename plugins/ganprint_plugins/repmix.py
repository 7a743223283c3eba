"""RepMix: representation mixing for robust attribution (Bui, Yu and Collomosse, ECCV 2022)."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganprint.plugin_api import ConfigError, Losses, NeuralAttributor, Prediction, Step, build_backbone, replace_output
from ganprint_plugins.repmix_spec import SPEC, RepMixConfig


class RepMixNetwork(nn.Module):
    """A backbone, a linear embedding, and two linear heads: detection (2) and attribution (K)."""

    def __init__(self, config: RepMixConfig, sources: int) -> None:
        super().__init__()
        built = build_backbone(config.backbone, pretrained=config.pretrained, options=config.backbone_options)
        if config.mix_level > len(built.cuts):
            raise ConfigError(
                f"{config.backbone} has no mix level {config.mix_level}.",
                f"Its levels: -1 to {len(built.cuts)}.",
            )
        self.backbone = built.network
        self.embedding = nn.Linear(built.features, config.embedding)
        self.detection = nn.Linear(config.embedding, 2)
        self.attribution = nn.Linear(config.embedding, sources)
        self.cuts = built.cuts

    def embed(self, images: Tensor, mix: Callable[[Tensor], Tensor] | None = None, level: int = 0) -> Tensor:
        """Embed images (B, 3, S, S), letting `mix` act on the features at `level` (section 3.2, equation 2)."""
        if mix is None or level <= 0:
            return self.embedding(self.backbone(mix(images) if mix else images))  # type: ignore[no-any-return]
        with replace_output(self.backbone, self.cuts[level - 1], mix):
            return self.embedding(self.backbone(images))  # type: ignore[no-any-return]

    def heads(self, embedding: Tensor, *, compound: bool) -> tuple[Tensor, Tensor]:
        """Return detection logits (B, 2) and attribution logits (B, K), compound or plain (section 3.3).

        Compound: the real logit times the probability of real, every other times that of synthetic.
        """
        # In full precision: the compound product and the losses would feel bf16's eight bits.
        with torch.autocast(embedding.device.type, enabled=False):
            embedding = embedding.float()
            detection, attribution = self.detection(embedding), self.attribution(embedding)
            if compound:
                share = functional.softmax(detection, dim=1)
                scale = torch.cat([share[:, :1], share[:, 1:].expand(-1, attribution.shape[1] - 1)], dim=1)
                attribution = attribution * scale
        return detection, attribution


class RepMix(NeuralAttributor):
    """Attribution by a network that is trained on mixtures of images' representations."""

    spec = SPEC
    config: RepMixConfig
    network: RepMixNetwork

    def build(self) -> RepMixNetwork:
        """Return backbone, embedding and heads with fresh weights."""
        return RepMixNetwork(self.config, len(self.sources))

    @property
    def changes_raw(self) -> bool:
        """Whether mixing comes before perturbation (mix level -1)."""
        return self.config.mix_level == -1 and self.config.mix_count > 1

    def mix_raw(self, images: Tensor, labels: Tensor, step: Step) -> Tensor:
        """Mix uint8 images (M n, 3, S, S) into (M, 3, S, S)."""
        mixed = mix(images.float(), self.ratios(len(images), step, images.device))
        return mixed.round_().to(torch.uint8)

    def ratios(self, images: int, step: Step, device: torch.device) -> Tensor:
        """Draw the mixing ratios of this process's samples, (M, n), each row summing to one."""
        count = self.config.mix_count
        samples = images // count * step.world_size
        drawn = step.random().dirichlet([self.config.mix_concentration] * count, size=samples)
        return torch.from_numpy(step.share(drawn)).to(device, torch.float32)

    def loss(self, images: Tensor, labels: Tensor, step: Step | None) -> Losses:
        """Return the attribution and detection losses of mixed samples (section 3.3, equations 4 to 6).

        Sample m mixes images m n to m n + n - 1, whose labels weigh as much as they do. Both losses are means over
        samples, as in the public code. Nothing is mixed without a step.
        """
        count, ratios, mixing = 1, torch.ones(len(labels), 1, device=images.device), None
        if step is not None and self.config.mix_count > 1:
            count = self.config.mix_count
            ratios = self.ratios(len(labels), step, images.device)
            mixing = None if self.changes_raw else partial(mix, ratios=ratios)
        embedding = self.network.embed(images, mixing, self.config.mix_level)
        detection, attribution = self.network.heads(embedding, compound=self.config.compound)
        targets = labels.view(-1, count)
        attribution_loss, detection_loss = mixed_losses(attribution, detection, targets, ratios)
        foremost = targets.gather(1, ratios.argmax(1, keepdim=True)).squeeze(1)
        return Losses(attribution_loss.mean() + detection_loss.mean(), attribution, foremost)

    def answer(self, images: Tensor) -> Prediction:
        """Answer from unmixed images."""
        embedding = self.network.embed(images)
        _, attribution = self.network.heads(embedding, compound=self.config.compound)
        return Prediction(attribution=attribution, embedding=embedding)


def mix(features: Tensor, ratios: Tensor) -> Tensor:
    """Weigh every n consecutive rows of features (M n, ...) by ratios (M, n) into one of (M, ...)."""
    samples, count = ratios.shape
    grouped = features.view(samples, count, *features.shape[1:])
    weights = ratios.to(features.dtype).view(samples, count, *[1] * (features.dim() - 1))
    return (grouped * weights).sum(dim=1)


def mixed_losses(attribution: Tensor, detection: Tensor, targets: Tensor, ratios: Tensor) -> tuple[Tensor, Tensor]:
    """Return the attribution and the detection loss of each sample, (M,) and (M,).

    `targets` (M, n) are the labels of the images that `ratios` (M, n) mixed into it. Detection has class weights
    1 for real and 1 / (K - 1) for synthetic: all generators together weigh as much as real.
    """
    weights = torch.where(targets == 0, 1.0, 1.0 / (attribution.shape[1] - 1))
    attribution_loss = ratios * _cross_entropies(attribution, targets)
    detection_loss = ratios * weights * _cross_entropies(detection, (targets > 0).long())
    return attribution_loss.sum(1), detection_loss.sum(1)


def _cross_entropies(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of logits (M, K) with each of targets (M, n), as (M, n)."""
    return -functional.log_softmax(logits, dim=1).gather(1, targets)
