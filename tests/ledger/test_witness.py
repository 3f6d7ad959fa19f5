import http.server
import threading
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from isthmus.core.errors import Refusal
from isthmus.ledger import checkpoint, witness
from isthmus.ledger.logs import Logs
from isthmus.ledger.witness import Witness


class Node:
    """A ledger that a test lets grow; each `grow` adds entries and a checkpoint of the node."""

    def __init__(self, folder, clock, make):
        self.folder, self.clock, self.make, self.count = folder, clock, make, 0

    def grow(self, steps=1):
        logs = Logs(self.folder, "w0", checkpoint.signer(self.folder), self.clock)
        for _ in range(steps):
            self.count += 1
            logs.commit([self.make(f"w0-1-{self.count}")])
            logs.sign()
        logs.close()
        return checkpoint.read((self.folder / "CHECKPOINT").read_bytes())


@pytest.fixture
def node(tmp_path, clock, make):
    return Node(tmp_path / "node", clock, make)


@pytest.fixture
def other(tmp_path, clock, node):
    """A witness that knows the node."""
    node.grow()
    made = Witness(tmp_path / "witness", clock)
    (tmp_path / "witness" / "witness" / "known").write_bytes((node.folder / "node.pub").read_bytes() + b"\n")
    return made


@pytest.fixture
def url(other):
    """The witness as a server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = other.add(body) if self.path == "/w/add-checkpoint" else witness.Answer(404, "text/plain", b"")
            self.send_response(answer.status)
            self.send_header("content-type", answer.media)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *words):
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/w"
        server.shutdown()
        thread.join()


def test_a_witness_signs_what_continues_what_it_saw(node, other, tmp_path, clock):
    seen = 0
    for steps in (1, 3, 1, 7):
        current = node.grow(steps)
        answer = other.add(witness.request(node.folder, seen, current))
        assert answer.status == 200
        seen = current.size
        name, public = checkpoint.public_key(tmp_path / "witness")
        line = answer.body.decode().split(" ")
        stamp = b64decode(line[2])
        assert (line[0], line[1]) == ("—", name)
        assert stamp[:4] == checkpoint.key_id(name, public, b"\x04")
        at = int.from_bytes(stamp[4:12], "big")
        assert at == clock.epoch_ms() // 1000
        body = current.note[: current.note.index(b"\n\n") + 1]
        Ed25519PublicKey.from_public_bytes(public).verify(stamp[12:], b"cosignature/v1\ntime %d\n" % at + body)


def test_the_same_checkpoint_may_be_shown_again(node, other):
    current = node.grow()
    assert other.add(witness.request(node.folder, 0, current)).status == 200
    assert other.add(witness.request(node.folder, current.size, current)).status == 200


def test_a_wrong_old_size_is_answered_with_the_right_one(node, other):
    current = node.grow()
    other.add(witness.request(node.folder, 0, current))
    answer = other.add(witness.request(node.folder, 0, current))
    assert (answer.status, answer.media, answer.body) == (409, "text/x.tlog.size", b"%d\n" % current.size)


def test_a_log_whose_past_was_changed_is_not_signed(node, other, make):
    first = node.grow(3)
    other.add(witness.request(node.folder, 0, first))
    current = node.grow(2)
    body = witness.request(node.folder, first.size, current)
    forged = body.replace(body.split(b"\n")[1], b"A" * 43 + b"=")
    assert other.add(forged).status == 422
    assert other.add(body).status == 200


def test_strangers_and_forgers_are_turned_away(node, other, tmp_path, clock, make):
    current = node.grow()
    stranger = Node(tmp_path / "stranger", clock, make)
    assert other.add(witness.request(stranger.folder, 0, stranger.grow())).status == 404
    body = witness.request(node.folder, 0, current)
    assert other.add(body.replace(b"\n%d\n" % current.size, b"\n%d\n" % (current.size + 1), 1)).status == 403


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old x\n\n",
        b"old 1\nAAAA\n\nnote",
        b"old -1\n\n",
        b"new 1\n\n",
        b"old 0\n" + b"A\n" * 70 + b"\n",
        b"\xff\n\n",
        b"x" * 70_000,
    ],
)
def test_what_is_no_request_is_told(other, body):
    assert other.add(body).status == 400


def test_an_old_size_above_the_new_one_is_told(node, other):
    current = node.grow()
    assert other.add(b"old %d\n\n" % (current.size + 1) + current.note).status == 400


def test_a_witness_is_shown_a_checkpoint_and_its_signature_is_kept(node, url):
    for steps in (1, 4):
        node.grow(steps)
        witness.show(node.folder, url)
    kept = (node.folder / "cosigned").read_bytes()
    assert kept.count("— isthmus/".encode()) == 4


def test_a_node_that_forgot_entries_hears_it_from_its_witness(node, url, tmp_path, clock, make):
    node.grow(5)
    witness.show(node.folder, url)
    key, public = (node.folder / "node.key").read_bytes(), (node.folder / "node.pub").read_bytes()
    for count, words in ((2, "there are fewer"), (9, "its past was changed")):
        again = Node(tmp_path / f"again{count}", clock, make)
        again.folder.mkdir()
        (again.folder / "node.key").write_bytes(key)
        (again.folder / "node.pub").write_bytes(public)
        clock.advance(60)
        again.grow(count)
        with pytest.raises(Refusal) as refusal:
            witness.show(again.folder, url)
        assert refusal.value.code == "data_damaged"
        assert words in refusal.value.sentence()


def test_a_witness_that_does_not_take_it_or_does_not_answer_is_told(node, url):
    node.grow()
    for wrong, code in (
        (url + "/elsewhere", "usage"),
        ("http://127.0.0.1:1/", "upstream_unavailable"),
        ("ftp://example.org/", "usage"),
        ("https:///", "usage"),
    ):
        with pytest.raises(Refusal) as refusal:
            witness.show(node.folder, wrong)
        assert refusal.value.code == code


def test_a_file_keeps_every_checkpoint_that_continues_the_last(node, tmp_path):
    file = tmp_path / "kept"
    notes = []
    for steps in (1, 2, 3):
        notes.append(node.grow(steps).note)
        witness.keep(node.folder, file)
        witness.keep(node.folder, file)
    assert checkpoint.split(file.read_bytes())[0] == notes


def test_a_file_shows_that_the_past_was_changed(node, tmp_path, clock, make):
    file = tmp_path / "kept"
    node.grow(3)
    witness.keep(node.folder, file)
    other = Node(tmp_path / "other", clock, make)
    other.grow(5)
    before = file.read_bytes()
    with pytest.raises(Refusal, match="data_damaged"):
        witness.keep(other.folder, file)
    assert file.read_bytes() == before


def test_what_cannot_be_kept_is_told(node, tmp_path):
    with pytest.raises(Refusal, match="usage"):
        witness.keep(node.folder, tmp_path / "kept")
    node.grow()
    (tmp_path / "folder").mkdir()
    with pytest.raises(Refusal, match="usage"):
        witness.keep(node.folder, tmp_path / "folder")
    (tmp_path / "kept").write_bytes(b"something\n\nelse\n")
    with pytest.raises(Refusal, match="usage"):
        witness.keep(node.folder, tmp_path / "kept")
    (node.folder / "CHECKPOINT").write_bytes(b"?")
    with pytest.raises(Refusal, match="data_damaged"):
        witness.keep(node.folder, tmp_path / "other")
