"""The kit lets a good connector pass, and fails a wrong one by the very check that is for it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from crossdock import ContractError, Event, Raw, RejectedError
from crossdock.canonical import Product
from crossdock.testing import conformance
from crossdock.testing.conformance import Subject, kit
from crossdock.testing.conformance.quality import Quality
from crossdock.testing.coverage import Coverage, UntranslatableError, main
from crossdock.testing.printing import grouped

sys.path.insert(0, str(Path(__file__).parent / "conformance"))
import sabotage
import toybox

CHECKS = conformance.checks()
UNSABOTAGED = {"webhook.receives-without-io"}


def test_there_are_enough_checks_and_each_says_why() -> None:
    assert len(CHECKS) >= 60
    for one in CHECKS.values():
        assert len(one.why) > 20, one.id
        assert one.why.endswith("."), one.id


def test_nearly_every_check_has_its_sabotage() -> None:
    assert set(CHECKS) - set(sabotage.WRONG) == UNSABOTAGED
    assert set(sabotage.WRONG) <= set(CHECKS)


def test_a_good_connector_is_platinum() -> None:
    quality, outcomes = conformance.examine(toybox.subject())
    assert [(one.check.id, one.said) for one in outcomes if one.state == "failed"] == []
    assert quality.tier == "platinum"
    assert sum(one.state == "passed" for one in outcomes) >= 145


@pytest.mark.parametrize("id_", sorted(sabotage.WRONG))
def test_a_wrong_connector_fails_the_check_that_is_for_it(id_: str) -> None:
    outcome = conformance.run_check(sabotage.WRONG[id_](), CHECKS[id_])
    assert outcome.state == "failed", outcome.said
    assert "What to do: " in outcome.said


@pytest.mark.parametrize("id_", ["poll.tells-every-change", "poll.can-be-left-early"])
def test_a_connector_that_never_ends_is_told_so(monkeypatch: pytest.MonkeyPatch, id_: str) -> None:
    monkeypatch.setattr(kit, "LIMIT_S", 0.5)
    outcome = conformance.run_check(sabotage.endless(), CHECKS[id_])
    assert outcome.state == "failed"
    assert outcome.said.startswith("it did not end in 0.5 s\nWhat to do: ")


EXACT = "values.money-is-exact"
AMOUNTS, MOMENTS = "values.amounts-have-a-witness", "values.moments-have-a-witness"


@pytest.mark.parametrize(
    ("subject", "id_", "state", "word"),
    [
        (lambda: sabotage.minor(-2), AMOUNTS, "passed", ""),
        (lambda: sabotage.minor(-2), MOMENTS, "passed", ""),
        # the right unit, but nobody says so: no tier in silence
        (lambda: sabotage.minor(-2, means=()), AMOUNTS, "failed", "/totals/total of order"),
        (
            lambda: sabotage.minor(-3),
            AMOUNTS,
            "failed",
            "means 31.90 EUR, but its amounts are 3.19",
        ),
        (lambda: sabotage.minor(-2, means=("31.90",)), AMOUNTS, "failed", "neither an amount"),
        (lambda: sabotage.minor(-2, by_float=True), EXACT, "failed", "740992"),
        (lambda: sabotage.minor(-2), EXACT, "passed", ""),
        (lambda: sabotage.minor(-2, 19_800), MOMENTS, "failed", "/placed_at of order"),
        (toybox.subject, AMOUNTS, "passed", ""),  # "31.90" stands there, and its offset
        (toybox.subject, MOMENTS, "passed", ""),
    ],
)
def test_units_and_zones_are_shown_or_witnessed(
    subject: Callable[[], Subject], id_: str, state: str, word: str
) -> None:
    outcome = conformance.run_check(subject(), CHECKS[id_])
    assert outcome.state == state, outcome.said
    assert word in outcome.said


def test_who_states_nothing_is_not_told_what_to_copy() -> None:
    said = conformance.run_check(sabotage.minor(-3, means=()), CHECKS[AMOUNTS]).said
    assert "3.19" not in said


@pytest.mark.parametrize(
    ("played", "behind", "word"),
    [
        (True, "vendor's", ""),
        (True, "our own", ""),  # waits for this machine's second to end
        (True, "", "told under the known id 'order:o-1:"),
        (False, "vendor's", "gives no `change_at`"),  # it may be right, but nobody has seen it
    ],
)
def test_two_changes_in_a_second(played: bool, behind: str, word: str) -> None:
    subject = sabotage.coarse(played, behind)
    outcome = conformance.run_check(subject, CHECKS["poll.tells-both-changes-of-one-second"])
    assert (outcome.state == "passed") == (word == ""), outcome.said
    assert word in outcome.said


def test_what_the_vendor_refuses_the_second_time_says_where_to_look_first() -> None:
    outcome = conformance.run_check(sabotage.refusing(), CHECKS["apply.twice-changes-once"])
    assert "done already and delivered again: RejectedError" in outcome.said
    assert "if made := await self.find(command): return made" in outcome.said


def test_a_surprise_shows_the_lines_of_the_authors_own_code(tmp_path: Path) -> None:
    outcome = conformance.run_check(
        replace(sabotage.port(probe=sabotage._raises), home=Path(__file__).parent),
        CHECKS["probe.says-it-is-well"],
    )
    assert "KeyError: 'oops'" in outcome.said
    assert 'raise KeyError("oops")' in outcome.said
    assert "asyncio" not in outcome.said


@pytest.mark.parametrize(
    "id_", ["webhook.genuine-is-accepted", "webhook.hostile-bodies-do-no-harm"]
)
def test_what_is_only_polled_comes_by_no_webhook(id_: str) -> None:
    good = toybox.subject()
    polled = replace(good.samples[0], topic="only polled")
    subject = replace(
        good,
        samples=[polled, *good.samples],
        sign=lambda box, one: good.sign(box, one) if one.topic != "only polled" else None,
    )
    assert conformance.run_check(subject, CHECKS[id_]).state == "passed"


def test_what_it_tells_of_is_what_its_samples_say() -> None:
    def outcome(*kinds: str) -> str:
        wrong = toybox.subject(connector=toybox.registered(tells=kinds))
        only = conformance.run_check(wrong, CHECKS["translate.samples-say-what-they-mean"])
        return f"{only.state}: {only.said}"

    assert outcome("payment").startswith("failed: samples tell of order, and register(tells=")
    assert outcome("order", "payment").startswith("passed")


def test_a_connector_with_webhooks_has_a_sample_of_one() -> None:
    subject = replace(toybox.subject(), sign=lambda box, one: None)
    outcome = conformance.run_check(subject, CHECKS["webhook.genuine-is-accepted"])
    assert "there is no sample to send" in outcome.said


def test_a_field_by_which_a_person_is_asked_is_explained() -> None:
    """`translate` may hand a record to a person (RejectedError): the field decides that."""

    def translate(raw: Raw) -> Iterator[Event[Product]]:
        if not raw.body["order"]:
            raise RejectedError("nobody's: book it by hand")
        yield Event(type="product.changed", data=Product(name="x"), native_id="1")

    sample = conformance.Sample(topic="t", data=b'{"order": "o"}')
    report = Coverage(name="t", samples=[sample], translate=translate).report()
    assert report.mapped == {"/order": ("(refused when wrong)",)}
    assert "| /order | checked | (refused when wrong) |" in report.table()


def test_a_field_that_is_null_in_the_sample_is_told_where_it_goes() -> None:
    """Text in its place is refused, a number shows in the entity: that is what counts."""

    def translate(raw: Raw) -> Iterator[Event[Product]]:
        weight = raw.body["weight"]
        if isinstance(weight, str):
            raise ContractError("expected a number")
        words = {} if weight is None else {"com.acme": {"weight": weight}}
        data = Product(name="x", extensions=words)
        yield Event(type="product.changed", data=data, native_id="1")

    sample = conformance.Sample(topic="t", data=b'{"weight": null}')
    report = Coverage(name="t", samples=[sample], translate=translate).report()
    assert (report.mapped, list(report.extended)) == ({}, ["/weight"])


def test_a_field_that_shows_in_a_list_of_plain_values_is_told_where_it_goes() -> None:
    def translate(raw: Raw) -> Iterator[Event[Product]]:
        words = {"com.acme": {"codes": [raw.body["code"]]}}
        data = Product(name="x", tags=(raw.body["tag"], "b"), extensions=words)
        yield Event(type="product.changed", data=data, native_id="1")

    sample = conformance.Sample(topic="t", data=b'{"tag": "a", "code": "c"}')
    report = Coverage(name="t", samples=[sample], translate=translate).report()
    assert report.mapped == {"/tag": ("/tags",)}
    assert report.extended == {"/code": ("/extensions/com.acme/codes",)}


def test_a_time_in_the_form_of_mail_is_told_where_it_goes() -> None:
    def translate(raw: Raw) -> Iterator[Event[Product]]:
        at = parsedate_to_datetime(raw.body["changed"])
        yield Event(type="product.changed", data=Product(name="x", updated_at=at), native_id="1")

    sample = conformance.Sample(topic="t", data=b'{"changed": "Tue, 20 Nov 2012 00:00:00 +0000"}')
    report = Coverage(name="t", samples=[sample], translate=translate).report()
    assert report.mapped == {"/changed": ("/updated_at",)}


def test_a_refusal_may_be_given_to_some_calls_alone() -> None:
    refusal = sabotage.WRONG["errors.vendor-dialect"]().refusals[0]
    check = CHECKS["errors.vendor-dialect"]
    everywhere = conformance.run_check(toybox.subject(refusals=[refusal]), check)
    assert "say Refusal(only=…)" in everywhere.said
    wrong = toybox.subject(refusals=[replace(refusal, only=("pol",))])
    assert "no call is named ['pol']" in conformance.run_check(wrong, check).said


async def test_an_author_opens_the_connector_on_its_sandbox() -> None:
    async with conformance.opened(toybox.subject()) as bench:
        key = await bench.change(1)
        assert [raw.key for raw in await bench.poll()] == [key]


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (AttributeError("'str' object has no attribute 'astimezone'"), "AttributeError: 'str'"),
        (ContractError("t/at: expected a time"), "ContractError: t/at: expected a time"),
    ],
)
def test_coverage_names_the_sample_that_cannot_be_translated(fault: Exception, word: str) -> None:
    def translate(raw: Raw) -> Iterator[Event[Product]]:
        raise fault
        yield

    sample = conformance.Sample(topic="t", data=b'{"at": 1}', says=("product.changed",))
    with pytest.raises(UntranslatableError, match=f"coverage 'items': sample 't' .*{word}"):
        Coverage(name="items", samples=[sample], translate=translate).report()


def test_the_command_says_so_with_the_line_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_conformance.py").write_text(
        """
from pathlib import Path
from crossdock.testing.conformance import Features, Sample, Subject
from crossdock.testing.coverage import Coverage

def translate(raw):
    return [raw.body["at"].astimezone()]

SAMPLE = Sample(topic="t", data=b'{"at": "now"}', says=("product.changed",))
SUBJECT = Subject(
    connector="toy",
    features=Features(),
    home=Path(__file__).parents[1],
    samples=[SAMPLE],
    coverage=[Coverage(name="items", samples=[SAMPLE], translate=translate)],
)
"""
    )
    done = subprocess.run(
        [sys.executable, "-m", "crossdock.testing.coverage", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert "sample 't' cannot be translated: AttributeError" in done.stderr
    assert f"{tmp_path / 'tests/test_conformance.py'}:7" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_skeleton_of_what_is_unexplained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_conformance.py").write_text(
        """
from crossdock import Ignore
from crossdock.testing.conformance import Features, Sample, Subject
from crossdock.testing.coverage import Coverage

def translate(raw):
    raise Ignore("nothing")

SAMPLE = Sample(topic="t", data=b'{"a": 1, "b": {"c": 2, "d": 3}}')
COVERAGE = Coverage(name="items", samples=[SAMPLE], translate=translate)
SUBJECT = Subject(connector="toy", features=Features(), coverage=[COVERAGE])
"""
    )
    assert main(["--skeleton", str(tmp_path)]) == 1
    assert capsys.readouterr().out == 'items\n{\n    "/a": "",\n    "/b/**": ""\n}\n'


def test_a_tier_that_is_written_by_hand_is_refused(tmp_path: Path) -> None:
    (tmp_path / "src/toy").mkdir(parents=True)
    (tmp_path / "src/toy/__init__.py").touch()
    subject = replace(toybox.subject(), home=tmp_path)
    states = {one.id: "passed" for one in conformance.chosen(subject.features)}
    gap = {**states, "apply.changes-the-vendor": "gap"}
    file = tmp_path / "src/toy/quality.yaml"
    file.write_text(Quality("toy", gap, {}).dump())
    assert "\ntier: none\n" in file.read_text()
    test = conformance.conformance(subject)
    check = CHECKS["plugin.is-found"]
    test(check)
    file.write_text(file.read_text().replace("tier: none", "tier: platinum"))
    with pytest.raises(pytest.fail.Exception, match=r"claims tier platinum; .* follows none"):
        test(check)


def test_nothing_follows_from_some_checks_alone() -> None:
    quality, _ = conformance.examine(toybox.subject(), ["plugin.is-found"])
    assert quality.states == {"plugin.is-found": "passed"}
    assert quality.tier is None


def test_a_pattern_stands_for_all_below_where_nothing_is_explained() -> None:
    left = ["/a/b/c", "/a/b/d", "/a/e", "/f/g", "/h/*/i", "/h/*/j"]
    assert grouped(left, ["/a/x", "/f/k"]) == ["/a/b/**", "/a/e", "/f/g", "/h/**"]


def test_a_reader_who_goes_ends_a_command_without_a_traceback() -> None:
    done = subprocess.run(
        f"{sys.executable} -m crossdock.testing.conformance --list | head -1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
