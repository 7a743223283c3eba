"""Make text from outside safe for terminals, JSON, CSV, Markdown and LaTeX."""

import json
import math
import re
from typing import Any

_KEPT = "\n\t"


def harmless(text: str) -> str:
    """Return text that no terminal acts on: all that is not printable escaped, line ends and tabs kept."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _KEPT else _escape(c) for c in text)


def printable(text: str) -> str:
    """Return text, such as a file name, on one line, all that is not printable escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def file_part(text: str) -> str:
    """Return text, such as the name of a split, as a part of a file name: printable, and no folder."""
    return printable(text).replace("/", "%2F").replace("\\", "%5C")


def to_json(content: Any, *, indent: int | None = None) -> str:
    """Return JSON, names as they are, but what is not printable in JSON's escapes; no number is null.

    Bytes of a file name that are no text, which Python holds as lone surrogates, stay the same when it is read.
    """
    try:
        text = json.dumps(content, ensure_ascii=False, indent=indent, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(content), ensure_ascii=False, indent=indent, allow_nan=False)
    if text.isprintable():
        return text
    # Outside of strings JSON has no such character but the line ends between its parts.
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


_FORMULA = re.compile(r"\s*[=+@-].", re.DOTALL)
_LINE_BREAK = re.compile(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")


def cell(text: str) -> str:
    """Return text, such as a file name, fit for a cell of a CSV: one line, printable, and no formula.

    Text that a spreadsheet would run gets an apostrophe before it, as spreadsheets write such text themselves;
    line breaks become spaces, and control characters and bytes that are no text are escaped.
    """
    line = printable(_LINE_BREAK.sub(" ", text))
    return f"'{line}" if _FORMULA.match(line) else line


# Characters that begin or end something in CommonMark or GitHub's Markdown; an underscore within a word does not.
_MARKDOWN = re.compile(r"[\\`*\[\]|~$@]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|^[#+=-]")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ADDRESS = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp):|\bwww\.")


def to_markdown_text(text: str) -> str:
    """Return text as Markdown that shows it: on one line, no HTML, link, image, heading, emphasis or formula."""
    shown = _MARKDOWN.sub(lambda found: f"\\{found[0]}", printable(text).strip())
    return _ADDRESS.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", shown.translate(_ENTITIES))


_LATEX = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "†": r"\textdagger{}",
        "‡": r"\textdaggerdbl{}",
    }
)


def to_latex_text(text: str) -> str:
    """Return text as LaTeX that shows it: on one line, no command, comment or formula."""
    return printable(text).translate(_LATEX)
