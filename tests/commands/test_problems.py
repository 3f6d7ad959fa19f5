"""Each likely misconfiguration is made for real, found, and worded with what to do."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from isthmus.commands import _problems
from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.device.engine import free_port
from isthmus.ledger import checkpoint
from isthmus.ledger.segments import Ledger
from isthmus.node import prepare
from isthmus.partners import load as partner_files

PARTNERS = partner_files.load()


@pytest.fixture
def house(tmp_path):
    config = Config(home=tmp_path / "home", port=free_port(), admin_port=free_port())
    prepare(config, SystemClock())
    return config


def codes(config, environ=(), **more):
    found = _problems.find(config, dict(environ), PARTNERS, running=False)
    assert all(problem.what and problem.mend for problem in found)
    return [problem.code for problem in found if problem.code not in ("disk_full", "few_files", "many_workers")]


def with_(config, **fields):
    import msgspec

    return msgspec.structs.replace(config, **fields)


def certificate(folder, days, other_key=False):
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=400)).not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    shown = other if other_key else key
    private = shown.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return {"tls_cert": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}


def test_a_fresh_house_has_no_misconfiguration(house):
    assert codes(house) == []


def test_a_home_that_others_can_read_is_found(house):
    house.home.chmod(0o755)
    (house.home / "accounts.pepper").chmod(0o644)
    assert codes(house) == ["home_open", "secret_open"] or set(codes(house)) >= {"home_open", "secret_open"}


def test_an_operator_file_that_cannot_be_read_stops(house):
    house.operator.write_text("mode = ")
    assert codes(house) == ["operator_unreadable"]


def test_a_port_that_is_taken_is_found_before_the_start(house):
    with socket.create_server(("127.0.0.1", house.port)):
        assert codes(house) == ["port_taken"]


@pytest.mark.parametrize(
    ("value", "code"),
    [("", "key_empty"), ("  ", "key_empty"), ('"sk-1"', "key_malformed"), ("sk-1\n", "key_malformed"),
     ("Bearer sk-1", "key_malformed")],
)  # fmt: skip
def test_a_partners_key_that_is_not_the_bare_key_is_found_and_not_repeated(house, value, code):
    found = _problems.find(house, {"ARK_API_KEY": value}, PARTNERS, running=False)
    assert code in [problem.code for problem in found]
    assert "sk-1" not in str(found)


def test_a_misspelt_setting_is_found_and_the_right_one_named(house):
    found = _problems.find(house, {"ISTHMUS_WORKER": "4"}, PARTNERS, running=False)
    said = next(problem for problem in found if problem.code == "setting_unknown")
    assert "ISTHMUS_WORKERS" in said.mend


def test_every_setting_that_the_documentation_lists_is_known(house):
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "operating.md").read_text("utf-8")
    listed = {word.split("`")[0] for word in text.split("`ISTHMUS_")[1:]}
    assert {word for word in listed if word.isidentifier()} <= set(_problems.SETTINGS)


def test_listening_beyond_this_machine_without_tls_is_found(house):
    assert codes(with_(house, host="0.0.0.0", admin_host="::")) == ["gateway_in_the_clear", "console_in_the_clear"]


def test_a_certificate_that_ended_or_ends_soon_is_found(house, tmp_path):
    assert codes(with_(house, **certificate(tmp_path, 90))) == []
    assert codes(with_(house, **certificate(tmp_path, 7))) == ["tls_ends"]
    assert codes(with_(house, **certificate(tmp_path, -2))) == ["tls_ends"]


def test_a_key_that_is_not_the_certificates_is_found(house, tmp_path):
    assert codes(with_(house, **certificate(tmp_path, 90, other_key=True))) == ["tls_mismatch"]
    (tmp_path / "key.pem").write_text("none")
    assert codes(with_(house, tls_cert=str(tmp_path / "cert.pem"), tls_key=str(tmp_path / "key.pem"))) == [
        "tls_unreadable"
    ]
    assert codes(with_(house, tls_cert=str(tmp_path / "cert.pem"))) == ["tls_half"]


def test_a_clock_that_went_back_is_found(house):
    ledger = Ledger.open(house.ledger, "w0", SystemClock())
    ledger.close()
    signer = checkpoint.signer(house.ledger)
    ahead = SystemClock().epoch_ms() + 3_600_000
    note = signer.sign(signer.node, 1, root=bytes(32), chain=bytes(32), at=ahead, previous=checkpoint.NONE).note
    (house.ledger / "CHECKPOINT").write_bytes(note)
    assert codes(house) == ["clock_back"]


def test_a_database_address_that_is_none_is_found(house):
    house.accounts.with_suffix(".url").write_text("db.example:5432")
    assert codes(house) == ["database_url"]


def test_a_staged_law_that_cannot_be_read_is_found(house):
    (house.home / "regions" / "0123456789ab").mkdir(parents=True)
    (house.home / "regions" / "0123456789ab" / "sg.toml").write_text("id = ")
    assert codes(house) == ["law_unreadable"]


def test_more_workers_than_cores_are_found(house):
    found = _problems.find(with_(house, workers=4096), {}, PARTNERS, running=False)
    assert "many_workers" in [problem.code for problem in found]


def test_what_stops_the_house_is_told_first(house):
    house.operator.write_text("mode = ")
    found = _problems.find(house, {"ISTHMUS_X": "1"}, PARTNERS, running=False)
    assert [problem.stops for problem in found] == sorted((problem.stops for problem in found), reverse=True)


@pytest.mark.parametrize(
    ("url", "code"), [("http://host:6379", "leases_url"), ("valkey://127.0.0.1:1/0", "leases_down")]
)
def test_a_store_of_leases_that_is_none_or_is_away_is_found(house, url, code):
    (house.home / "leases.url").write_text(url)
    assert codes(house) == [code]


def test_a_store_of_leases_that_forgets_is_found_and_one_that_does_not_is_fine(house, valkey, tmp_path_factory):
    import servers

    (house.home / "leases.url").write_text(valkey.new())
    assert codes(house) == []
    with servers.running(servers.Valkey, durable=False) as forgetful:
        (house.home / "leases.url").write_text(forgetful.new())
        assert codes(house) == ["leases_unfit"]


def test_a_disk_that_will_be_full_soon_is_found(house, monkeypatch):
    log = house.ledger / "shards" / "w0"
    log.mkdir(parents=True)
    (log / f"{0:020d}.seg").write_bytes(bytes(3 << 20))
    assert _problems.grown(house.ledger, datetime.now(UTC)) == 3 << 20
    assert codes(house) == []
    monkeypatch.setattr(_problems, "FREE_BYTES", 0)
    monkeypatch.setattr(_problems, "ENOUGH_DAYS", 1 << 40)
    assert codes(house) == ["disk_soon"]
