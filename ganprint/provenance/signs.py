"""Traces in metadata that name a generator, as sentences that claim no more than that."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ganprint.images.formats import shortened

# https://cv.iptc.org/newscodes/digitalsourcetype/: what each means, and what it says the picture was made with.
_SYNTHETIC_SOURCES = {
    "trainedAlgorithmicMedia": ("made by a trained model", "a trained model"),
    "compositeWithTrainedAlgorithmicMedia": (
        "a composite with parts made by a trained model",
        "parts made by a trained model",
    ),
    "compositeSynthetic": ("a composite with synthetic parts", "synthetic parts"),
    "algorithmicMedia": ("made by an algorithm without training data", None),
}

_WEB_UIS = "Stable Diffusion web UIs"
# What programs write into texts: by the keys of PNG, and by what it looks like anywhere.
_KEYS = {
    "parameters": _WEB_UIS,
    "prompt": "ComfyUI",
    "workflow": "ComfyUI",
    "invokeai_metadata": "InvokeAI",
    "invokeai_workflow": "InvokeAI",
    "invokeai_graph": "InvokeAI",
    "sd-metadata": "InvokeAI",
    "dream": "InvokeAI",
    "fooocus_scheme": "Fooocus",
    "generation_data": "image generation services",
}
_MARKS = {
    "SwarmUI": r'"sui_image_params"|\bswarmui\b',
    "Fooocus": r"\bfooocus\b",
    "Civitai": r"\bcivitai (resources|metadata)\b|\burn:air:|civitai\.com|\bcivitai:",
    "Draw Things": r"\bdraw ?things\b",
    "InvokeAI": r"\binvoke ?ai\b",
    "NovelAI": r'\bnovel ?ai\b|"signed_hash"\s*:|^AI generated image\.?$',
    "Easy Diffusion": r'"?use_stable_diffusion_model"?\s*:',
    "ComfyUI": r'^\s*(prompt|workflow)\s*:\s*\{|"class_type"\s*:|"last_node_id"\s*:',
    "Midjourney": r"\bjob id: ?[0-9a-f]{8}-[0-9a-f-]{27}"
    r"|--(v|niji) \d.{0,200}--(ar|stylize|s) \d|--(ar|stylize|s) \d.{0,200}--(v|niji) \d",
    _WEB_UIS: r"\bsteps: \d{1,5}, .{0,200}\b(sampler|cfg scale): "
    r'|"sampler(_name)?"\s*:.{0,1000}"(steps|seed)"\s*:|"(steps|seed)"\s*:.{0,1000}"sampler(_name)?"\s*:',
}
# Programs that run models of several makers.
_INTERFACES = {"ComfyUI", "SwarmUI", "Fooocus", "Civitai", "Draw Things", "InvokeAI", "Easy Diffusion"}

# Names of generators, as software, makers and credits state them.
_NAMES = {
    "Midjourney": r"\bmidjourney\b",
    "DALL-E": r"\bdall[ ._·-]?e\b",
    "Adobe Firefly": r"adobe[ _-]?firefly|\bfirefly (image|video)\b",
    "NovelAI": r"\bnovel ?ai\b",
    "Google's image generation": r"google imagen|\bimagen[- ]?[2-9]\b|(made|edited|created) with google ai"
    r"|\bgemini\b.{0,20}\bimage\b|google generative ai|\bnano ?banana\b",
    "FLUX": r"\bflux[. _-]?[12](?!\d)|\bflux[. -](dev|pro|schnell)\b|black forest labs|ai generated;.{0,100}\bflux\b",
    "OpenAI's image generation": r"\bopenai\b|\bgpt-?(4o|5|image)|\bchatgpt\b|\bsora\b",
    "Microsoft's image generation": r"bing image creator|microsoft designer|microsoft_responsible_ai",
    "Leonardo.Ai": r"\bleonardo\.? ?ai\b",
    "Ideogram": r"\bideogram(\.ai)?\b",
    "Grok": r"\bgrok\b|\bxai aurora\b",
    "Meta AI": r"\bmeta ai\b|imagined with ai",
    "Recraft": r"\brecraft\b",
    "Stability AI": r"\bstability ?ai\b|\bdreamstudio\b",
    "Seedream": r"\bseedream\b|\bjimeng\b|即梦",
    "ComfyUI": r"\bcomfyui\b",
    "InvokeAI": r"\binvoke ?ai\b",
    "Draw Things": r"\bdraw ?things\b",
    "Fooocus": r"\bfooocus\b",
    "SwarmUI": r"\bswarmui\b",
    "Civitai": r"\bcivitai\b",
    "an AI generator": r"\bai[ -]generated\b|\b(made|created|generated) (with|by) (an? )?(ai\b|artificial intell)"
    r"|\bki[ -]?(generiert|erzeugt)|\b(mit|von|durch) (ki|künstlicher intelligenz) (erstellt|erzeugt|generiert)"
    r"|\b(créée?|générée?) (par|avec) (une |l')?(ia\b|intelligence artif)"
    r"|\b(cread|generad|criad|gerad|creat|generat)[oa] (con|por|com|da|dall') ?(una? |la |l')?(ia\b|intell?i\w+ artif)"
    r"|(создано|сгенерировано) (ии\b|нейросетью|искусственным)"
    r"|(ai|人工智能|人工知能) ?(技术|で|による|로)? ?(生成|合成|생성)|(由|使用|用) ?(ai|人工智能) ?(创作|制作|绘制)",
    "Stable Diffusion": r"stable[ _-]?diffusion|\bsdxl\b|automatic1111",
}
_MADE = (
    r"\b(made|created|generated|rendered|produced|imagined|drawn|synthesi[sz]ed"
    r"|erstellt|erzeugt|generiert|créée?|générée?|réalisée?|cread[oa]|hech[oa]|generad[oa]|criad[oa]|gerad[oa]|feit[oa]"
    r"|creat[oa]|generat[oa]|fatt[oa]|создан[оа]?|сделан[оа]?)"
    r"\s+(with|by|using|in|on|via|from|through|mit|von|durch|avec|par|con|por|com|da|с|в)\b.{0,40}?"
)
_COMMENTS = ("", "source", "comment")
_LABEL = re.compile(r"""["']?label["']?\s*[:=]\s*["']?([123])""", re.IGNORECASE)
_LABELLED = re.compile(r"""contentproducer|produceid|["']aigc["']\s*:""", re.IGNORECASE)
_FORM = re.compile(r"\{|\bsteps: \d|--\w+ \d|\bjob id\b|^AI generated image", re.IGNORECASE)
_LABEL_MEANS = {"1": "generated", "2": "possibly generated", "3": "suspected to be generated"}
_SEARCHED = 20_000
_SEARCHED_IN_ALL = 200_000


@dataclass(frozen=True)
class Sign:
    """One thing that names a generator: a sentence, and what it says made the picture, None where it does not say."""

    sentence: str
    generator: str | None


@dataclass(frozen=True)
class Text:
    """A text in a file: where it stands, as a phrase; its `key` in PNG or GIF, empty elsewhere; and what it says.

    Where it is a `caption` it may speak of a generator that did not make the picture.
    """

    where: str
    value: str
    key: str = ""
    caption: bool = False


def signs_of_generators(
    source_types: Iterable[str], texts: Iterable[Text], statements: Iterable[str], labels: list[str]
) -> list[Sign]:
    """Return each thing in the metadata that names a generator, those first that say most of it.

    `source_types` are IPTC's names, `statements` those of software, maker and credit, `labels` AIGC labels (GB 45438).
    A caption names a generator only where it says "made with" or the like.
    """
    texts = _first_of(texts)
    written = {text: [*_of_text(text)] for text in texts}
    found = [sign for signs in written.values() for sign in signs]
    comments = [
        text.value
        for text, signs in written.items()
        if not signs and not text.caption and text.key.lower() in _COMMENTS
    ]
    for statement in dict.fromkeys([*statements, *comments]):
        found += _of_name(statement, "")
    for caption in (text.value for text in texts if text.caption):
        found += _of_name(caption, _MADE)
    found += _of_labels([*labels, *(text.value for text in texts if _LABELLED.search(text.value[:_SEARCHED]))])
    # Others are built on Stable Diffusion, and any may be called an AI.
    found.sort(key=lambda sign: {"Stable Diffusion": 1, "an AI generator": 2}.get(sign.generator or "", 0))
    for source_type in dict.fromkeys(source_types):
        if source_type in _SYNTHETIC_SOURCES:
            meaning, made_with = _SYNTHETIC_SOURCES[source_type]
            found.append(Sign(f"It states the digital source type {source_type}: {meaning}.", made_with))
    return [*dict.fromkeys(found)]


def _first_of(texts: Iterable[Text]) -> list[Text]:
    """Return the first texts, as long as all that is searched: a file may hold any number of them."""
    kept, room = [], _SEARCHED_IN_ALL
    for text in texts:
        if room > 0:
            kept.append(text)
            room -= min(len(text.value), _SEARCHED)
    return kept


def _of_text(text: Text) -> Iterator[Sign]:
    value = text.value[:_SEARCHED]
    marks = [name for name, mark in _MARKS.items() if re.search(mark, value, re.IGNORECASE | re.DOTALL)]
    # What web UIs write, others write too, and some of them say so by the key.
    program = next((mark for mark in marks if mark != _WEB_UIS), None) or _KEYS.get(text.key.lower())
    program = program or next(iter(marks), None)
    # A caption may speak of a program; what the program wrote has a form.
    if program is None or (text.caption and not _FORM.search(value)):
        return
    writes = f"{program} write{'' if program.endswith('s') else 's'}"
    if text.key:
        sentence = f"It has a text under the key '{shortened(text.key, 80)}', as {writes}."
    else:
        sentence = f"Its {text.where} has generation parameters, as {writes}."
    yield Sign(sentence, _in_words(program, value))


def _of_name(statement: str, before: str) -> Iterator[Sign]:
    for generator, pattern in _NAMES.items():
        if re.search(f"{before}(?:{pattern})", statement[:_SEARCHED], re.IGNORECASE):
            yield Sign(f"It names {generator}: {shortened(statement)}.", _in_words(generator, statement))


def _in_words(program: str, text: str) -> str:
    """Say what a picture was made with, by the name of a program and the text that names it."""
    if program in _INTERFACES:
        model = "FLUX" if re.search(_NAMES["FLUX"], text, re.IGNORECASE) else "Stable Diffusion"
        return f"{model} ({program})"
    return {_WEB_UIS: "Stable Diffusion", "image generation services": "an image generator"}.get(program, program)


def _of_labels(labels: Iterable[str]) -> Iterator[Sign]:
    for label in labels:
        number = _LABEL.search(label[:_SEARCHED])
        meaning = _LABEL_MEANS[number[1]] if number else "it does not say of which kind"
        yield Sign(f"It has a label of AI-generated content (AIGC, GB 45438): {meaning}.", "an AI service")
