"""Metadata is read from any bytes without an error, made harmless, and put into sentences."""

import html
import io
import json
import random
import struct
import sys
import zlib
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ganprint.images.formats import is_decodable
from ganprint.provenance.content_credentials import read_provenance
from ganprint.provenance.metadata import Metadata, read_metadata
from ganprint.provenance.stated import read_stated

FORMATS = [name for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF") if is_decodable(name)]
XMP_FORMATS = [name for name in ("JPEG", "PNG", "WEBP", "TIFF") if name in FORMATS]
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CAVEAT = "Metadata can be removed and forged: neither its presence nor its absence proves anything."

# The start of a C2PA manifest store: a JUMBF superbox and its description box (C2PA 2.1, 11.1.4).
MANIFEST = (
    struct.pack(">I4sI4s", 64, b"jumb", 38, b"jumd")
    + bytes.fromhex("6332706100110010800000aa00389b71")
    + b"\x03c2pa\0"
    + bytes(24)
)


def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))


def encoded(kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    picture().save(target, kind, **options)
    return target.getvalue()


def exif(**tags: object) -> Image.Exif:
    made = Image.Exif()
    for name, value in tags.items():
        made[int(name[1:], 16)] = value
    return made


def with_xmp(kind: str, packet: bytes) -> bytes:
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        return encoded("PNG", pnginfo=info)
    if kind == "TIFF":
        return encoded("TIFF", tiffinfo={700: packet})
    return encoded(kind, xmp=packet)


def xmp(body: str, attributes: str = "") -> bytes:
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
        ' xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"'
        f' xmlns:xmp="http://ns.adobe.com/xap/1.0/" {attributes}>{body}</rdf:Description></rdf:RDF>'
        '</x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_manifest(kind: str) -> bytes:
    data = encoded(kind)
    if kind == "PNG":
        return data[:33] + chunk(b"caBX", MANIFEST) + data[33:]
    segment = b"JP\0\1" + struct.pack(">I", 1) + MANIFEST
    return data[:2] + b"\xff\xeb" + struct.pack(">H", len(segment) + 2) + segment + data[2:]


def test_camera_software_and_place_are_read_from_exif() -> None:
    made = exif(x10F="Nikon", x110="D850", x131="darktable 4.8", x132="2024:05:01 10:00:00")
    made[0x8769] = {0x9003: "2024:04:30 09:00:00", 0x829A: (1, 250), 0x927C: b"\0maker"}
    made[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}
    metadata = read_metadata(encoded("JPEG", exif=made), "JPEG")
    assert metadata.exif["Model"] == "D850"
    assert metadata.exif["DateTimeOriginal"] == "2024:04:30 09:00:00"
    assert metadata.exif["GPSLatitudeRef"] == "N"
    assert metadata.exif["GPSLatitude"] == "52.0, 31.0, 12.0"
    assert not {"MakerNote", "ExifOffset", "GPSInfo"} & metadata.exif.keys()
    assert metadata.software == ["darktable 4.8"]
    assert metadata.notes == metadata.signs == []
    assert metadata.sentences()[:2] == [
        "Camera: Nikon D850, 2024:04:30 09:00:00.",
        "Software: darktable 4.8.",
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\r\nlines", "two\\r\\nlines"),
        ("a\0b", "a"),  # Pillow ends a text at its first zero byte
        ("x" * 5000, "x" * 299 + "…"),
    ],
    ids=["html", "escapes", "newlines", "zeros", "long"],
)
def test_hostile_exif_becomes_one_printable_line(written: str, read: str) -> None:
    metadata = read_metadata(encoded("JPEG", exif=exif(x131=written)), "JPEG")
    assert metadata.exif["Software"].startswith(read)
    assert all(text.isprintable() and len(text) <= 300 for text in metadata.exif.values())
    assert metadata.software == [metadata.exif["Software"]]


def test_surrogates_and_direction_marks_are_escaped() -> None:
    # iTXt holds UTF-8; Pillow keeps what is none as it can.
    marked = read_metadata(with_text(Title="\u202egnp.exe"), "PNG")
    assert marked.text == {"Title": "\\u202egnp.exe"}
    raw = chunk(b"tEXt", b"Title\0\xed\xa0\x80\xff")
    data = encoded("PNG")
    odd = read_metadata(data[:33] + raw + data[33:], "PNG")
    odd.model_dump_json().encode("utf-8")
    assert all(text.isprintable() for text in odd.text.values())


def with_text(**texts: str) -> bytes:
    info = PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    return encoded("PNG", pnginfo=info)


def test_at_most_a_hundred_entries_are_kept() -> None:
    assert len(read_metadata(with_text(**{f"k{i}": "v" for i in range(300)}), "PNG").text) == 100


@pytest.mark.parametrize("kind", ["JPEG", "GIF"])
def test_comments_are_text(kind: str) -> None:
    assert read_metadata(encoded(kind, comment=b"made\nby hand"), kind).text == {"comment": "made\\nby hand"}


@pytest.mark.parametrize(
    ("key", "writer"),
    [
        ("parameters", "Stable Diffusion web UIs"),
        ("workflow", "ComfyUI"),
        ("prompt", "ComfyUI"),
        ("Dream", "InvokeAI"),
        ("generation_data", "image generation services"),
    ],
)
def test_texts_that_generating_programs_write_are_signs(key: str, writer: str) -> None:
    metadata = read_metadata(with_text(**{key: "a cat\nSteps: 20, Sampler: Euler a"}), "PNG")
    assert metadata.signs == [
        f"It has a text under the key '{key}', as {writer} write{'s' * writer.endswith('I')}."
    ]
    assert metadata.text[key] == "a cat\\nSteps: 20, Sampler: Euler a"


def test_text_after_the_pixels_of_a_png_is_read() -> None:
    data = encoded("PNG")
    assert read_metadata(data[:-12] + chunk(b"tEXt", b"parameters\0x") + data[-12:], "PNG").signs


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("coding", ["utf-16-be", "utf-16-le", "utf-16"])
def test_parameters_in_an_exif_comment_are_a_sign(kind: str, coding: str) -> None:
    made = Image.Exif()
    comment = "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7"
    made[0x8769] = {0x9286: b"UNICODE\0" + comment.encode(coding)}
    metadata = read_metadata(encoded(kind, exif=made), kind)
    assert metadata.exif["UserComment"].startswith("a cat\\nSteps: 20")
    assert metadata.signs == [
        "Its EXIF UserComment has generation parameters, as Stable Diffusion web UIs write."
    ]


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
        (
            f"<Iptc4xmpExt:DigitalSourceType>{SOURCE}trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>",
            "",
        ),
        (f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{SOURCE}trainedAlgorithmicMedia"/>', ""),
        ("", f'Iptc4xmpExt:DigitalSourceType="{SOURCE}trainedAlgorithmicMedia"'),
    ],
    ids=["element", "resource", "attribute"],
)
def test_the_digital_source_type_is_read_from_xmp(kind: str, body: str, attributes: str) -> None:
    metadata = read_metadata(with_xmp(kind, xmp(body, attributes)), kind)
    assert metadata.digital_source_type == "trainedAlgorithmicMedia"
    assert metadata.signs == [
        "It states the digital source type trainedAlgorithmicMedia: made by a trained model."
    ]
    assert metadata.notes == []
    assert metadata.text == {}


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


STATED = f"<Iptc4xmpExt:DigitalSourceType>{SOURCE}trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>"


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
    name = b"<a:DigitalSourceType>"
    deep = b'<r xmlns:a="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">' + name * 20_000 + b"x"
    deep += b"</a:DigitalSourceType>" * 20_000 + b"</r>"
    metadata = read_metadata(with_xmp("WEBP", deep), "WEBP")
    assert metadata.digital_source_type == "x"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_c2pa_manifest_is_found_without_the_package(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    found = read_metadata(with_manifest(kind), kind)
    assert found.c2pa.state == "unchecked"
    assert "pip install 'ganprint[provenance]'" in found.c2pa.detail
    assert found.notes == []
    assert read_metadata(encoded(kind), kind).c2pa.state == "absent"


# What Reader.json of c2pa-python 0.38.1 gave for a JPEG signed by a certificate of our own, shortened.
STORE = {
    "active_manifest": "urn:c2pa:1",
    "manifests": {
        "urn:c2pa:1": {
            "claim_generator_info": [{"name": "example-app", "version": "1.0"}],
            "assertions": [
                {
                    "label": "c2pa.actions.v2",
                    "data": {
                        "actions": [
                            {
                                "action": "c2pa.created",
                                "softwareAgent": {"name": "Example Generator"},
                                "digitalSourceType": SOURCE + "trainedAlgorithmicMedia",
                            }
                        ]
                    },
                }
            ],
            "signature_info": {"alg": "Es256", "issuer": "Example Newsroom", "common_name": "signer"},
        }
    },
    "validation_status": [{"code": "signingCredential.untrusted"}],
    "validation_state": "Valid",
}


def stub_reader(monkeypatch: pytest.MonkeyPatch, answer: str) -> list[object]:
    """Put a c2pa in place whose Reader answers with a recorded store; return the settings it is given."""
    settings: list[object] = []

    class Reader:
        def __init__(self, format: str, stream: io.BytesIO, context: object) -> None:
            assert (format, stream.read(2)) == ("image/jpeg", b"\xff\xd8")

        def __enter__(self) -> "Reader":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def json(self) -> str:
            return answer

    module = ModuleType("c2pa")
    module.Reader = Reader
    module.Context = settings.append
    module.Settings = SimpleNamespace(from_dict=lambda given: given)
    monkeypatch.setitem(sys.modules, "c2pa", module)
    return settings


@pytest.mark.parametrize(
    ("state", "codes", "told"),
    [
        ("Valid", ["signingCredential.untrusted"], "valid"),
        ("Trusted", [], "valid"),
        ("Invalid", ["cawg.ica.did_unavailable"], "valid"),
        ("Invalid", ["cawg.ica.did_unavailable", "assertion.dataHash.mismatch"], "invalid"),
        ("Invalid", ["assertion.dataHash.mismatch"], "invalid"),
        (None, [], "invalid"),
    ],
)
def test_the_package_s_answer_is_told(
    state: str | None, codes: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = [{"code": code} for code in codes]
    answer = json.dumps(STORE | {"validation_state": state, "validation_status": status})
    settings = stub_reader(monkeypatch, answer)
    metadata = read_metadata(with_manifest("JPEG"), "JPEG")
    assert metadata.c2pa.state == told
    assert metadata.c2pa.detail.startswith("Signed by Example Newsroom, signer, claimed by example-app 1.0")
    assert all(code in metadata.c2pa.detail for code in codes)
    assert metadata.digital_source_type == "trainedAlgorithmicMedia"
    assert settings == [{"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}]


@pytest.mark.parametrize("answer", ["", "[]", "{}", '{"active_manifest": "a", "manifests": {"a": [1]}}'])
def test_a_manifest_the_package_cannot_read_is_unreadable(
    answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub_reader(monkeypatch, answer)
    assert read_provenance(with_manifest("JPEG"), "JPEG").state == "unreadable"


def test_a_real_package_finds_nothing_in_an_empty_manifest() -> None:
    pytest.importorskip("c2pa")
    assert read_provenance(with_manifest("JPEG"), "JPEG").state == "unreadable"


@pytest.mark.parametrize("kind", FORMATS)
def test_plain_images_give_empty_metadata_and_the_caveat_last(kind: str) -> None:
    metadata = read_metadata(encoded(kind), kind)
    assert (metadata.text, metadata.software, metadata.signs, metadata.notes) == ({}, [], [], [])
    assert (metadata.jpeg is not None) == (kind == "JPEG")
    assert metadata.sentences()[-1] == CAVEAT


def test_the_record_survives_json() -> None:
    metadata = read_metadata(encoded("JPEG", exif=exif(x131="GIMP"), comment="hello"), "JPEG")
    assert Metadata.model_validate(json.loads(json.dumps(metadata.model_dump(mode="json")))) == metadata


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_and_damaged_bytes_never_raise(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(0)
    options = {"exif": exif(x131="GIMP", x10F="Nikon")} if kind != "GIF" and kind != "BMP" else {}
    whole = encoded(kind, **options)
    for _ in range(40):
        data = bytearray(whole[: draw.randrange(len(whole) + 1)])
        for _ in range(draw.randrange(8)):
            if data:
                data[draw.randrange(min(len(data), 800))] = draw.randrange(256)
        metadata = read_metadata(bytes(data), kind)
        json.dumps(metadata.model_dump(mode="json")).encode()
        assert metadata.sentences()[-1] == CAVEAT
    for data in (b"", b"\0", draw.randbytes(500), b"<html>"):
        assert read_metadata(data, kind).notes
    assert capfd.readouterr().err == ""


def test_bombs_are_not_decoded() -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    assert read_metadata(bomb, "PNG").notes == []
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 26)))
    data = encoded("PNG")
    assert read_metadata(data[:33] + text * 50 + data[33:], "PNG").notes


PARAMETERS = "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"
WORKFLOW = '{"last_node_id": 9, "nodes": [{"id": 3, "type": "KSampler"}]}'
LABEL = '{"Label": "1", "ContentProducer": "00119", "ProduceID": "x"}'


def commented(text: str) -> dict[str, object]:
    made = Image.Exif()
    made[0x8769] = {0x9286: b"UNICODE\0" + text.encode("utf-16-be")}
    return {"exif": made}


def gif_with_xmp(packet: bytes) -> bytes:
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    data = encoded("GIF")
    place = 13 + (3 << (data[10] & 7) + 1)
    return data[:place] + b"\x21\xff\x0bXMP DataXMP" + packet + trailer + data[place:]


def with_comments(*comments: bytes) -> bytes:
    data = encoded("JPEG")
    segments = b"".join(b"\xff\xfe" + struct.pack(">H", len(c) + 2) + c for c in comments)
    return data[:2] + segments + data[2:]


def raw_profile(packet: bytes, kind: str = "xmp") -> bytes:
    text = f"\n{kind}\n{len(packet):8}\n" + "\n".join(
        packet.hex()[i : i + 72] for i in range(0, 2 * len(packet), 72)
    )
    body = f"Raw profile type {kind}\0\0".encode() + zlib.compress(text.encode())
    data = encoded("PNG")
    return data[:33] + chunk(b"zTXt", body) + data[33:]


@pytest.mark.parametrize(
    ("data", "kind", "generator"),
    [
        (encoded("WEBP", exif=exif(x10F=f"workflow:{WORKFLOW}", x110="prompt:{}")), "WEBP",
         "Stable Diffusion (ComfyUI)"),
        (encoded("JPEG", exif=exif(x10E=f"Workflow:{WORKFLOW}")), "JPEG", "Stable Diffusion (ComfyUI)"),
        (with_text(prompt='{"1": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}}}'),
         "PNG", "FLUX (ComfyUI)"),
        (encoded("JPEG", **commented('{"sui_image_params": {"model": "x"}}')), "JPEG", "Stable Diffusion (SwarmUI)"),
        (with_text(parameters='{"sui_image_params": {"model": "x"}}'), "PNG", "Stable Diffusion (SwarmUI)"),
        (encoded("JPEG", **commented('{"prompt": "a", "version": "Fooocus v2.5.0"}')), "JPEG",
         "Stable Diffusion (Fooocus)"),
        (with_text(parameters=PARAMETERS + ", Version: Fooocus v2.5.0"), "PNG", "Stable Diffusion (Fooocus)"),
        (encoded("JPEG", **commented(PARAMETERS + ", Civitai resources: []")), "JPEG", "Stable Diffusion (Civitai)"),
        (with_xmp("PNG", xmp("<xmp:CreatorTool>Draw Things</xmp:CreatorTool>")), "PNG",
         "Stable Diffusion (Draw Things)"),
        (with_text(invokeai_metadata="{}"), "PNG", "Stable Diffusion (InvokeAI)"),
        (with_text(Software="NovelAI", Title="AI generated image"), "PNG", "NovelAI"),
        (with_text(Description="a cat --ar 3:2 --v 6.0"), "PNG", "Midjourney"),
        (with_text(Description="a cat Job ID: 01234567-89ab-cdef-0123-456789abcdef"), "PNG", "Midjourney"),
        (encoded("JPEG", exif=exif(x131="OpenAI ChatGPT")), "JPEG", "OpenAI's image generation"),
        (encoded("JPEG", **commented('{"c": "a", "model": "x", "sampler": "Euler", "seed": 1, "steps": 9}')), "JPEG",
         "Stable Diffusion"),
        (with_comments(b"AI-generated content"), "JPEG", "an AI generator"),
        (with_comments(b"Mit KI erzeugt"), "JPEG", "an AI generator"),
        (with_comments("由人工智能生成".encode()), "JPEG", "an AI generator"),
        (with_comments("Imagen generada con IA".encode("utf-16")), "JPEG", "an AI generator"),
        (with_text(Description="Image générée avec Midjourney"), "PNG", "Midjourney"),
        (with_text(Description="Une exposition sur Midjourney"), "PNG", None),
        (encoded("JPEG", exif=exif(x10F="Black Forest Labs")), "JPEG", "FLUX"),
        (encoded("JPEG", exif=exif(x10E="An image made with Midjourney")), "JPEG", "Midjourney"),
        (encoded("JPEG", exif=exif(x10E="Visitors before Midjourney's stand")), "JPEG", None),
        (with_text(Comment="AIGC and its critics"), "PNG", None),
        (with_comments(b"Made with Stable Diffusion 1.5", b"resize"), "JPEG", "Stable Diffusion"),
        (with_comments(b"resize", b"DALL-E 3"), "JPEG", "DALL-E"),
        (encoded("GIF", comment=b"Generated by Midjourney"), "GIF", "Midjourney"),
        (encoded("GIF", comment=PARAMETERS.encode()), "GIF", "Stable Diffusion"),
        (with_xmp("JPEG", xmp(f'<T:AIGC xmlns:T="http://www.tc260.org.cn/ns/AIGC/1.0/">{html.escape(LABEL)}</T:AIGC>')),
         "JPEG", "an AI service"),
        (with_text(AIGC=LABEL), "PNG", "an AI service"),
        (encoded("JPEG", **commented(f'{{"AIGC": {LABEL}}}')), "JPEG", "an AI service"),
        (raw_profile(xmp(STATED)), "PNG", "a trained model"),
        (raw_profile(b"http://ns.adobe.com/xap/1.0/\0" + xmp(STATED), "APP1"), "PNG", "a trained model"),
        (raw_profile(b"http://ns.adobe.com/xap/1.0/\0" + xmp(STATED), "generic profile"), "PNG", "a trained model"),
        (gif_with_xmp(xmp(STATED)), "GIF", "a trained model"),
        (encoded("JPEG", exif=exif(x10F="Nikon", x110="D850")), "JPEG", None),
    ],
)  # fmt: skip
def test_the_generator_that_a_file_states_is_named(data: bytes, kind: str, generator: str | None) -> None:
    metadata = read_metadata(data, kind)
    assert metadata.stated_generator == generator
    assert bool(metadata.signs) == (generator is not None)
    assert not any(line.startswith("Camera: workflow") for line in metadata.sentences())


def with_segment(marker: int, body: bytes) -> bytes:
    data = encoded("JPEG")
    return data[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body + data[2:]


def iptc(number: int, text: bytes) -> bytes:
    record = b"\x1c\x02" + bytes((number,)) + struct.pack(">H", len(text)) + text
    return b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record


@pytest.mark.parametrize(
    ("data", "generator"),
    [
        (with_segment(0xED, iptc(110, b"Made with Google AI")), "Google's image generation"),
        (with_segment(0xED, iptc(65, b"Midjourney")), "Midjourney"),
        (
            with_segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + xmp(STATED)),
            "a trained model",
        ),
        (encoded("JPEG", exif=exif(x9C9C="Midjourney".encode("utf-16-le"))), "Midjourney"),
    ],
    ids=["iptc credit", "iptc software", "extended xmp", "windows comment"],
)
def test_a_generator_is_found_where_few_look(data: bytes, generator: str) -> None:
    assert read_metadata(data, "JPEG").stated_generator == generator


@pytest.mark.parametrize("prefix", [b"UNICODE\0", b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8), b""])
def test_a_user_comment_in_utf_8_is_read_whatever_it_calls_itself(prefix: bytes) -> None:
    made = Image.Exif()
    made[0x8769] = {0x9286: prefix + PARAMETERS.encode()}
    assert read_metadata(encoded("JPEG", exif=made), "JPEG").stated_generator == "Stable Diffusion"


def test_every_comment_of_a_jpeg_is_read() -> None:
    read = read_metadata(with_comments(b"first", b"second"), "JPEG").text
    assert read == {"comment": "first", "comment 2": "second"}


def exif_block(tag: int, kind: int, value: bytes) -> bytes:
    entry = struct.pack("<HHII", tag, kind, len(value), 26)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4) + value


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (2, "Porträtt på Eva\0".encode(), "Porträtt på Eva"),
        (2, "Portr\xe4tt\0".encode("latin-1"), "Porträtt"),
        (2, b"Cam 7\0junk from the heap", "Cam 7"),
        (7, b"Acme\0\0", "Acme"),
        (1, b"Acme\0\0", "Acme"),
        (7, b"\1\2\3\4\5\6", None),
    ],
    ids=["utf-8", "latin-1", "zero byte", "undefined", "bytes", "binary"],
)
def test_exif_text_is_read_up_to_its_end_in_any_kind(kind: int, value: bytes, read: str | None) -> None:
    data = encoded("JPEG", exif=exif_block(0x010F, kind, value))
    assert read_metadata(data, "JPEG").exif.get("Make") == read


def test_a_manifest_kept_elsewhere_is_mentioned_and_not_fetched() -> None:
    packet = xmp(
        "", 'xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="https://example.org/a.c2pa"'
    )
    data = with_xmp("JPEG", packet)
    found = read_metadata(data, "JPEG").c2pa
    assert (found.state, "https://example.org/a.c2pa" in found.detail) == ("remote", True)
    assert read_stated(data).notes == (found.detail,)


def test_an_unchecked_manifest_still_tells_its_source_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    data = with_manifest("JPEG") + b"digitalSourceType" + f"x{SOURCE}trainedAlgorithmicMedia".encode()
    assert read_metadata(data, "JPEG").stated_generator == "a trained model"
    named = read_metadata(data + b"jdnameoOpenAI-API", "JPEG")
    assert (named.c2pa.state, named.stated_generator) == ("unchecked", "OpenAI's image generation")


def png_with(*texts: bytes) -> bytes:
    data = encoded("PNG")
    return data[:33] + b"".join(chunk(b"tEXt", b"Comment\0" + text) for text in texts) + data[33:]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (png_with(*[b"ai generated;" * 1500 + str(i).encode() for i in range(300)]), "PNG"),
        (png_with(*[b"--v 1 " * 3000 + str(i).encode() for i in range(300)]), "PNG"),
        (with_xmp("WEBP", b"<xmp:CreatorTool><tiff:Software>" * 20_000), "WEBP"),
        (with_xmp("WEBP", b"<a " + b"x" * 1_000_000 + b">"), "WEBP"),
        (encoded("JPEG")[:2] + b"\xff" * 10_000_000, "JPEG"),
        (encoded("JPEG").replace(b"\xff\xda", b"\xff\xda\0\2\xff\0" * 30_000 + b"\xff\xda"), "JPEG"),
        (encoded("GIF")[:-1] + b"\x21\xfe" + b"\1a" * 5_000_000 + b"\0", "GIF"),
    ],
    ids=["names", "marks", "open tags", "attributes", "filling", "scans", "sub-blocks"],
)
def test_many_of_a_thing_do_not_take_a_time_that_grows_with_their_square(data: bytes, kind: str) -> None:
    # Each took minutes, or would, where what is read of it were not bounded.
    assert read_metadata(data, kind).sentences()[-1] == CAVEAT
