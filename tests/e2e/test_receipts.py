"""An answer's receipt, and the proof that it is in the ledger, checked by a verifier that knows only RFC 9162."""

import importlib.util
import threading
from base64 import b64decode
from pathlib import Path

import httpx

from isthmus.core.clock import SystemClock

_spec = importlib.util.spec_from_file_location("rfc9162", Path(__file__).parents[1] / "ledger" / "rfc9162.py")
rfc = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rfc)


def get(place, path, key=None):
    return httpx.get(f"{place.base_url}{path}", headers={"Authorization": f"Bearer {key or place.key}"}, timeout=30)


def proven(place, receipt, seconds=20.0):
    """The proof, once a checkpoint (one each second) covers the receipt."""
    clock, pause = SystemClock(), threading.Event()
    end = clock.monotonic() + seconds
    while True:
        answer = get(place, f"/receipts/{receipt}/proof")
        if answer.status_code == 200 or clock.monotonic() > end:
            return answer.json()
        pause.wait(0.1)


def test_the_receipt_of_an_answer_is_proven_to_be_in_the_ledger(scripted):
    receipt = scripted.ask("hi").json()["isthmus"]["receipt"]
    step = (made := proven(scripted, receipt))["shard"]
    assert f'"id":"{receipt}"' in made["payload"]
    leaf = rfc.leaf_hash(bytes.fromhex(step["chain"]) + made["payload"].encode())
    lines = step["checkpoint"].split("\n")
    path = [bytes.fromhex(each) for each in step["path"]]
    assert rfc.verify_inclusion(leaf, step["number"], int(lines[1]), path, b64decode(lines[2]))


def test_a_receipt_of_another_tenant_is_not_found(scripted):
    receipt = scripted.ask("hi").json()["isthmus"]["receipt"]
    accounts = scripted.accounts()
    _, stranger = accounts.create_key("somebody-else", ("CN",), "CN")
    accounts.close()
    assert get(scripted, f"/receipts/{receipt}").json()["id"] == receipt
    for path in (f"/receipts/{receipt}", f"/receipts/{receipt}/proof"):
        assert get(scripted, path, stranger).json()["error"]["code"] == "not_found"


def test_giving_and_withdrawing_a_consent_leave_receipts_without_the_person(scripted):
    given = {"kind": "guardian", "region": "CN", "scope": "always", "subject": "child-4711"}
    consent = scripted.post(given, path="/v1/consents").json()["id"]
    headers = {"Authorization": f"Bearer {scripted.key}"}
    assert httpx.delete(f"{scripted.base_url}/consents/{consent}", headers=headers).json()["withdrawn"]
    get(scripted, "/receipts/none")  # waits until everything is on disk
    raw = b"".join(path.read_bytes() for path in (scripted.home / "ledger").rglob("*.seg"))
    assert raw.count(consent.encode()) == 2
    assert b"child-4711" not in raw
