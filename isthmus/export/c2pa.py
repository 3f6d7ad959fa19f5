"""C2PA content credentials, where c2pa-python is installed and the operator has a certificate.

The manifest says that a trained model made the file. A manifest that a partner signed stays inside as the parent's
(C2PA 2.2, ingredients), so its signature can still be checked over the file as it came. Without this step a partner's
manifest is kept byte for byte, but it no longer fits the file that we marked: then its checkers say so.
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from io import BytesIO
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from isthmus.core.errors import Refusal

TYPES = {
    "png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "wav": "audio/wav", "mp3": "audio/mpeg",
    "mp4": "video/mp4",
}  # fmt: skip


def sign(data: bytes, parent: bytes, container: str, certificate: bytes, key: bytes, system: str) -> bytes:
    """`data` with a signed manifest; `parent` is the file as it came, `system` the model's name.

    Raises Refusal usage: the container has no place for one, the key does not fit, c2pa-python is missing or refuses.
    """
    kind = TYPES.get(container)
    if kind is None:
        raise Refusal("usage", reason=f"C2PA is signed into {', '.join(TYPES)} only, and this is {container}.")
    library = _library()
    info = library.C2paSignerInfo(_algorithm(key).encode(), certificate, key, None)
    out = BytesIO()
    try:
        held = _held(library, kind, parent)
        builder = library.Builder(_manifest(system, edited=held))
        if held:
            relation = {"title": "as it came", "relationship": "parentOf"}
            # The first action of an edited file is that its parent was opened; this intent writes it.
            builder.set_intent(library.C2paBuilderIntent.EDIT)
            builder.add_ingredient(relation, kind, BytesIO(parent))
        builder.sign(library.Signer.from_info(info), kind, BytesIO(data), out)
    except library.C2paError as error:
        word = type(error).__name__.strip("_")
        raise Refusal("usage", reason=f"c2pa-python cannot sign this file with this certificate ({word}).") from None
    return out.getvalue()


def _manifest(system: str, *, edited: bool) -> dict[str, Any]:
    made = {
        "action": "c2pa.edited" if edited else "c2pa.created",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        "softwareAgent": {"name": system or "unknown model"},
    }
    return {
        "claim_generator_info": [{"name": "isthmus", "version": version("isthmus")}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [made]}}],
    }


def _held(library: Any, kind: str, parent: bytes) -> bool:
    """Whether the file came with a manifest."""
    try:
        library.Reader(kind, BytesIO(parent))
    except library.C2paError:
        return False
    return True


def _algorithm(key: bytes) -> str:
    try:
        secret = load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refusal("usage", reason="The C2PA key is not a private key in PEM without a password.") from None
    if isinstance(secret, ec.EllipticCurvePrivateKey):
        return "es384" if secret.curve.key_size > 256 else "es256"
    if isinstance(secret, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(secret, rsa.RSAPrivateKey):
        return "ps256"
    raise Refusal("usage", reason="C2PA takes keys of ECDSA, Ed25519 or RSA.")


def _library() -> Any:
    try:
        return importlib.import_module("c2pa")
    except ImportError:
        raise Refusal("usage", reason="C2PA needs c2pa-python: pip install 'isthmus[c2pa]'") from None
