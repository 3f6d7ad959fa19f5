"""The table of refusals: every row is a promise that can be kept."""

import string

import msgspec
import pytest

from isthmus.core.errors import TABLE, Refusal


@pytest.mark.parametrize("code", TABLE)
def test_every_row_speaks_in_whole_sentences_and_never_shows_a_gap_as_a_traceback(code):
    said = Refusal(code).sentence()
    assert said
    assert "{" not in said
    assert TABLE[code].status in range(400, 600)
    assert TABLE[code].exit in range(1, 8)


@pytest.mark.parametrize("code", TABLE)
def test_every_gap_of_a_message_is_a_plain_name(code):
    gaps = [name for _, name, spec, _ in string.Formatter().parse(TABLE[code].message) if name is not None]
    assert all(name.isidentifier() for name in gaps)


def test_fields_fill_the_sentence():
    refusal = Refusal("unknown_region", region="XX", known="CN, EU")
    assert refusal.sentence() == "Region XX is not known. Known: CN, EU."
    assert refusal.row is TABLE["unknown_region"]


def test_a_field_that_is_missing_shows_as_a_dash():
    assert Refusal("unknown_region", region="XX").sentence() == "Region XX is not known. Known: -."


def test_a_field_named_like_an_argument_of_the_class_still_fills():
    assert "limit 5" in Refusal("rate_limited", limit="limit 5", code="x", retry_after=1).sentence()


def test_the_body_has_the_shape_that_openai_clients_read():
    assert Refusal("bad_field", field="n", reason="one at a time").body() == {
        "error": {
            "message": "Field n is not acceptable: one at a time.",
            "type": "invalid_request_error",
            "param": "n",
            "code": "bad_field",
        }
    }


def test_what_is_extra_stands_under_its_own_name():
    refusal = Refusal("consent_required", extra={"sheet": {"title": "t"}}, reason="r")
    assert msgspec.json.decode(refusal.encode())["error"]["isthmus"] == {"sheet": {"title": "t"}}


def test_a_code_that_is_not_in_the_table_has_no_sentence():
    with pytest.raises(KeyError):
        Refusal("made_up").sentence()


def test_the_exception_itself_says_the_code_and_none_of_the_fields():
    assert str(Refusal("bad_field", field="secret")) == "bad_field"
