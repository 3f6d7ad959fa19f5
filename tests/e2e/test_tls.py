"""A node with a certificate of its own speaks HTTPS, to the official client too."""

import datetime as dt
import ssl

import httpx
import openai
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.device.engine import free_port
from isthmus.node import Node, prepare


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost that signs itself."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, secret = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return cert, secret


def test_a_client_that_trusts_the_certificate_gets_its_answer(scripted, certificate, tmp_path):
    cert, secret = certificate
    config = Config(home=tmp_path, port=free_port(), host="127.0.0.1", tls_cert=str(cert), tls_key=str(secret))
    key = prepare(config, SystemClock())
    node = Node(config, engine=scripted.answers.address, engine_key="engine-key", model="smollm2-135m")
    node.start()
    try:
        node.wait_ready()
        assert node.url.startswith("https://")
        trust = ssl.create_default_context(cafile=str(cert))
        base = f"https://localhost:{config.port}/v1"
        with (
            httpx.Client(verify=trust) as transport,
            openai.OpenAI(base_url=base, api_key=key, http_client=transport, max_retries=0) as client,
        ):
            asked = {"model": "private", "messages": [{"role": "user", "content": "hi"}]}
            assert client.chat.completions.create(**asked).isthmus["receipt"]
            assert list(client.chat.completions.create(stream=True, **asked))[-1].isthmus["receipt"]
    finally:
        node.stop()
