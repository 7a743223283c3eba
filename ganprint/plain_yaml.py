"""A subset of YAML 1.2: maps, lists and plain scalars only, read in linear time."""

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as _Parser
except ImportError:  # pragma: no cover
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]

MAX_DEPTH = 32
"""How deep maps and lists may lie in each other: a card has eight."""

# YAML 1.2.2, section 10.3.2, the core schema; numbers that are not finite are left out.
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class PlainYAMLError(ValueError):
    """The text is no YAML, or uses more of it than maps, lists and plain scalars; the message is a clause."""


def load_plain(text: str | bytes) -> Any:
    """Return what a YAML document holds: dict, list, str, int, float, bool or None.

    Raises PlainYAMLError where it is not YAML, has a tag, anchor or alias, a key twice or one that is no scalar, a
    number that is not finite or an integer of more than 64 bits, several documents, or is nested deeper than MAX_DEPTH.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as cause:
            raise PlainYAMLError("it is not UTF-8 text") from cause
    try:
        return _build(_events(text))
    except yaml.YAMLError as cause:
        raise PlainYAMLError(" ".join(str(cause).split())[:300]) from cause
    except (ValueError, RecursionError) as cause:
        if isinstance(cause, PlainYAMLError):
            raise
        raise PlainYAMLError("it is nested too deeply or contains something that is not text") from cause


def _events(text: str) -> Iterator[yaml.Event]:
    parser = _Parser(text)
    try:
        while parser.check_event():
            event = parser.get_event()
            assert event is not None
            yield event
    finally:
        parser.dispose()


def _build(events: Iterator[yaml.Event]) -> Any:
    """Put a document together without recursion: `open_nodes` are the maps and lists that are not closed yet."""
    open_nodes: list[_Node] = [_Node(None)]
    for event in events:
        if isinstance(event, yaml.DocumentEndEvent):
            break
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _fault(event, "anchors and aliases are not allowed")
        if isinstance(event, yaml.ScalarEvent):
            open_nodes[-1].add(_scalar(event), event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if event.tag is not None:
                raise _fault(event, f"the tag {event.tag} is not allowed")
            if len(open_nodes) > MAX_DEPTH:
                raise _fault(event, "it is nested too deeply")
            open_nodes.append(_Node({} if isinstance(event, yaml.MappingStartEvent) else []))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            node = open_nodes.pop()
            open_nodes[-1].add(node.content, event)
    if any(not isinstance(event, yaml.StreamEndEvent) for event in events):
        raise PlainYAMLError("it has several documents")
    return open_nodes[0].content


class _Node:
    """A map or list in the making; None is the document, which takes one node."""

    def __init__(self, content: Any) -> None:
        self.content = content
        self._key: Any = None
        self._has_key = False

    def add(self, value: Any, event: yaml.Event) -> None:
        if isinstance(self.content, list):
            self.content.append(value)
        elif not isinstance(self.content, dict):
            self.content = value
        elif self._has_key:
            self.content[self._key] = value
            self._has_key = False
        elif isinstance(value, dict | list):
            raise _fault(event, "a key is a map or a list")
        elif value in self.content:
            raise _fault(event, f"the key {value} is given twice")
        else:
            self._key, self._has_key = value, True


def _scalar(event: yaml.ScalarEvent) -> Any:
    text: str = event.value
    if event.tag not in (None, "!"):
        raise _fault(event, f"the tag {event.tag} is not allowed")
    if event.style or event.tag == "!":
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        number = int(text, 0 if text[:2] in ("0o", "0x") else 10) if len(text) <= 400 else math.inf
        if not -(1 << 63) <= number < 1 << 64:
            raise _fault(event, "an integer has more than 64 bits")
        return number
    if _DECIMAL.fullmatch(text):
        value = float(text) if len(text) <= 400 else math.inf
        if not math.isfinite(value):
            raise _fault(event, "a number is too large")
        return value
    if _NOT_FINITE.fullmatch(text):
        raise _fault(event, "a number is not finite")
    return text


def _fault(event: yaml.Event, reason: str) -> PlainYAMLError:
    mark = event.start_mark
    return PlainYAMLError(f"{reason} (line {mark.line + 1})" if mark is not None else reason)
