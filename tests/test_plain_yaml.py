"""YAML is read as maps, lists and plain scalars; everything else that YAML can do is refused in a clause."""

from typing import Any

import pytest

from ganprint.plain_yaml import PlainYAMLError, load_plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: [1, -2, 0x1f, 0o17, 010]", {"a": [1, -2, 31, 15, 10]}),
        ("[1.5, 1e-3, .5, 1., -2.5e+3]", [1.5, 0.001, 0.5, 1.0, -2500.0]),
        ("[true, False, null, ~, yes, off, 1_000, 12:30:45, 2026-01-01]",
         [True, False, None, None, "yes", "off", "1_000", "12:30:45", "2026-01-01"]),
        ("""a: "1"\nb: 'true'\nc: |\n  x\n  y\nd: ! 5""", {"a": "1", "b": "true", "c": "x\ny\n", "d": "5"}),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
        ("{1: a, x: {}, y: []}", {1: "a", "x": {}, "y": []}),
        ("\ufeffa: é", {"a": "é"}),
    ],
)  # fmt: skip
def test_plain_documents_are_read_by_the_core_schema(text: str, value: Any) -> None:
    assert load_plain(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        "a: !!bool maybe",
        'a: !!int ""',
        "a: !!timestamp x",
        "a: !!str x",
        "a: !!python/object/apply:os.system [x]",
        "a: &a 1",
        "[&a [1], *a]",
        "a: 1\na: 2",
        "{1: a, 1.0: b}",
        "? [1]\n: 1",
        "a: .nan",
        "a: -.inf",
        "a: 1e999",
        f"a: {'9' * 5000}",
        f"a: {1 << 64}",
        "a: 1\n---\nb: 2",
        "[" * 100_000,
        "- " * 100_000,
        "\n".join(" " * depth + "a:" for depth in range(500)),
        "a: \x00",
        "a: [1",
        "%TAG ! tag:x,2000:\n---\na: !foo x",
    ],
    ids=lambda text: text[:20],
)
def test_everything_else_is_refused_in_a_clause(text: str) -> None:
    with pytest.raises(PlainYAMLError) as error:
        load_plain(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(PlainYAMLError, match="UTF-8"):
        load_plain(b"\xff\xfe")
