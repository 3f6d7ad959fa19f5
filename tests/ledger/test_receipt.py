import msgspec
import pytest

from isthmus.core.exchange import Attempt
from isthmus.core.wire import Usage
from isthmus.ledger.receipt import SCHEMA, ActReceipt, ConsentReceipt, Receipt, Retired, decode, encode


def test_an_entry_comes_back_as_it_went(make):
    receipt = make(
        "w0-1-1",
        attempts=[Attempt("doubao/x", "answered", "", 1200)],
        masks={"phone": 2},
        met=["CN.label"],
        usage=Usage(3, 4, 7),
    )
    assert decode(encode(receipt)) == receipt


def test_the_kind_says_which_entry_it_is(make):
    consent = ConsentReceipt(
        "c-1-1", 1, "given", "cns_1", "acme", "separate", "doubao", "CN", "*", "always", "zh-CN", "ab"
    )
    retired = Retired("w0-1-9", 1, 300, "00" * 32, 30)
    act = ActReceipt("admin-1-1", 1, "p1", "owner", "keys.change POST", "k1", 201, "ab")
    kinds = [msgspec.json.decode(encode(entry))["kind"] for entry in (make("w0-1-1"), consent, retired, act)]
    assert kinds == ["answer", "consent", "retired", "act"]
    assert decode(encode(act)) == act
    assert decode(encode(consent)) == consent
    assert decode(encode(retired)) == retired


def test_an_older_reader_ignores_fields_it_does_not_know(make):
    later = msgspec.json.decode(encode(make("w0-1-1"))) | {"v": SCHEMA + 1, "invented_later": [1]}
    assert decode(msgspec.json.encode(later)).id == "w0-1-1"


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"kind":"answer"}', b'{"kind":"other","id":"x"}', b"\xff"])
def test_what_is_no_entry_is_refused(payload):
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)):
        decode(payload)


def test_no_field_of_a_receipt_can_hold_a_text_of_the_exchange():
    withheld = {"ask", "in_text", "rewritten", "held", "messages", "text", "prompt", "answer"}
    assert withheld.isdisjoint(Receipt.__struct_fields__)
