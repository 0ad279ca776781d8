"""Cards: the same words in HTML and in plain text, nothing of the student's taken for markup."""

from html.parser import HTMLParser

import pytest
from IPython.testing.globalipapp import start_ipython

from sslcourse import pages
from sslcourse.notebook import card
from sslcourse.notebook.card import Bar, Code, Items, Table, as_html, as_text

BLOCKS = (
    "One <b>paragraph</b> with `code & more`.",
    Code("if a < b:\n    print('&')"),
    Items([("good", "first"), ("bad", "second"), ("", "third")]),
    Table(["name", "value"], [["kNN", "0.43"], ["rank", "12"]]),
    Bar([("good", "one"), ("wait", "two"), ("", "three")]),
)


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.text, self.open, self.tags = [], [], set()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("kind", card.KINDS)
def test_html_is_balanced_and_holds_no_markup_of_the_text(kind):
    reader = Reader()
    reader.feed(as_html("A <title>", BLOCKS, kind))
    assert reader.open == []
    assert not reader.tags & {"b", "script", "title", "style", "img"}
    text = "".join(reader.text)
    for words in ("A <title>", "One <b>paragraph</b> with code & more.", "if a < b:", "second", "0.43"):
        assert words in text


def test_backticks_make_code_and_asterisks_emphasis_but_products_stay():
    page = as_html("t", ["`a * b * c` is *not* 2 * n or n*d*k"], "info")
    assert ">a * b * c</code> is <em>not</em> 2 * n or n*d*k" in page


def test_plain_text_says_the_same():
    text = as_text("A title", BLOCKS, "bad").split("\n")
    assert text[0] == "✗ A title"
    assert "    if a < b:" in text and "        print('&')" in text
    assert "  ✓ first" in text and "  - third" in text
    assert "  kNN   0.43" in text
    assert "  [█▒░]" in text


def test_long_text_is_wrapped_in_plain_text():
    table = Table(["name", "first", "second"], [["x", "word " * 30, "word " * 50], ["y", "short", ""]])
    lines = as_text("t", ["word " * 100, table], "info").split("\n")
    assert max(map(len, lines)) <= card.WIDTH
    assert sum(line.count("word") for line in lines) == 180


def test_without_a_front_end_the_plain_text_is_printed(capsys):
    card.show_card("Title", "text")
    captured = capsys.readouterr()
    assert captured.out == "• Title\n  text\n" and captured.err == ""


def test_in_ipython_both_forms_are_displayed(monkeypatch):
    shell = start_ipython()
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        monkeypatch.setattr(pages, "_shell", lambda: shell)
        card.show_card("Title", "text")
    data = captured.outputs[0].data
    assert data["text/plain"] == "• Title\n  text" and data["text/html"].startswith("<div")
