"""What the caller's headers ask for: only among what its key allows, and never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.decision import AGES, DATA, EVENTS, FEATURE_ALIASES, FEATURES, Question
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller, Exchange
from isthmus.gateway.asked import Asked, Standing
from isthmus.gateway.head import parse_head

CALLER = Caller("k", "t", ("CN", "EU"), "CN", age="16-17")
KNOWN = ("CN", "EU", "US-CA")


def read(**headers):
    """The exchange and what was asked, for headers whose underscores are hyphens."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    standing = Standing(CALLER, 0)
    asked = standing.read(parse_head(f"GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n".encode("latin-1")))
    ex = Exchange("r", CALLER, 0.0)
    standing.lend(ex)
    return ex, asked


def question(**headers):
    return read(**headers)[1].question(KNOWN)


def refused(**headers):
    with pytest.raises(Refusal) as caught:
        question(**headers)
    return caught.value.code, caught.value.fields


def test_without_headers_the_keys_own_region_and_age_count():
    assert question() == Question(("CN",), feature="assistant", event="answer", age="16-17", data="personal")


def test_every_header_that_decides_is_read():
    asked = question(
        isthmus_region="EU", Isthmus_Feature="translate", isthmus_age="40", isthmus_data="none", isthmus_event="export"
    )
    assert asked == Question(("EU",), feature="translate", event="export", age="adult", data="none")


def test_what_does_not_decide_goes_to_the_exchange():
    ex, _ = read(
        isthmus_consent="c1, c2", isthmus_subject="person-7", isthmus_label="metadata", Accept_Language="de-CH, en"
    )
    assert (ex.consent_id, ex.subject, ex.label_at, ex.language) == ("c1, c2", "person-7", "metadata", "de-CH, en")


def test_a_label_near_the_content_is_the_rule_and_needs_no_word():
    assert read(isthmus_label="content")[0].label_at == ""


def test_a_caller_may_want_each_event_at_once():
    assert read(isthmus_latency="low")[0].low_latency
    assert not read(isthmus_latency="normal")[0].low_latency
    assert refused(isthmus_latency="none")[0] == "bad_header"


def test_a_language_is_kept_short():
    assert len(read(Accept_Language="de, " * 50)[0].language) == 35


@pytest.mark.parametrize("words", ["CN,EU", "CN EU", " CN ,  EU "])
def test_two_regions_bind_together(words):
    assert question(isthmus_region=words).regions == ("CN", "EU")


@pytest.mark.parametrize(("word", "feature"), FEATURE_ALIASES.items())
def test_a_feature_may_be_called_by_its_other_name(word, feature):
    assert question(isthmus_feature=word).feature == feature


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"isthmus_feature": "mind-reading"}, "isthmus-feature"),
        ({"isthmus_data": "secret"}, "isthmus-data"),
        ({"isthmus_event": "party"}, "isthmus-event"),
        ({"isthmus_age": "young"}, "isthmus-age"),
        ({"isthmus_age": "-1"}, "isthmus-age"),
        ({"isthmus_label": "somewhere"}, "isthmus-label"),
        ({"isthmus_wish": "x"}, "isthmus-wish"),
        ({"isthmus_subject": "x" * 513}, "isthmus-subject"),
        ({"isthmus_consent": "\xe9"}, "isthmus-consent"),
        ({"Accept_Language": "\xe9"}, "accept-language"),
    ],
)
def test_a_word_nobody_knows_is_refused_by_its_header(headers, field):
    code, fields = refused(**headers)
    assert (code, fields["field"]) == ("bad_header", field)


def test_a_strange_header_name_is_not_repeated():
    assert refused(**{"isthmus-" + "a" * 40: "x"})[1]["field"] == "-"


def test_a_region_nobody_knows_and_one_that_the_key_does_not_serve_are_told_apart():
    assert refused(isthmus_region="XX") == ("unknown_region", {"region": "XX", "known": "CN, EU, US-CA"})
    assert refused(isthmus_region="US-CA") == ("region_not_allowed", {"region": "US-CA", "known": "CN, EU"})
    assert refused(isthmus_region="CN US-CA")[0] == "region_not_allowed"


def test_a_region_that_is_no_word_is_not_repeated():
    assert refused(isthmus_region="<script>")[1]["region"] == "-"
    assert refused(isthmus_region="X" * 33)[1]["region"] == "-"


def test_equal_words_are_one_key_of_the_memory_and_different_keys_never_share():
    assert read()[1] == read()[1]
    other = Asked(("EU",), *read()[1][1:])
    assert other != read()[1]


words = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)


@given(region=words, feature=words, age=words | st.sampled_from(AGES), data=words, event=words)
def test_whatever_is_written_either_a_lawful_question_or_an_enumerated_refusal_comes_out(
    region, feature, age, data, event
):
    asked = Asked(CALLER.regions, region, feature, age, data, event)
    try:
        made = asked.question(KNOWN)
    except Refusal as refusal:
        made, code = None, refusal.code
    if made is None:
        assert code in ("bad_header", "unknown_region", "region_not_allowed")
    else:
        assert set(made.regions) <= set(CALLER.regions)
        assert (made.feature in FEATURES, made.age in AGES, made.data in DATA, made.event in EVENTS) == (True,) * 4


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        'application/json;charset="UTF-8"',
        "application/vnd.x+json",
    ],
)
def test_json_may_say_that_it_is_json(kind):
    assert question(content_type=kind) == question()


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/json; charset=latin-1"},
        {"content_encoding": "gzip"},
    ],
)
def test_anything_but_plain_json_is_not_read(headers):
    assert refused(**headers)[0] == "unsupported_media"
