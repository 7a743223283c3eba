"""What an image file states beside its pixels: EXIF, text, software, source type, JPEG tables, provenance."""

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

from PIL import Image
from PIL.ExifTags import GPSTAGS, IFD, TAGS
from pydantic import BaseModel, ConfigDict

from ganprint.errors import ImageError
from ganprint.images.formats import printable
from ganprint.images.jpeg import JpegFacts, jpeg_facts
from ganprint.images.limits import DEFAULT_MAX_PIXELS, MAX_EXIF_BYTES, check_pixels, check_structure
from ganprint.images.provenance import Provenance, read_provenance, short_source_type

# One guard for all that decode in this process: two would restore its filters in the wrong order.
from ganprint.images.quiet import quiet_decoders
from ganprint.images.signs import signs_of_generators
from ganprint.images.xmp import Xmp, read_xmp

_MOST_ENTRIES = 100
_MOST_CHARACTERS = 300
_MOST_SOFTWARE = 20
_COMMENT_CHARACTERS = 20_000

_SOFTWARE_TAGS = ("Software", "ProcessingSoftware", "HostComputer")
_XMP_KEY = "XML:com.adobe.xmp"  # PNG's text that is an XMP packet
# UserComment begins with the name of its coding in eight bytes (Exif 2.32, 4.6.5).
_USER_COMMENT = 0x9286
_COMMENT_CODINGS = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16", bytes(8): "utf-8"}


class Metadata(BaseModel):
    """What an image file states beside its pixels; anyone may have written it.

    All texts are printable, at most 300 characters. `exif` is EXIF's tags by name, binary ones left out;
    `text` is PNG's text chunks and the comments of GIF and JPEG, by key; 100 entries of each at most.
    `software` are the statements of software in EXIF, PNG text and XMP, each once. `digital_source_type` is
    the IPTC one of its XMP, else of its C2PA manifest, such as trainedAlgorithmicMedia. `signs` are sentences,
    one for each thing that names a generator. `jpeg` is how a JPEG was compressed, None for other formats.
    `c2pa` is the state of its C2PA manifest. `notes` are sentences on what could not be read.
    """

    model_config = ConfigDict(frozen=True)

    exif: dict[str, str]
    text: dict[str, str]
    software: list[str]
    digital_source_type: str | None
    signs: list[str]
    jpeg: JpegFacts | None
    c2pa: Provenance
    notes: list[str]

    def sentences(self) -> list[str]:
        """Put it into short lines for a terminal, the last of them on how little it proves."""
        return [*_sentences(self)]


def read_metadata(data: bytes, format: str) -> Metadata:
    """Read the metadata in the exact bytes of an image file, whose format is given by Pillow's name.

    Never raises: what cannot be read is a sentence among the notes. Safe to call from several threads.
    """
    exif: dict[str, str] = {}
    info: dict[str, Any] = {}
    text: dict[str, str] = {}
    xmp, comment, jpeg = Xmp(), "", None
    notes: list[str] = []
    with quiet_decoders():
        try:
            check_structure(data, format, "The file", DEFAULT_MAX_PIXELS)
            with closing(Image.open(io.BytesIO(data), formats=(format,))) as image:
                check_pixels(image.size, format, "The file", DEFAULT_MAX_PIXELS)
                if format == "PNG":
                    notes += _read_to_end(image)
                info = {str(key): value for key, value in image.info.items()}
                tags, more = _exif_of(image, data)
            notes += more
            exif, comment = _named(tags), _user_comment(tags)
            text = _texts(info, format)
            xmp, more = _xmp_of(info)
            notes += more
        except ImageError as error:
            notes.append(error.message)
        except Image.DecompressionBombError:
            notes.append("It announces more pixels than are read.")
        except Exception:
            # As in ganprint.images.read: Pillow raises almost any type on hostile bytes.
            notes.append("Its metadata is damaged, or of a rare kind, and was not read.")
        if format == "JPEG":
            try:
                jpeg = jpeg_facts(data)
            except ImageError:
                pass  # the same that was said above
            except Exception:  # likewise
                notes.append("Its JPEG header is damaged and was not read.")
    c2pa = read_provenance(data, format)
    source_types = [short_source_type(uri) for uri in xmp.source_types]
    if c2pa.digital_source_type:
        source_types.append(c2pa.digital_source_type)
    stated = (*(exif.get(tag, "") for tag in _SOFTWARE_TAGS), text.get("Software", ""), *xmp.software)
    software = _unique(stated)[:_MOST_SOFTWARE]
    statements = _unique((*software, *xmp.credits, exif.get("Make", ""), exif.get("Model", "")))
    return Metadata(
        exif=exif,
        text=text,
        software=software,
        digital_source_type=source_types[0] if source_types else None,
        signs=[*signs_of_generators(source_types, text, comment, statements)][:_MOST_ENTRIES],
        jpeg=jpeg,
        c2pa=c2pa,
        notes=notes,
    )


def _read_to_end(image: Image.Image) -> list[str]:
    """Read a PNG past its pixels, where more of its text may stand."""
    try:
        image.load()
    except Exception:
        return ["Its pixels are damaged; metadata after them was not read."]
    return []


def _exif_of(image: Image.Image, data: bytes) -> tuple[list[tuple[str, int, Any]], list[str]]:
    """Return EXIF's tags as names, numbers and values, and sentences on what was not read."""
    if len(image.info.get("exif") or b"") > MAX_EXIF_BYTES:
        return [], [f"It has more than {MAX_EXIF_BYTES // 2**20} MiB of EXIF data, which was not read."]
    # Each value becomes a Python object. In a TIFF a directory may claim all of the file; the first one is
    # counted by check_structure, the others are not.
    deep = image.format != "TIFF" or len(data) <= MAX_EXIF_BYTES
    found: list[tuple[str, int, Any]] = []
    try:
        exif = image.getexif()
        found += _known(exif, TAGS)
        if deep:
            found += _known(exif.get_ifd(IFD.Exif), TAGS) + _known(exif.get_ifd(IFD.GPSInfo), GPSTAGS)
        elif {IFD.Exif, IFD.GPSInfo} & exif.keys():
            return found, ["Of its EXIF data only the first part was read, since the TIFF is large."]
    except Exception:  # as above, and what was read before the damage is kept
        return found, ["Its EXIF data is damaged and was not read to the end."]
    return found, []


def _known(tags: Mapping[int, Any], names: Mapping[int, str]) -> list[tuple[str, int, Any]]:
    return [(names[tag], tag, _decoded(tag, value)) for tag, value in tags.items() if tag in names]


def _named(tags: Iterable[tuple[str, int, Any]]) -> dict[str, str]:
    pointers = (IFD.Exif, IFD.GPSInfo, IFD.Interop)
    texts = (
        (name, _cut(value)) for name, tag, value in tags if tag not in pointers and not _is_binary(value)
    )
    return _limited((name, text) for name, text in texts if text)


def _is_binary(value: object) -> bool:
    return isinstance(value, (bytes, dict)) or (
        isinstance(value, tuple) and any(isinstance(item, bytes) for item in value)
    )


def _user_comment(tags: Iterable[tuple[str, int, Any]]) -> str:
    """Return EXIF's UserComment, empty where it has none in letters."""
    value = next((value for _, tag, value in tags if tag == _USER_COMMENT), "")
    return value if isinstance(value, str) else ""


def _decoded(tag: int, value: Any) -> Any:
    """Turn a UserComment whose coding is known into text; return other values as they are."""
    if tag != _USER_COMMENT or not isinstance(value, bytes) or value[:8] not in _COMMENT_CODINGS:
        return value
    coding, body = _COMMENT_CODINGS[value[:8]], value[8:]
    if coding == "utf-16" and not body.startswith((b"\xff\xfe", b"\xfe\xff")):
        # The standard leaves the order of bytes open; in Latin text every other byte is zero.
        coding = "utf-16-be" if body[:1] == b"\0" else "utf-16-le"
    return body.decode(coding, "replace")[:_COMMENT_CHARACTERS]


def _texts(info: Mapping[str, Any], format: str) -> dict[str, str]:
    found = {}
    if format == "PNG":
        found = {key: value for key, value in info.items() if isinstance(value, str) and key != _XMP_KEY}
    comment = info.get("comment")
    if isinstance(comment, bytes):
        found["comment"] = comment[:_COMMENT_CHARACTERS].decode("utf-8", "replace")
    return _limited((_cut(key), _cut(value)) for key, value in found.items())


def _xmp_of(info: Mapping[str, Any]) -> tuple[Xmp, list[str]]:
    packet = info.get("xmp")
    if not isinstance(packet, bytes) or not packet:
        return Xmp(), []
    try:
        found = read_xmp(packet)
    except ValueError as error:
        return Xmp(), [str(error)]
    statements = (found.source_types, found.software, found.credits)
    return Xmp(*(tuple(map(_cut, stated)) for stated in statements)), []


def _limited(entries: Iterable[tuple[str, str]]) -> dict[str, str]:
    return dict([*dict(entries).items()][:_MOST_ENTRIES])


def _unique(statements: Iterable[str]) -> list[str]:
    return [*dict.fromkeys(filter(None, statements))]


def _cut(value: object) -> str:
    """Return a value as printable text of limited length."""
    if isinstance(value, tuple):
        value = ", ".join(map(str, value[:_MOST_CHARACTERS]))
    text = str(value)
    plain = printable(text[: 2 * _MOST_CHARACTERS].replace("\0", "").strip())
    return f"{plain[: _MOST_CHARACTERS - 1]}…" if len(plain) > _MOST_CHARACTERS else plain


def _sentences(metadata: Metadata) -> Iterator[str]:
    exif, jpeg = metadata.exif, metadata.jpeg
    camera = " ".join(_unique((exif.get("Make", ""), exif.get("Model", ""))))
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
            yield f"Compressed before: {jpeg.double_compression.reason}"
    yield f"C2PA: {metadata.c2pa.state}. {metadata.c2pa.detail}"
    yield from metadata.notes
    yield "Metadata can be removed and forged: neither its presence nor its absence proves anything."
