"""What generators and their interfaces write beside pixels, put into sentences that claim no more than that."""

import re
from collections.abc import Iterable, Iterator, Mapping

# https://cv.iptc.org/newscodes/digitalsourcetype/
_SYNTHETIC_SOURCES = {
    "trainedAlgorithmicMedia": "made by a trained model",
    "compositeWithTrainedAlgorithmicMedia": "a composite with parts made by a trained model",
    "algorithmicMedia": "made by an algorithm without training data",
}

_TEXT_KEYS = {
    "parameters": "Stable Diffusion web UIs write",
    "prompt": "ComfyUI writes",
    "workflow": "ComfyUI writes",
    "invokeai_metadata": "InvokeAI writes",
    "invokeai_workflow": "InvokeAI writes",
    "sd-metadata": "InvokeAI writes",
    "dream": "InvokeAI writes",
    "generation_data": "image generation services write",
}

# Saved as JPEG or WebP, the web UIs' parameters go into EXIF's UserComment.
_PARAMETERS = re.compile(r"\bSteps: \d{1,5}, .{0,200}\b(Sampler|CFG scale): ", re.DOTALL)

_GENERATORS = {
    "Stable Diffusion": r"stable[ _-]?diffusion|\bsdxl\b|automatic1111",
    "ComfyUI": r"\bcomfyui\b",
    "InvokeAI": r"\binvoke ?ai\b",
    "Midjourney": r"\bmidjourney\b",
    "DALL-E": r"\bdall[ ._·-]?e\b",
    "Adobe Firefly": r"adobe[ _-]?firefly",
    "NovelAI": r"\bnovel ?ai\b",
    "Google's image generation": r"google imagen|\bimagen-[2-9]\b|(made|edited) with google ai",
    "FLUX": r"\bflux[. -]?[12]\b|black forest labs",
    "OpenAI's image generation": r"\bopenai\b|\bgpt-?(4o|image)|\bchatgpt\b",
}


def signs_of_generators(
    source_types: Iterable[str], text: Mapping[str, str], comment: str, statements: Iterable[str]
) -> Iterator[str]:
    """Yield a sentence for each thing in the metadata that names a generator.

    `source_types` are IPTC's names, `text` the file's text by key, `comment` EXIF's UserComment, and
    `statements` those of software and credit. Text itself is searched only under the keys Source and Comment.
    """
    for source_type in dict.fromkeys(source_types):
        if source_type in _SYNTHETIC_SOURCES:
            meaning = _SYNTHETIC_SOURCES[source_type]
            yield f"It states the digital source type {source_type}: {meaning}."
    for key in text:
        if key.lower() in _TEXT_KEYS:
            yield f"It has a text under the key '{key}', as {_TEXT_KEYS[key.lower()]}."
    if _PARAMETERS.search(comment):
        yield "Its EXIF UserComment has generation parameters, as Stable Diffusion web UIs write."
    named = [*statements, *(text[key] for key in ("Source", "Comment") if key in text)]
    for statement in dict.fromkeys(named):
        for generator, pattern in _GENERATORS.items():
            if re.search(pattern, statement, re.IGNORECASE):
                yield f"It names {generator}: {statement}."
