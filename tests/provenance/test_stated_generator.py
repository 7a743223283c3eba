"""The generator that a file names is found wherever programs write it."""

import html
import struct
import zlib

import pytest
from PIL import Image

from ..conftest import chunk, with_segments
from .conftest import FORMATS, SOURCE, STATED, exif, picture, read_metadata, with_text, with_xmp, xmp

XMP_FORMATS = [name for name in ("JPEG", "PNG", "WEBP", "TIFF") if name in FORMATS]


@pytest.mark.parametrize(
    ("key", "writer"),
    [
        ("parameters", "Stable Diffusion web UIs"), ("workflow", "ComfyUI"), ("prompt", "ComfyUI"),
        ("Dream", "InvokeAI"), ("generation_data", "image generation services"),
    ],
)  # fmt: skip
def test_texts_that_generating_programs_write_are_signs(key: str, writer: str) -> None:
    metadata = read_metadata(with_text(**{key: "a cat\nSteps: 20, Sampler: Euler a"}), "PNG")
    (sign,) = metadata.signs
    assert sign == f"It has a text under the key '{key}', as {writer} write{'s' * writer.endswith('I')}."
    assert metadata.text[key] == "a cat\\nSteps: 20, Sampler: Euler a"


def test_text_after_the_pixels_of_a_png_is_read() -> None:
    data = picture("PNG")
    assert read_metadata(data[:-12] + chunk(b"tEXt", b"parameters\0x") + data[-12:], "PNG").signs


def user_comment(comment: bytes) -> Image.Exif:
    made = Image.Exif()
    made[0x8769] = {0x9286: comment}
    return made


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("coding", ["utf-16-be", "utf-16-le", "utf-16"])
def test_parameters_in_an_exif_comment_are_a_sign(kind: str, coding: str) -> None:
    comment = "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7"
    metadata = read_metadata(picture(kind, exif=user_comment(b"UNICODE\0" + comment.encode(coding))), kind)
    assert metadata.exif["UserComment"].startswith("a cat\\nSteps: 20")
    (sign,) = metadata.signs
    assert sign == "Its EXIF UserComment has generation parameters, as Stable Diffusion web UIs write."


@pytest.mark.parametrize(
    ("software", "generator"),
    [
        ("Adobe Firefly", "Adobe Firefly"),
        ("NovelAI", "NovelAI"),
        ("Midjourney v6", "Midjourney"),
        ("DALL·E 3", "DALL-E"),
        ("OpenAI gpt-image-1", "OpenAI's image generation"),
        ("FLUX.1 [dev]", "FLUX"),
        ("Adobe Photoshop 25.0", None),
        ("Wall-E viewer, f.lux, imagenation, conflux", None),
    ],
)
def test_software_is_a_sign_where_it_names_a_generator(software: str, generator: str | None) -> None:
    metadata = read_metadata(with_text(Software=software), "PNG")
    assert metadata.software == [software]
    assert metadata.signs == ([f"It names {generator}: {software}."] if generator else [])


@pytest.mark.parametrize("kind", XMP_FORMATS)
@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        (STATED, ""),
        (f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{SOURCE}trainedAlgorithmicMedia"/>', ""),
        ("", f'Iptc4xmpExt:DigitalSourceType="{SOURCE}trainedAlgorithmicMedia"'),
    ],
    ids=["element", "resource", "attribute"],
)
def test_the_digital_source_type_is_read_from_xmp(kind: str, body: str, attributes: str) -> None:
    metadata = read_metadata(with_xmp(kind, xmp(body, attributes)), kind)
    assert metadata.digital_source_type == "trainedAlgorithmicMedia"
    (sign,) = metadata.signs
    assert sign == "It states the digital source type trainedAlgorithmicMedia: made by a trained model."
    assert (metadata.notes, metadata.text) == ([], {})


def test_a_camera_s_source_type_is_no_sign() -> None:
    packet = xmp("", f'Iptc4xmpExt:DigitalSourceType="{SOURCE}digitalCapture"')
    metadata = read_metadata(with_xmp("JPEG", packet), "JPEG")
    assert (metadata.digital_source_type, metadata.signs) == ("digitalCapture", [])
    assert "Digital source type: digitalCapture." in metadata.sentences()


def test_software_and_credit_are_read_from_xmp() -> None:
    packet = xmp(
        "<photoshop:Credit>Made with Google AI</photoshop:Credit><xmp:CreatorTool>GIMP</xmp:CreatorTool>",
        'stEvt:softwareAgent="Adobe Firefly"',
    )
    metadata = read_metadata(with_xmp("PNG", packet), "PNG")
    assert metadata.software == ["Adobe Firefly", "GIMP"]
    assert metadata.signs == [
        "It names Adobe Firefly: Adobe Firefly.",
        "It names Google's image generation: Made with Google AI.",
    ]


@pytest.mark.parametrize(
    "packet",
    [
        xmp(STATED)[:-2],
        xmp(STATED)[: -len("</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>")],
        xmp(STATED).replace(b"Media</Iptc4xmpExt:DigitalSourceType>", b"Media"),
        xmp("<a:b>AT&T < 5</a:b>" + STATED),
        xmp("<undeclared:x y=unquoted/>" + STATED),
        xmp("\x01" + STATED),
        xmp("", f'a:b="1 < 2" Iptc4xmpExt:DigitalSourceType="{SOURCE}trainedAlgorithmicMedia"'),
        xmp(STATED).replace(b"photoshop", b"photo\xff\xfeshop"),
        xmp(STATED).decode().encode("utf-16"),
        xmp(STATED).decode().encode("utf-16-be"),
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + xmp(STATED),
        xmp(STATED) + b"<x>" + b" " * (1 << 20) + b"</x>",
    ],
    ids=[
        "trailer", "cut", "not closed", "bare characters", "undeclared", "control", "less than", "no utf-8", "utf-16",
        "utf-16 without a mark", "entities", "long",
    ],
)  # fmt: skip
def test_a_flaw_does_not_cost_the_rest_of_the_xmp(packet: bytes) -> None:
    metadata = read_metadata(with_xmp("WEBP", packet), "WEBP")
    assert metadata.digital_source_type == "trainedAlgorithmicMedia"
    assert metadata.stated_generator == "a trained model"
    assert all(note.startswith("Its XMP is ") and note.endswith(".") for note in metadata.notes)


def test_entities_of_xmp_are_not_expanded() -> None:
    packet = xmp("<photoshop:Credit>&b; &#65;</photoshop:Credit>")
    declared = b'<!DOCTYPE x [<!ENTITY b "Midjourney">]>' + packet
    assert read_metadata(with_xmp("WEBP", declared), "WEBP").signs == []


def test_deep_and_wide_xmp_takes_no_time_to_speak_of() -> None:
    deep = b"<Iptc4xmpExt:DigitalSourceType>" * 20_000 + b"x" + b"</Iptc4xmpExt:DigitalSourceType>" * 20_000
    assert read_metadata(with_xmp("WEBP", xmp(deep.decode())), "WEBP").digital_source_type == "x"


PARAMETERS = "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"
WORKFLOW = '{"last_node_id": 9, "nodes": [{"id": 3, "type": "KSampler"}]}'
LABEL = '{"Label": "1", "ContentProducer": "00119", "ProduceID": "x"}'


def commented(text: str) -> bytes:
    return picture("JPEG", exif=user_comment(b"UNICODE\0" + text.encode("utf-16-be")))


def gif_with_xmp(packet: bytes) -> bytes:
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    data = picture("GIF")
    place = 13 + (3 << (data[10] & 7) + 1)
    return data[:place] + b"\x21\xff\x0bXMP DataXMP" + packet + trailer + data[place:]


def with_comments(*comments: bytes) -> bytes:
    return with_segments(picture("JPEG"), 0xFE, *comments)


def raw_profile(packet: bytes, kind: str = "xmp") -> bytes:
    text = f"\n{kind}\n{len(packet):8}\n" + "\n".join(packet.hex()[i : i + 72] for i in range(0, 2 * len(packet), 72))
    body = f"Raw profile type {kind}\0\0".encode() + zlib.compress(text.encode())
    data = picture("PNG")
    return data[:33] + chunk(b"zTXt", body) + data[33:]


@pytest.mark.parametrize(
    ("data", "kind", "generator"),
    [
        (picture("WEBP", exif=exif(x10F=f"workflow:{WORKFLOW}", x110="prompt:{}")), "WEBP",
         "Stable Diffusion (ComfyUI)"),
        (picture("JPEG", exif=exif(x10E=f"Workflow:{WORKFLOW}")), "JPEG", "Stable Diffusion (ComfyUI)"),
        (with_text(prompt='{"1": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}}}'),
         "PNG", "FLUX (ComfyUI)"),
        (commented('{"sui_image_params": {"model": "x"}}'), "JPEG", "Stable Diffusion (SwarmUI)"),
        (with_text(parameters='{"sui_image_params": {"model": "x"}}'), "PNG", "Stable Diffusion (SwarmUI)"),
        (commented('{"prompt": "a", "version": "Fooocus v2.5.0"}'), "JPEG", "Stable Diffusion (Fooocus)"),
        (with_text(parameters=PARAMETERS + ", Version: Fooocus v2.5.0"), "PNG", "Stable Diffusion (Fooocus)"),
        (commented(PARAMETERS + ", Civitai resources: []"), "JPEG", "Stable Diffusion (Civitai)"),
        (with_xmp("PNG", xmp("<xmp:CreatorTool>Draw Things</xmp:CreatorTool>")), "PNG",
         "Stable Diffusion (Draw Things)"),
        (with_text(invokeai_metadata="{}"), "PNG", "Stable Diffusion (InvokeAI)"),
        (with_text(Software="NovelAI", Title="AI generated image"), "PNG", "NovelAI"),
        (with_text(Description="a cat --ar 3:2 --v 6.0"), "PNG", "Midjourney"),
        (with_text(Description="a cat Job ID: 01234567-89ab-cdef-0123-456789abcdef"), "PNG", "Midjourney"),
        (picture("JPEG", exif=exif(x131="OpenAI ChatGPT")), "JPEG", "OpenAI's image generation"),
        (commented('{"c": "a", "model": "x", "sampler": "Euler", "seed": 1, "steps": 9}'), "JPEG", "Stable Diffusion"),
        (with_comments(b"AI-generated content"), "JPEG", "an AI generator"),
        (with_comments(b"Mit KI erzeugt"), "JPEG", "an AI generator"),
        (with_comments("由人工智能生成".encode()), "JPEG", "an AI generator"),
        (with_comments("Imagen generada con IA".encode("utf-16")), "JPEG", "an AI generator"),
        (with_text(Description="Image générée avec Midjourney"), "PNG", "Midjourney"),
        (with_text(Description="Une exposition sur Midjourney"), "PNG", None),
        (picture("JPEG", exif=exif(x10F="Black Forest Labs")), "JPEG", "FLUX"),
        (picture("JPEG", exif=exif(x10E="An image made with Midjourney")), "JPEG", "Midjourney"),
        (picture("JPEG", exif=exif(x10E="Visitors before Midjourney's stand")), "JPEG", None),
        (with_text(Comment="AIGC and its critics"), "PNG", None),
        (with_comments(b"Made with Stable Diffusion 1.5", b"resize"), "JPEG", "Stable Diffusion"),
        (with_comments(b"resize", b"DALL-E 3"), "JPEG", "DALL-E"),
        (picture("GIF", comment=b"Generated by Midjourney"), "GIF", "Midjourney"),
        (picture("GIF", comment=PARAMETERS.encode()), "GIF", "Stable Diffusion"),
        (with_xmp("JPEG", xmp(f'<T:AIGC xmlns:T="http://www.tc260.org.cn/ns/AIGC/1.0/">{html.escape(LABEL)}</T:AIGC>')),
         "JPEG", "an AI service"),
        (with_text(AIGC=LABEL), "PNG", "an AI service"),
        (commented(f'{{"AIGC": {LABEL}}}'), "JPEG", "an AI service"),
        (raw_profile(xmp(STATED)), "PNG", "a trained model"),
        (raw_profile(b"http://ns.adobe.com/xap/1.0/\0" + xmp(STATED), "APP1"), "PNG", "a trained model"),
        (raw_profile(b"http://ns.adobe.com/xap/1.0/\0" + xmp(STATED), "generic profile"), "PNG", "a trained model"),
        (gif_with_xmp(xmp(STATED)), "GIF", "a trained model"),
        (picture("JPEG", exif=exif(x10F="Nikon", x110="D850")), "JPEG", None),
    ],
)  # fmt: skip
def test_the_generator_that_a_file_states_is_named(data: bytes, kind: str, generator: str | None) -> None:
    metadata = read_metadata(data, kind)
    assert metadata.stated_generator == generator
    assert bool(metadata.signs) == (generator is not None)
    assert not any(line.startswith("Camera: workflow") for line in metadata.sentences())


def iptc(number: int, text: bytes) -> bytes:
    record = b"\x1c\x02" + bytes((number,)) + struct.pack(">H", len(text)) + text
    return b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record


@pytest.mark.parametrize(
    ("data", "generator"),
    [
        (with_segments(picture("JPEG"), 0xED, iptc(110, b"Made with Google AI")), "Google's image generation"),
        (with_segments(picture("JPEG"), 0xED, iptc(65, b"Midjourney")), "Midjourney"),
        (with_segments(picture("JPEG"), 0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + xmp(STATED)),
         "a trained model"),
        (picture("JPEG", exif=exif(x9C9C="Midjourney".encode("utf-16-le"))), "Midjourney"),
    ],
    ids=["iptc credit", "iptc software", "extended xmp", "windows comment"],
)  # fmt: skip
def test_a_generator_is_found_where_few_look(data: bytes, generator: str) -> None:
    assert read_metadata(data, "JPEG").stated_generator == generator


@pytest.mark.parametrize("prefix", [b"UNICODE\0", b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8), b""])
def test_a_user_comment_in_utf_8_is_read_whatever_it_calls_itself(prefix: bytes) -> None:
    commented = picture("JPEG", exif=user_comment(prefix + PARAMETERS.encode()))
    assert read_metadata(commented, "JPEG").stated_generator == "Stable Diffusion"


def test_every_comment_of_a_jpeg_is_read() -> None:
    read = read_metadata(with_comments(b"first", b"second"), "JPEG").text
    assert read == {"comment": "first", "comment 2": "second"}
