"""Image files with metadata of any kind."""

import struct

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ganprint.images.containers import take_apart
from ganprint.images.formats import is_decodable
from ganprint.provenance.metadata import Metadata, metadata_of

from ..conftest import chunk, encoded, noise, with_segments

FORMATS = [name for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF") if is_decodable(name)]
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CAVEAT = "Metadata can be removed and forged: neither its presence nor its absence proves anything."


# The start of a C2PA manifest store: a JUMBF superbox and its description box (C2PA 2.1, 11.1.4).
MANIFEST = (
    struct.pack(">I4sI4s", 64, b"jumb", 38, b"jumd")
    + bytes.fromhex("6332706100110010800000aa00389b71")
    + b"\x03c2pa\0"
    + bytes(24)
)


def picture(kind: str, **options: object) -> bytes:
    return encoded(noise(48, 64, 3), kind, **options)


def read_metadata(data: bytes, kind: str) -> Metadata:
    """Return what a file states, whether its pixels can be decoded or not."""
    return metadata_of(data, kind, take_apart(data, kind))


def exif(**tags: object) -> Image.Exif:
    made = Image.Exif()
    for name, value in tags.items():
        made[int(name[1:], 16)] = value
    return made


def with_xmp(kind: str, packet: bytes) -> bytes:
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        return picture("PNG", pnginfo=info)
    if kind == "TIFF":
        return picture("TIFF", tiffinfo={700: packet})
    return picture(kind, xmp=packet)


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


def with_manifest(kind: str) -> bytes:
    data = picture(kind)
    if kind == "PNG":
        return data[:33] + chunk(b"caBX", MANIFEST) + data[33:]
    return with_segments(data, 0xEB, b"JP\0\1" + struct.pack(">I", 1) + MANIFEST)


def with_text(**texts: str) -> bytes:
    info = PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    return picture("PNG", pnginfo=info)


STATED = f"<Iptc4xmpExt:DigitalSourceType>{SOURCE}trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>"
