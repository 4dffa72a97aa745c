"""Hostile JSON: whatever a stranger sends, only ContractError may come out."""

import json
from typing import Any

import pytest
from crossdock import jsontext
from crossdock.errors import ContractError
from hypothesis import given
from hypothesis import strategies as st

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=10),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(values)
def test_parse_after_dump_is_identity(value: Any) -> None:
    assert jsontext.parse(jsontext.dump(value)) == value


@given(st.binary() | st.text())
def test_only_contract_error_comes_out(data: bytes | str) -> None:
    try:
        jsontext.parse(data)
    except ContractError as error:
        str(error).encode()


@given(st.lists(st.sampled_from(["[", "]", "{", "}", '"', ":", ",", "\\u", "d800", "1", "e9"])))
def test_only_contract_error_comes_out_of_brackets(pieces: list[str]) -> None:
    try:
        jsontext.parse("".join(pieces))
    except ContractError as error:
        str(error).encode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[" * 100_000, "deeper"),
        (b'{"a":' * 100_000, "deeper"),
        (b"[" * 66 + b"]" * 66, "deeper"),
        (b"9" * 5_000, "digits"),
        (b"-" + b"9" * 5_000, "digits"),
        (b"1e400", "larger"),
        (b"-1e400", "larger"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "Infinity"),
        (b'"\\ud800"', "U+D800 at /"),
        (b'{"a":["\\udfff"]}', "U+DFFF at /a/0"),
        (b'{"a/b":"\\u0000"}', "U+0000 at /a~1b"),
        (b'{"a":{"x\\u0000y":1}}', "U+0000 at /a"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b"", "line 1"),
        (b"{", "column"),
        (b'{"a":"\x00"}', "not JSON"),
        (b"'a'", "not JSON"),
        (b"\xef\xbb\xbf\xef\xbb\xbf1", "not JSON"),
        ('"\ud800"', "U+D800"),
    ],
    ids=lambda value: None if isinstance(value, str) and len(value) > 1 else repr(value[:16]),
)
def test_refuses(data: bytes | str, says: str) -> None:
    with pytest.raises(ContractError, match="the body") as caught:
        jsontext.parse(data)
    message = str(caught.value)
    assert says in message
    assert len(message) < 300
    message.encode()
    caught.value.pointer.encode()


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"[" * 64 + b"]" * 64, None),
        (b"\xef\xbb\xbf1", 1),
        (json.dumps("[" * 1_000).encode(), "[" * 1_000),
        (json.dumps({"{" * 500: "]" * 500}).encode(), {"{" * 500: "]" * 500}),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b"9" * 400, int("9" * 400)),
        (b'{"a":1,"a":2}', {"a": 2}),
    ],
    ids=["64 deep", "bom", "brackets in text", "braces in keys", "pair", "400 digits", "twice"],
)
def test_accepts(data: bytes, value: Any) -> None:
    parsed = jsontext.parse(data)
    assert value is None or parsed == value


@given(
    st.lists(st.text('[]{}"\\\\a', max_size=4), max_size=8),
    st.integers(jsontext.MAX_DEPTH - 4, jsontext.MAX_DEPTH + 3),
    st.booleans(),
)
def test_no_text_hides_the_depth(texts: list[str], depth: int, as_keys: bool) -> None:
    """Brackets, quotes and backslashes within texts before, around and behind what is deep."""
    value: Any = list(texts)
    for turn in range(depth - 2):
        text = texts[turn % len(texts)] if texts else ""
        value = {text: value, "z": text} if as_keys else [text, value, text]
    data = json.dumps([texts, value, texts]).encode()
    if depth <= jsontext.MAX_DEPTH:
        assert jsontext.parse(data) == [texts, value, texts]
    else:
        with pytest.raises(ContractError, match="deeper"):
            jsontext.parse(data)


def test_dump_refuses_what_is_no_json() -> None:
    for value in (float("nan"), [float("inf")], "\ud800"):
        with pytest.raises(ValueError):
            jsontext.dump(value)


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=6))
def test_canonical_forgets_the_order_of_keys(value: dict[str, int]) -> None:
    backwards = dict(reversed(value.items()))
    assert jsontext.canonical(value) == jsontext.canonical(backwards)


@given(st.text() | st.integers(), st.integers(5, 100))
def test_shorten_is_never_longer_than_told(value: object, limit: int) -> None:
    assert len(jsontext.shorten(value, limit)) <= limit


def test_pointer_escapes() -> None:
    assert jsontext.pointer("a/b", 0, "~1", "") == "/a~1b/0/~01/"
    assert jsontext.pointer() == ""


NUMBERS = st.one_of(
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_the_quick_parser_says_what_the_careful_one_says(
    value: object, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    data = text.encode("utf-8", "surrogatepass")
    quick = jsontext._quickly(data)
    if quick is not jsontext._MISSING:
        careful = jsontext._carefully(data, "it")
        assert repr(quick) == repr(careful)


@pytest.mark.parametrize(
    "text",
    ["-0", "-0.0", "1e400", "18446744073709551616", "[1234567890123456789012]", "1E5", "\ufeff1"],
)
def test_the_parsers_agree_at_the_edges(text: str) -> None:
    results = []
    for given_ in (text.encode(), text):
        try:
            results.append(repr(jsontext.parse(given_)))
        except ContractError as error:
            results.append(error.message)
    assert results[0] == results[1]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_made_quickly_the_canonical_text_is_the_same(value: Any) -> None:
    assert jsontext.canonical_quickly(value) == jsontext.canonical(value)


@given(st.dictionaries(st.sampled_from(["id", "at", "a/b", "x"]), VALUES), st.booleans())
def test_a_glance_is_what_parse_says(value: dict[str, Any], ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    names = ("id", "a/b", "not there")
    try:
        whole = jsontext.parse(data)
    except ContractError as error:
        if "U+0000" in str(error):
            with pytest.raises(ContractError, match=r"U\+0000"):
                jsontext.glance(data, *names)
        return
    wanted = {name: whole[name] for name in names if name in whole}
    assert repr(jsontext.glance(data, *names)) == repr(wanted)


@given(st.binary() | st.builds(lambda mess: b'{"id":7,"x":' + mess, st.binary()))
def test_a_glance_takes_nothing_that_is_no_json(data: bytes) -> None:
    try:
        seen = jsontext.glance(data, "id")
    except ContractError:
        return
    json.loads(data.decode("utf-8", "replace").removeprefix("\ufeff"))
    assert not isinstance(seen, dict) or seen in ({}, {"id": 7})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"x":%b}' % (b"[" * 64 + b"]" * 64), "deeper"),
        (b'{"x":%b' % (b"[" * 100_000), "deeper"),
        (b'{"x":"\\u0000"}', "U\\+0000 at /x"),
        (b'{"x":"\\ud800"}', "U\\+D800 at /x"),
        (b'{"x":NaN}', "NaN"),
        (b'{"id":1e400}', "larger"),
        (b'{"id":%b}' % (b"9" * 5_000), "digits"),
        (b'{"id":"\xff"}', "not UTF-8"),
        (b'{"x":01}', "not JSON"),
        (b'{"id":1}}', "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_a_glance_refuses(data: bytes, says: str) -> None:
    with pytest.raises(ContractError, match=says):
        jsontext.glance(data, "id", what="it")


@pytest.mark.parametrize("data", [b"[7]", b"7", b"null", b'"id"'])
def test_a_glance_at_no_object_shows_it_whole(data: bytes) -> None:
    assert jsontext.glance(data, "id") == json.loads(data)
