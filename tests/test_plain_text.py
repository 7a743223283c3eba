"""Text from outside comes out as text, in whatever it is written."""

import json

import pytest

from ganprint.plain_text import file_part, harmless, printable, to_json, to_latex_text, to_markdown_text

HOSTILE = [
    "\x1b[2J", "\x1b]8;;http://evil/\x07click\x1b]8;;\x07", "\x9b2J", "a\rb", "a\x08\x08b", "\u202eexe.gpj",
    "a\u2028b", "\u200b", "\udcff", "\U000e0041", "\x7f\x85\ufeff",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_nothing_that_a_terminal_acts_on_passes(text: str) -> None:
    assert harmless(text).isprintable()
    assert printable(f"a\n{text}").isprintable()
    content = {"name": text, text: [text, None]}
    for indent in (None, 2):
        assert harmless(to_json(content, indent=indent)) == to_json(content, indent=indent)
        assert json.loads(to_json(content, indent=indent)) == content


def test_plain_text_stays() -> None:
    text = "Générateur 真实 🖼 stylegan-mini\n\t1 – 2 % († é)"
    assert harmless(text) == text
    assert json.loads(to_json([text])) == [text]
    assert "真实" in to_json([text])


def test_no_number_becomes_null() -> None:
    assert to_json({"a": [float("nan"), 1.5], "b": float("inf")}) == '{"a": [null, 1.5], "b": null}'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("stylegan-mini", "stylegan-mini"),
        ("gaussian_noise", "gaussian_noise"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("[a](http://evil)", r"\[a\](http\://evil)"),
        ("![a](www.evil)", r"!\[a\](www\.evil)"),
        ("a|b", r"a\|b"),
        ("a\n\n# b", r"a\\n\\n# b"),
        ("# a", r"\# a"),
        ("*a* _b_ `c` ~~d~~ $e$ &lt;", r"\*a\* \_b\_ \`c\` \~\~d\~\~ \$e\$ &amp;lt;"),
        ("\\", "\\\\"),
    ],
)
def test_markdown_shows_what_was_written(text: str, shown: str) -> None:
    assert to_markdown_text(text) == shown


def test_a_part_of_a_file_name_is_no_folder_and_has_no_unprintable_character() -> None:
    assert file_part("../a\\b\n\x00\udcff é+c=1") == "..%2Fa%5Cb%5Cn%5Cx00%5Cudcff é+c=1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a & b_c 5%", r"a \& b\_c 5\%"),
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("a\n\\end{tabular}", r"a\textbackslash{}n\textbackslash{}end\{tabular\}"),
        ("<a|b>", r"\textless{}a\textbar{}b\textgreater{}"),
        ("$x^2~y$", r"\$x\textasciicircum{}2\textasciitilde{}y\$"),
    ],
)
def test_latex_shows_what_was_written(text: str, shown: str) -> None:
    assert to_latex_text(text) == shown
