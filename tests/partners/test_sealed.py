from hypothesis import given
from hypothesis import strategies as st

from isthmus.partners.sealed import seal, unseal

PARTS = [{"n": 3, "signature": "c2ln+/="}, {"data": "会"}]


def test_what_was_sealed_is_opened_by_its_own_dialect_and_by_no_other():
    assert unseal("anthropic", seal("anthropic", PARTS)) == PARTS
    assert unseal("gemini", seal("anthropic", PARTS)) == []


def test_seals_one_behind_the_other_are_one():
    assert unseal("a", seal("a", PARTS[:1]) + seal("a", PARTS[1:])) == PARTS
    assert unseal("a", seal("b", PARTS[:1]) + seal("a", PARTS[1:])) == PARTS[1:]


@given(st.none() | st.integers() | st.text() | st.text(alphabet="a.:=bZ9"))
def test_whatever_a_caller_sends_in_its_place_opens_nothing(text):
    assert unseal("zz", text) == []


def test_a_seal_that_was_cut_opens_nothing():
    assert unseal("a", seal("a", PARTS)[:-6]) == []
