"""Families of generators, so that a verdict can name the family alone."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "gan": (
        *("progan", "stylegan", "stylegan2", "stylegan3", "msggan", "stargan", "starganv2", "cyclegan"),
        *("dcgan", "sngan", "cramergan", "mmdgan", "biggan", "pix2pix", "munit", "fastgan", "gansformer"),
        *("gaugan", "projectedgan", "styleganxl", "gigagan"),
    ),
    "diffusion": (
        *("stablediffusion", "sdxl", "sd3", "midjourney", "dalle2", "dalle3", "flux", "gptimage", "imagen"),
        *("kandinsky", "ldm", "ddpm", "adm", "glide", "pixart", "qwenimage", "firefly", "wuerstchen"),
    ),
}
"""Names of sources by family, in lower case without separators. GPT image and its like are counted with diffusion:
their decoders are. DALL-E mini, a discrete autoencoder read by a transformer, is of neither.
"""

SUFFIX = "-mini"
"""What the sources of the embedded benchmark are called after their architecture."""


def family_of(source: str) -> str | None:
    """Return the family of a source by its name, None where it is not known (and for real)."""
    plain = "".join(letter for letter in source.lower().removesuffix(SUFFIX) if letter.isalnum())
    return next((family for family, names in FAMILIES.items() if plain in names), None)
