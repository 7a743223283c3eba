"""The few statements of an XMP packet that say how a picture was made, read from XML that anyone may have written."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

MAX_XMP_BYTES = 1024 * 1024
"""The longest packet that is parsed; cameras and editors write some 64 KiB."""

# XMP has no use for a document type, and entities, external or nested, cannot be without one.
_DECLARATION = re.compile(r"<!(?!--|\[CDATA\[)")
_RESOURCE = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}resource"
_SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
_CREDIT = "{http://ns.adobe.com/photoshop/1.0/}Credit"
_SOFTWARE = {
    "{http://ns.adobe.com/xap/1.0/}CreatorTool",
    "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}softwareAgent",
}


@dataclass(frozen=True)
class Xmp:
    """What a packet states: addresses of IPTC digital source types, software and credits, in its order."""

    source_types: tuple[str, ...] = ()
    software: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()


def read_xmp(packet: bytes) -> Xmp:
    """Read an XMP packet in UTF-8; raises ValueError, with a sentence, on one that is not safe or sound."""
    if len(packet) > MAX_XMP_BYTES:
        raise ValueError(f"Its XMP is longer than {MAX_XMP_BYTES // 2**20} MiB and was not read.")
    try:
        text = packet.decode("utf-8-sig").strip(" \t\r\n\0")
    except UnicodeDecodeError:
        raise ValueError("Its XMP is not UTF-8 and was not read.") from None
    if _DECLARATION.search(text):
        raise ValueError("Its XMP declares a document type or entities, which is not read.")
    try:
        # Given as text, it is parsed as such whatever encoding it declares.
        root = ET.fromstring(text)
    except ET.ParseError:
        raise ValueError("Its XMP is damaged and was not read.") from None
    source_types, software, credits = [], [], []
    for element in root.iter():
        # A simple property may be written as an element, its resource, or an attribute of what it describes.
        stated = [*element.attrib.items()]
        if element.tag in (_SOURCE_TYPE, _CREDIT) or element.tag in _SOFTWARE:
            # Its own text, or that of the items of the list in it.
            texts = [element.text, *(item.text for group in element for item in group)]
            stated.append((element.tag, element.get(_RESOURCE) or " ".join(filter(None, texts))))
        for name, value in stated:
            if not value.strip():
                continue
            if name == _SOURCE_TYPE:
                source_types.append(value)
            elif name == _CREDIT:
                credits.append(value)
            elif name in _SOFTWARE:
                software.append(value)
    return Xmp(tuple(source_types), tuple(software), tuple(credits))
