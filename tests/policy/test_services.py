"""Moderation services: their files, against a scripted stand-in that speaks HTTP on this machine.

The real services cannot be reached here; the stand-in answers what their public documents show, and nothing more.
"""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import msgspec
import pytest

from isthmus.core.errors import Refusal
from isthmus.policy import services
from isthmus.policy.judge import JudgeError, Verdict

KEYS = {
    "OPENAI_API_KEY": "k1", "ALIBABA_CLOUD_ACCESS_KEY_ID": "a", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s",
    "VOLC_ACCESSKEY": "v", "VOLC_SECRETKEY": "w", "VOLC_TEXT_APP_ID": "77", "VOLC_TEXT_BIZTYPE": "chat",
}  # fmt: skip


class StandIn(ThreadingHTTPServer):
    """A scripted service: it keeps what it was sent, and answers `said` with `status`."""

    def __init__(self):
        self.seen = []
        self.said = b"{}"
        self.status = 200

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                self.server.seen.append((self.path, dict(self.headers), body))
                self.send_response(self.server.status)
                self.send_header("content-length", str(len(self.server.said)))
                self.end_headers()
                self.wfile.write(self.server.said)

            def log_message(self, *args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def stand_in():
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def remote(stand_in, tmp_path):
    """remote(name): the packaged service, at the stand-in's address."""

    def make(name):
        path = services.FOLDER / f"{name}.toml"
        service = services.read(path)
        own = msgspec.structs.replace(service, url=f"http://127.0.0.1:{stand_in.server_port}/")
        return services.Remote(own, KEYS)

    return make


def judged(remote, *texts):
    return asyncio.run(remote.judge(list(texts)))


def test_openai_is_asked_with_its_key_and_its_categories_are_ours(stand_in, remote):
    stand_in.said = json.dumps(
        {
            "id": "m",
            "results": [{"flagged": True, "categories": {"hate/threatening": True, "sexual": True, "violence": False}}],
        }
    ).encode()
    assert judged(remote("openai"), "one", "two") == [Verdict("hate", "block"), Verdict("sexual", "flag")]
    ((_, headers, body),) = stand_in.seen
    assert headers["authorization"] == "Bearer k1"
    assert json.loads(body) == {"model": "omni-moderation-latest", "input": "one\ntwo"}


def test_aliyun_is_asked_signed_and_in_pieces_of_two_thousand_characters(stand_in, remote):
    result = [{"Label": "political_figure", "Confidence": 92.5}, {"Label": "sexual_terms", "Confidence": 12.0}]
    stand_in.said = json.dumps({"Code": 200, "Data": {"Result": result[1:]}, "Message": "OK"}).encode()
    assert judged(remote("aliyun"), "好" * 4500) == []
    assert len(stand_in.seen) == 3
    _, headers, body = stand_in.seen[0]
    assert headers["x-acs-action"] == "TextModerationPlus"
    assert headers["authorization"].startswith("ACS3-HMAC-SHA256 Credential=a,SignedHeaders=content-type;host;")
    form = parse_qs(body.decode())
    assert form["Service"] == ["llm_query_moderation"]
    assert json.loads(form["ServiceParameters"][0]) == {"content": "好" * 2000}
    stand_in.said = json.dumps({"Code": 200, "Data": {"Result": result}}).encode()
    assert judged(remote("aliyun"), "x") == [Verdict("politics", "block")]
    stand_in.said = json.dumps({"Code": 200, "Data": {"Result": [{"Label": "nonLabel"}]}}).encode()
    assert judged(remote("aliyun"), "x") == []


def test_an_answer_is_sent_to_the_service_for_answers(stand_in, remote):
    stand_in.said = json.dumps({"Code": 200, "Data": {"Result": []}}).encode()
    one = remote("aliyun")
    for answer in (False, True):
        asyncio.run(one.judge(["x"], answer=answer))
    sent = [parse_qs(body.decode()) for _, _, body in stand_in.seen]
    assert [form["Service"] for form in sent] == [["llm_query_moderation"], ["llm_response_moderation"]]
    assert sent[0]["ServiceParameters"] == sent[1]["ServiceParameters"]


def test_what_one_call_for_a_long_text_cuts_the_next_one_shows(stand_in, remote):
    stand_in.said = json.dumps({"Code": 200, "Data": {"Result": []}}).encode()
    judged(remote("aliyun"), "x" * 1995 + "poison the well" + "y" * 1990)
    sent = [parse_qs(body.decode())["ServiceParameters"][0] for _, _, body in stand_in.seen]
    texts = [json.loads(parameters)["content"] for parameters in sent]
    assert [len(text) for text in texts] == [2000, 2000, 200]
    assert "poison the well" not in texts[0]
    assert "poison the well" in texts[1]
    stand_in.seen.clear()
    judged(remote("aliyun"), "x" * 2000)
    judged(remote("aliyun"), "")
    assert len(stand_in.seen) == 1


def test_a_service_says_where_it_reads_and_one_on_this_machine_need_not(remote):
    assert (remote("aliyun").places, remote("openai").places, remote("volcengine").places) == (
        ("CN",),
        ("US",),
        ("CN",),
    )
    service = msgspec.structs.replace(remote("openai")._service, places=())
    assert services.Remote(service, KEYS).places is None
    assert services.Remote(msgspec.structs.replace(service, url="https://a.example/"), KEYS).places == ()


def test_after_a_verdict_to_block_no_further_piece_is_sent(stand_in, remote):
    stand_in.said = json.dumps(
        {"Code": 200, "Data": {"Result": [{"Label": "violent_weapons", "Confidence": 99}]}}
    ).encode()
    assert judged(remote("aliyun"), "x" * 6000) == [Verdict("violence", "block")]
    assert len(stand_in.seen) == 1


def test_volcengine_is_asked_signed_and_only_its_word_block_counts(stand_in, remote):
    labels = [{"Label": "101", "Decision": "BLOCK"}, {"Label": "102", "Decision": "PASS"}]
    data = {"Decision": "BLOCK", "Results": [{"RiskText": "x", "Labels": labels}]}
    stand_in.said = json.dumps({"Result": {"Code": 0, "Data": data}}).encode()
    assert judged(remote("volcengine"), "x") == [Verdict("risk", "block")]
    path, headers, body = stand_in.seen[0]
    assert path == "/?Action=TextSliceRisk&Version=2022-11-07"
    assert "/cn-north-1/BusinessSecurity/request" in headers["authorization"]
    sent = json.loads(body)
    assert (sent["AppId"], sent["Service"]) == (77, "text_risk")
    inner = json.loads(sent["Parameters"])
    assert (inner["biztype"], inner["text"]) == ("chat", "x")
    assert isinstance(inner["operate_time"], int)
    stand_in.said = json.dumps({"Result": {"Code": 0, "Data": {"Results": None}}}).encode()
    assert judged(remote("volcengine"), "x") == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("openai", b"no json"), ("openai", b"{}"), ("openai", b'{"results": [{"categories": 1}]}'), ("openai", b"\xff"),
     ("aliyun", b'{"Code": 408}'), ("aliyun", b'{"Code": 200, "Data": {"Result": [{"Label": 1}]}}'), ("aliyun", b"[]"),
     ("volcengine", b'{"Result": {"Code": 1}}')],
)  # fmt: skip
def test_an_answer_that_is_not_the_services_own_is_no_verdict(name, said, stand_in, remote):
    stand_in.said = said
    with pytest.raises(JudgeError):
        judged(remote(name), "x")


def test_a_status_that_is_no_200_is_a_failure(stand_in, remote):
    stand_in.status = 429
    with pytest.raises(JudgeError):
        judged(remote("openai"), "x")


def test_an_address_where_nobody_is_is_a_failure(stand_in, remote):
    gone = remote("openai")
    stand_in.shutdown()
    stand_in.server_close()
    with pytest.raises(JudgeError):
        judged(gone, "x")


def test_a_label_nobody_knows_is_told(remote):
    one = remote("aliyun")
    said = json.dumps({"Code": 200, "Data": {"Result": [{"Label": "brand_new", "Confidence": 80}]}}).encode()
    assert one.verdicts(said) == [Verdict("other", "flag")]
    quiet = services.Remote(msgspec.structs.replace(one._service, unknown="pass"), KEYS)
    assert quiet.verdicts(said) == []


def test_an_operators_own_file_counts_before_the_packaged_one(tmp_path):
    (tmp_path / "services").mkdir()
    text = (services.FOLDER / "openai.toml").read_text("utf-8").replace("api.openai.com", "eu.api.example")
    (tmp_path / "services" / "openai.toml").write_text(text, "utf-8")
    headers, _, _ = services.load(tmp_path, "openai", KEYS).request("x", datetime.now(UTC))
    assert headers["authorization"] == "Bearer k1"
    assert services.load(tmp_path, "openai", KEYS)._host == "eu.api.example"


@pytest.mark.parametrize("name", [path.stem for path in sorted(services.FOLDER.glob("*.toml"))])
def test_without_its_keys_a_service_is_refused_by_their_names(name, tmp_path):
    with pytest.raises(Refusal) as refused:
        services.load(tmp_path, name, {})
    assert all(key in refused.value.sentence() for key in services.read(services.FOLDER / f"{name}.toml").keys)


@pytest.mark.parametrize(
    "change",
    [("https://api.openai.com", "http://api.openai.com"), ("bearer", "basic"), ("title", "titel"), ('"US"', '"Mars"')],
)
def test_a_file_that_cannot_be_meant_is_refused(change, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text((services.FOLDER / "openai.toml").read_text("utf-8").replace(*change), "utf-8")
    with pytest.raises(Refusal):
        services.read(path)
