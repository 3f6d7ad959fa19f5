"""Content credentials, with a certificate made for the test, read back by c2pa-python's own reader."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import c2pa as library
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from isthmus.core.errors import Refusal
from isthmus.export import c2pa, containers, label
from isthmus.export.label import Key

PEM = serialization.Encoding.PEM


def certificate(subject, key, issuer, signed_by, *, authority):
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_by.public_key()), critical=False)
    )
    if not authority:
        mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(mail, critical=True)
    return builder.sign(signed_by, hashes.SHA256())


def pem(key):
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@pytest.fixture(scope="module")
def chain():
    """A certificate chain and its key, in PEM."""
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    above = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, "Root")]
    )
    below = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, "Leaf")]
    )
    made = (
        certificate(below, leaf, above, root, authority=False),
        certificate(above, root, above, root, authority=True),
    )
    return b"".join(each.public_bytes(PEM) for each in made), pem(leaf)


def manifests(data, kind):
    reader = library.Reader(kind, io.BytesIO(data))
    failures = [each["code"] for each in reader.get_validation_results()["activeManifest"].get("failure", [])]
    assert set(failures) <= {"signingCredential.untrusted"}, failures  # nobody trusts the test's own root
    return reader.get_active_manifest()


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "wav", "mp3", "mp4"])
def test_a_signed_file_keeps_our_marks_and_its_signature(sample, signer, china, now, chain, name):
    marked = label.add(sample(name), china(""), signer, "w0-1-17", now)
    signed = c2pa.sign(marked, sample(name), name, *chain, "Model X")
    (made,) = [each for each in manifests(signed, c2pa.TYPES[name])["assertions"] if "actions" in each["label"]]
    (action,) = made["data"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("trainedAlgorithmicMedia")
    found = label.check(signed, china(""), Key(signer.node, signer.public))
    assert (found.missing, "C2PA" in found.others) == ((), True)
    assert containers.of(signed).essence(signed) == containers.of(marked).essence(marked)


def test_a_partners_manifest_stays_inside_as_the_parent(sample, signer, china, now, chain):
    theirs = c2pa.sign(sample("png"), sample("png"), "png", *chain, "Their model")
    marked = label.add(theirs, china(), signer, "w0-1-17", now)
    signed = c2pa.sign(marked, theirs, "png", *chain, "Their model")
    (parent,) = manifests(signed, "image/png")["ingredients"]
    assert parent["relationship"] == "parentOf"
    assert parent["active_manifest"]


def test_a_container_without_a_place_for_it_is_refused(chain):
    with pytest.raises(Refusal) as refusal:
        c2pa.sign(b"", b"", "markdown", *chain, "m")
    assert "this is markdown" in refusal.value.sentence()


def test_a_key_that_does_not_fit_the_certificate_is_refused(sample, chain):
    other = pem(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(Refusal, match="usage"):
        c2pa.sign(sample("png"), sample("png"), "png", chain[0], other, "m")
    with pytest.raises(Refusal, match="usage"):
        c2pa.sign(sample("png"), sample("png"), "png", b"no certificate", chain[1], "m")


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: ec.generate_private_key(ec.SECP384R1()), "es384"),
        (ed25519.Ed25519PrivateKey.generate, "ed25519"),
        (lambda: rsa.generate_private_key(65537, 2048), "ps256"),
    ],
)
def test_the_algorithm_is_that_of_the_key(make, word):
    assert c2pa._algorithm(pem(make())) == word


def test_what_is_no_key_for_it_is_refused():
    with pytest.raises(Refusal, match="usage"):
        c2pa._algorithm(b"no key")
    with pytest.raises(Refusal, match="usage"):
        c2pa._algorithm(pem(dsa.generate_private_key(1024)))


def test_without_the_library_the_extra_is_named(sample, chain, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
    with pytest.raises(Refusal) as refusal:
        c2pa.sign(sample("png"), sample("png"), "png", *chain, "m")
    assert "isthmus[c2pa]" in refusal.value.sentence()
