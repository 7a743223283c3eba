"""A backbone of a timm model's first stages."""

import pytest
import torch

from ganprint.errors import ConfigError
from ganprint.models.backbones import build_backbone


@pytest.mark.parametrize(
    ("name", "stages", "features", "cuts"),
    [
        ("tf_efficientnet_lite0", 4, 112, ("blocks.0", "blocks.1", "blocks.2", "blocks.4")),
        ("resnet18", 3, 128, ("maxpool", "layer1", "layer2")),
        ("convnext_atto", 2, 80, ("stem", "stages.0", "stages.1")),
    ],
)
def test_the_first_stages_are_those_of_the_whole_model(
    name: str, stages: int, features: int, cuts: tuple[str, ...]
) -> None:
    cut = build_backbone(f"timm:{name}", options={"stages": stages})
    assert (cut.features, cut.cuts) == (features, cuts)
    whole = build_backbone(f"timm:{name}").network
    # A stage that is left out may leave an empty module of its name.
    given = {key: value for key, value in whole.state_dict().items() if key in cut.network.state_dict()}
    cut.network.load_state_dict(given)
    found = []
    whole.get_submodule(cuts[-1]).register_forward_hook(lambda module, inputs, output: found.append(output))
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole.eval()(images)
        pooled = cut.network.eval()(images)
    torch.testing.assert_close(pooled, found[0].mean((2, 3)))


@pytest.mark.parametrize(
    ("name", "stages", "says"),
    [
        ("resnet18", 6, "timm cannot cut it after 6 stages"),
        ("hrnet_w18_small", 2, "timm cannot cut it after 2 stages"),
        ("resnet18", 0, "stages cannot be 0"),
    ],
)
def test_stages_that_there_are_not_are_refused(name: str, stages: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_backbone(f"timm:{name}", options={"stages": stages})
    assert says in caught.value.message
