"""YAML is read as it was meant, or refused with a place; it never crashes."""

from typing import Any

import pytest
from crossdock_runner import yamltext
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", 1),
        ("a: -7", -7),
        ("a: 1.5", 1.5),
        ("a: true", True),
        ("a: null", None),
        ("a:", None),
        ("a: 'NO'", "NO"),
        ('a: "012"', "012"),
        ("a: 1e5", "1e5"),
        ("a: 1.5e999", "1.5e999"),
        ("a: .inf", ".inf"),
        ("a: 2026-01-31", "2026-01-31"),
        ("a: 127.0.0.1:8080", "127.0.0.1:8080"),
        ("a: '12:30:45'", "12:30:45"),
        ("a: |\n  x\n  y\n", "x\ny\n"),
        ("a: [1, b]", [1, "b"]),
        ("a: {b: {c: d}}", {"b": {"c": "d"}}),
        ("\ufeffa: ä", "ä"),
        ("a: '" + "9" * 5_000 + "'", "9" * 5_000),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_reads(text: str, value: Any) -> None:
    document = yamltext.read(text)
    assert document.faults == []
    assert document.value == {"a": value}
    assert type(document.value["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: &x 1\nb: *x", 1, "anchors are not allowed"),
        ("a: 1\nb: *x", 2, "alias *x is not allowed"),
        ("a: 1\nb: 2\na: 3", 3, "twice; it stands on line 1"),
        ("a:\n  b: 1\n  b: 2", 3, "twice"),
        ("a: NO", 1, "truth value"),
        ("a: on", 1, "truth value"),
        ("a: True", 1, "truth value"),
        ("a: 012", 1, "different numbers"),
        ("a: 1_000", 1, "different numbers"),
        ("a: 0x1F", 1, "different numbers"),
        ("a: 0o17", 1, "different numbers"),
        ("x: 1\na: 12:30:45", 2, "different numbers"),
        ("a: !!python/object:os.system x", 1, "tag"),
        ("a: !!str 1", 1, "tag"),
        ("a: !!set {b}", 1, "tag"),
        ("a: !!binary aGk=", 1, "tag"),
        ("a: !mine [1]", 1, "tag !mine"),
        ("a: " + "9" * 5_000, 1, "a number of 5000 characters"),
        ("a: " + "[" * 40 + "]" * 40, 1, "deeper than 32"),
        ("a: " + "[" * 100_000, 1, "deeper than 32"),
        ("? [b]\n: 1", 1, "a key must be a word"),
        ("a: [1", 2, "not YAML"),
        ("a: b: c", 1, "not YAML"),
        ("\ta: 1", 1, "not YAML"),
        ("a: 1\n---\nb: 2", 2, "not YAML"),
        ("", None, "the file is empty"),
        ("# only words", None, "the file is empty"),
        ("a: \x00", None, "not YAML"),
        ("a: 'x" + "y" * yamltext.MAX_BYTES, None, "larger than"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_refuses(text: str, line: int | None, says: str) -> None:
    document = yamltext.read(text)
    assert any(says in fault.message for fault in document.faults), document.faults
    first = next(fault for fault in document.faults if says in fault.message)
    assert (first.mark.line if first.mark else None) == line or line is None
    assert len(first.message) < 400


def test_a_billion_laughs_costs_nothing() -> None:
    text = 'a: &a ["lol"]\n' + "".join(
        f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert yamltext.read(text).faults


def test_every_fault_is_found_at_once_and_has_a_place() -> None:
    document = yamltext.read("a: NO\nb: 012\nc: {d: on}\n")
    assert [(f.key, f.mark and f.mark.line) for f in document.faults] == [
        ("a", 1),
        ("b", 2),
        ("c.d", 3),
    ]


def test_marks_point_at_keys_and_items() -> None:
    document = yamltext.read("a:\n  - x\n  - y: 1\n")
    assert document.mark(("a", 1, "y")) == yamltext.Mark(3, 5)
    assert document.mark(("a", 1, "missing")) == yamltext.Mark(3, 5)
    assert document.mark(("nowhere",)) == yamltext.Mark(1, 1)


@given(st.text(st.characters(), max_size=200))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    document = yamltext.read(text)
    assert document.faults or document.value is not None or text.strip()


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                ": ",
                "\n",
                "  ",
                "- ",
                "[",
                "]",
                "{",
                "}",
                "&x ",
                "*x",
                "!!int ",
                "? ",
                "'",
                '"',
                "|",
                ">",
                "---\n",
                "...\n",
                "<<",
                "012",
                "NO",
                "#",
                ",",
                "%",
                "@",
                "`",
                "\t",
                "\x85",
            ]
        ),
        max_size=25,
    )
)
def test_no_yaml_like_text_does_more_than_be_refused(pieces: list[str]) -> None:
    yamltext.read("".join(pieces))
