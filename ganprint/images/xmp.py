"""The few statements of an XMP packet that say how a picture was made, read from XML that anyone may have written.

It is read tag by tag and not as a whole, so that a flaw costs only what it stands in, and so that entities, which XMP
has no use for, are never expanded.
"""

import html
import re
from dataclasses import dataclass, field

MAX_XMP_BYTES = 1024 * 1024
"""How much of a packet is read; cameras and editors write some 64 KiB."""

_TAG = re.compile(r"""<(/?)([\w.:-]++)((?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)>""")
_ATTRIBUTE = re.compile(r"""(?<![\w.:-])([\w.:-]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)')""")
_SOURCE_TYPE = re.compile(r"https?://cv\.iptc\.org/newscodes/digitalsourcetype/\w+", re.IGNORECASE)
_MARKUP = re.compile(r"<!\[CDATA\[|\]\]>|<[^<>]*+>?")
_PREFIXES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xap": "http://ns.adobe.com/xap/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
}
_WANTED = {
    "source_types": ("Iptc4xmpExt:DigitalSourceType",),
    "software": ("Iptc4xmpExt:AISystemUsed", "xmp:CreatorTool", "tiff:Software", "stEvt:softwareAgent"),
    "credits": ("photoshop:Credit",),
    "labels": ("TC260:AIGC",),
    "manifests": ("dcterms:provenance",),
    "orientations": ("tiff:Orientation",),
    "texts": ("dc:description", "exif:UserComment", "tiff:ImageDescription"),
}


@dataclass
class Xmp:
    """What a packet states, in its order.

    `source_types` are addresses of IPTC digital source types, `labels` AIGC labels (GB 45438), `manifests` addresses of
    C2PA manifests, `texts` descriptions and comments; `note` is a sentence on what was not read, empty where all was.
    """

    source_types: list[str] = field(default_factory=list)
    software: list[str] = field(default_factory=list)
    credits: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    manifests: list[str] = field(default_factory=list)
    orientations: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    note: str = ""


def read_xmp(packets: list[bytes]) -> Xmp:
    """Read XMP packets in any coding of Unicode; never raises."""
    found = Xmp()
    for packet in packets[:8]:
        if len(packet) > MAX_XMP_BYTES:
            found.note = f"Its XMP is longer than {MAX_XMP_BYTES // 2**20} MiB; the rest of it was not read."
        text = _decoded(packet[:MAX_XMP_BYTES])
        if not _read_packet(text, found):
            found.note = found.note or "Its XMP is damaged; what could be read of it was."
    return found


def _decoded(packet: bytes) -> str:
    if packet[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return packet.decode("utf-16", "replace")
    if b"\0<\0" in packet[:64] or b"<\0" in packet[:64]:
        return packet.decode("utf-16-be" if packet[:1] == b"\0" else "utf-16-le", "replace")
    return packet.decode("utf-8-sig", "replace")


def _read_packet(text: str, found: Xmp) -> bool:
    """Add what a packet states, and say whether each tag in it was closed."""
    prefixes = dict(_PREFIXES)
    # By what they are and not by prefix: of any number of prefixes for one thing, one inside the other, one is open.
    begun: dict[tuple[str, str], int] = {}
    depth = 0
    for tag in _TAG.finditer(text):
        closing, name, rest = tag.groups()
        depth += -1 if closing else 0 if rest.endswith("/") else 1
        if closing:
            if (wanted := _qualified(prefixes, name)) in begun:
                _add(found, wanted, _MARKUP.sub(" ", text[begun.pop(wanted) : tag.start()]))
            continue
        attributes = [(key, first or second) for key, first, second in _ATTRIBUTE.findall(rest)]
        # A namespace is known by its address; where a prefix was never declared, by what is usual.
        prefixes |= {key[6:]: value for key, value in attributes if key.startswith("xmlns:")}
        element = _qualified(prefixes, name)
        for key, value in attributes:
            attribute = _qualified(prefixes, key)
            _add(found, element if attribute == _RESOURCE else attribute, value)
        if not rest.endswith("/") and element in _KINDS:
            begun.setdefault(element, tag.end())
    for element, start in begun.items():  # the packet was cut
        _add(found, element, text[start:].split("<", 1)[0])
    if not found.source_types:  # the tag that states it may be what is damaged
        found.source_types += _SOURCE_TYPE.findall(text)[:1]
    return depth == 0 and not begun and text.count("<?xpacket") == text.count("?>") - text.count("<?xml ")


def _qualified(prefixes: dict[str, str], name: str) -> tuple[str, str]:
    prefix, _, local = name.rpartition(":")
    return prefixes.get(prefix, ""), local


_RESOURCE = _qualified(_PREFIXES, "rdf:resource")
_KINDS = {_qualified(_PREFIXES, name): kind for kind, names in _WANTED.items() for name in names}


def _add(found: Xmp, name: tuple[str, str], value: str) -> None:
    if name in _KINDS and (stated := " ".join(html.unescape(value).split())):
        getattr(found, _KINDS[name]).append(stated)
