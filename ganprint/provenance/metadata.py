"""What an image file states beside its pixels: EXIF, text, software, source type, JPEG tables, provenance."""

from collections.abc import Iterable, Iterator

from PIL.ExifTags import GPSTAGS, IFD, TAGS
from pydantic import BaseModel

from ganprint.errors import ImageError
from ganprint.images.formats import shortened
from ganprint.images.parts import MAX_EXIF_BYTES, Parts

# One guard for all that decode in this process: two would restore its filters in the wrong order.
from ganprint.images.quiet import quiet_decoders
from ganprint.images.tags import Directory, Field, Tags
from ganprint.images.xmp import Xmp, read_xmp
from ganprint.provenance.content_credentials import Provenance, read_provenance, short_source_type
from ganprint.provenance.iptc import read_iptc
from ganprint.provenance.jpeg import JpegFacts, jpeg_facts
from ganprint.provenance.signs import Text, signs_of_generators

_MOST_ENTRIES = 100
_MOST_SOFTWARE = 20
_MOST_CHARACTERS = 20_000

_SOFTWARE_TAGS = ("Software", "ProcessingSoftware", "HostComputer")
_CAPTIONS = {"imagedescription", "xptitle", "xpsubject", "description", "title", "author", "artist", "caption"}
_USER_COMMENT, _MAKER_NOTE, _XP_TEXTS = 0x9286, 0x927C, range(0x9C9B, 0x9CA0)
# UserComment begins with the name of its coding in eight bytes (Exif 2.32, 4.6.5).
_COMMENT_CODINGS = {b"ASCII\0\0\0": "utf-8", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "iso2022_jp", bytes(8): "utf-8"}


class Metadata(BaseModel, frozen=True):
    """What an image file states beside its pixels; anyone may have written it.

    All texts are printable, at most 300 characters. `exif` is EXIF's tags by name, binary ones left out;
    `text` is PNG's text chunks and the comments of GIF and JPEG, by key; 100 entries of each at most.
    `software` are the statements of software in EXIF, PNG text, XMP and C2PA, each once. `digital_source_type` is
    the IPTC one of its XMP, else of its C2PA manifest, such as trainedAlgorithmicMedia. `signs` are sentences,
    one for each thing that names a generator, and `stated_generator` is the one that the first of them names, in
    words such as "Stable Diffusion (ComfyUI)". `jpeg` is how a JPEG was compressed, None for other formats.
    `c2pa` is the state of its C2PA manifest. `notes` are sentences on what could not be read.
    """

    exif: dict[str, str]
    text: dict[str, str]
    software: list[str]
    digital_source_type: str | None
    signs: list[str]
    stated_generator: str | None = None
    jpeg: JpegFacts | None
    c2pa: Provenance
    notes: list[str]

    def sentences(self) -> list[str]:
        """Put it into short lines for a terminal, the last of them on how little it proves."""
        return [*_sentences(self)]


def metadata_of(data: bytes, format: str, parts: Parts, *, jpeg: bool = True) -> Metadata:
    """Read the metadata of a file that has been taken apart, with `jpeg` how it was compressed; never raises."""
    tags, notes = _exif_of(parts, format)
    exif = _limited((name, shortened(value)) for name, value in tags)
    xmp, iptc = read_xmp(parts.xmp), read_iptc(parts.iptc)
    c2pa = read_provenance(data, format, xmp.manifests)
    texts = [*_texts(parts, tags, xmp), *(Text("IPTC caption", text, caption=True) for text in iptc.captions)]
    named = dict(parts.texts)
    stated = (*(dict(tags).get(tag, "") for tag in _SOFTWARE_TAGS), named.get("Software", ""), *xmp.software)
    software = _unique((*stated, *iptc.software, *c2pa.software))
    credits = (*xmp.credits, *iptc.credits, exif.get("Make", ""), exif.get("Model", ""))
    source_types = [short_source_type(uri) for uri in xmp.source_types]
    if c2pa.digital_source_type:
        source_types.append(c2pa.digital_source_type)
    labels = [*xmp.labels, *(text for key, text in parts.texts if key.upper() == "AIGC")]
    signs = signs_of_generators(source_types, texts, _unique((*software, *credits)), labels)
    return Metadata(
        exif=exif,
        text=_limited(_numbered(parts.texts)),
        software=[shortened(text) for text in software[:_MOST_SOFTWARE]],
        digital_source_type=source_types[0] if source_types else None,
        signs=_unique(sign.sentence for sign in signs)[:_MOST_ENTRIES],
        stated_generator=next((sign.generator for sign in signs if sign.generator), None),
        jpeg=_jpeg_facts(parts, notes) if jpeg and format == "JPEG" else None,
        c2pa=c2pa,
        notes=_unique((*parts.notes, *notes, xmp.note)),
    )


def _jpeg_facts(parts: Parts, notes: list[str]) -> JpegFacts | None:
    try:
        with quiet_decoders():
            return jpeg_facts(parts)
    except ImageError as error:
        notes.append(error.message)
    except Exception:
        # As in ganprint.images.read: Pillow raises almost any type on hostile bytes.
        notes.append("Its JPEG header is damaged and was not read.")
    return None


def _exif_of(parts: Parts, format: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return EXIF's tags as names and texts, binary ones left out, and sentences on what was not read."""
    if not parts.exif:
        return [], []
    if format != "TIFF" and len(parts.exif) > MAX_EXIF_BYTES:
        return [], [f"It has more than {MAX_EXIF_BYTES // 2**20} MiB of EXIF data, which was not read."]
    try:
        tags = Tags(parts.exif)
    except ValueError:
        return [], ["Its EXIF data is damaged and was not read."]
    first = next(tags.chain(), {})
    found = [*_named(first, TAGS)]
    for pointer, names in ((IFD.Exif, TAGS), (IFD.GPSInfo, GPSTAGS)):
        for directory in tags.below(first, pointer):
            found += _named(directory, names)
    return found, ["Its EXIF data is damaged and was not read to the end."] if tags.damaged else []


def _named(directory: Directory, names: dict[int, str]) -> Iterator[tuple[str, str]]:
    for tag, field in directory.items():
        if tag in names and tag not in (IFD.Exif, IFD.GPSInfo, IFD.Interop, _MAKER_NOTE):
            value = _as_text(tag, field)
            if value:
                yield names[tag], value


def _as_text(tag: int, field: Field) -> str:
    """Return a tag's text, its numbers as text, or an empty text where it is binary."""
    raw = bytes(field.raw[:_MOST_CHARACTERS])
    if tag == _USER_COMMENT and raw[:8] in _COMMENT_CODINGS:
        return _commented(_COMMENT_CODINGS[raw[:8]], raw[8:])
    if tag in _XP_TEXTS:
        return raw.decode("utf-16-le", "replace").split("\0", 1)[0]
    text = field.text()
    if text is not None and field.kind != 2 and not all(c.isprintable() or c in "\t\r\n" for c in text):
        # Bytes that are few are numbers, such as a version's; those that are undefined are what their maker knows.
        text = "" if field.kind == 7 or field.count > 8 else None
    return ", ".join(map(str, field.numbers(300))) if text is None else text


def _commented(coding: str, body: bytes) -> str:
    if coding == "utf-16" and b"\0" not in body[:64]:
        coding = "utf-8"  # which some programs write under that name
    elif coding == "utf-16" and not body.startswith((b"\xff\xfe", b"\xfe\xff")):
        # The standard leaves the order of bytes open; in Latin text every other byte is zero.
        coding = "utf-16-be" if body[:1] == b"\0" else "utf-16-le"
    return body.decode(coding, "replace").strip("\0 ")


def _texts(parts: Parts, tags: list[tuple[str, str]], xmp: Xmp) -> Iterator[Text]:
    """Yield the texts in which a generator may be named."""
    for key, value in parts.texts[:_MOST_ENTRIES]:
        if key != "Software":
            yield Text("comment", value, "" if key == "comment" else key, key.lower() in _CAPTIONS)
    for name, value in tags[:_MOST_ENTRIES]:
        if name not in _SOFTWARE_TAGS:
            yield Text(f"EXIF {name}", value, caption=name.lower() in _CAPTIONS)
    for value in xmp.texts:
        yield Text("XMP", value, caption=True)


def _numbered(texts: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield keys and texts, and a number after each key that has been there."""
    seen: dict[str, int] = {}
    for key, value in texts[: 2 * _MOST_ENTRIES]:
        seen[key] = seen.get(key, 0) + 1
        yield shortened(key if seen[key] == 1 else f"{key} {seen[key]}"), shortened(value)


def _limited(entries: Iterable[tuple[str, str]]) -> dict[str, str]:
    return dict([*dict(entries).items()][:_MOST_ENTRIES])


def _unique(statements: Iterable[str]) -> list[str]:
    return [*dict.fromkeys(filter(None, statements))]


def _sentences(metadata: Metadata) -> Iterator[str]:
    exif, jpeg = metadata.exif, metadata.jpeg
    # Some programs write what they did into these two.
    maker = (exif.get("Make", ""), exif.get("Model", ""))
    camera = " ".join(_unique(name for name in maker if "{" not in name))
    date = exif.get("DateTimeOriginal") or exif.get("DateTime")
    if camera:
        yield f"Camera: {camera}{f', {date}' if date else ''}."
    elif date:
        yield f"Date: {date}."
    if metadata.software:
        yield f"Software: {'; '.join(metadata.software)}."
    source_type = metadata.digital_source_type
    if source_type and not any(source_type in sign for sign in metadata.signs):
        yield f"Digital source type: {source_type}."
    yield from metadata.signs
    if jpeg is not None:
        if jpeg.quality is not None:
            tables = "standard tables" if jpeg.standard else "tables of its own, nearest to that quality"
            kind = "progressive" if jpeg.progressive else "baseline"
            chroma = f", chroma {jpeg.subsampling}" if jpeg.subsampling else ""
            yield f"JPEG: quality {jpeg.quality}, {tables}, {kind}{chroma}."
        if jpeg.double_compression.found is not False:
            known = "Compressed before" if jpeg.double_compression.found else "Not known if it was compressed before"
            yield f"{known}: {jpeg.double_compression.reason}"
    yield f"C2PA: {metadata.c2pa.state}. {metadata.c2pa.detail}"
    yield from metadata.notes
    yield "Metadata can be removed and forged: neither its presence nor its absence proves anything."
