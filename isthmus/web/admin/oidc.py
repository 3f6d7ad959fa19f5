"""Signing in with the organisation's own identity provider: OpenID Connect, authorization code with PKCE.

Rules of this room:
1. Without `oidc.toml` in the home nothing here can be entered; the local owner's token is then the only way in.
2. Deny by default. A role comes from the claim that the file names and the words that it grants, and from nothing else;
   a person whose words no longer fit loses every session.
3. An ID token counts only when a key of the provider signed it with one of ALGORITHMS, for this client, this browser's
   nonce and this moment. `none` and shared-secret signatures are not on the list.
4. No token of the provider is kept. State, nonce and PKCE verifier are keyed hashes of one cookie, so nothing is stored
   for who only begins; the key lives as long as the process.
5. The session is the one every other person has: HttpOnly, SameSite=Strict, hours.
Source: OpenID Connect Core 1.0 section 3.1; Discovery 1.0 section 4; RFC 7636 (PKCE, S256); RFC 9207 (`iss`); RFC 9700.
"""

from __future__ import annotations

import hmac
import secrets
import tomllib
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.ledger.receipt import ActReceipt
from isthmus.web.admin.access import COOKIE, Person
from isthmus.web.admin.office import Office
from isthmus.web.admin.operation import PREFIX, plain

FILE, SECRET = "oidc.toml", "oidc.secret"
HERE = f"{PREFIX}/oidc"
BEGUN = "isthmus_begun"  # the cookie between leaving for the provider and coming back
MINUTES = 10
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
LEEWAY = 30  # seconds by which two clocks may differ
FRESH = 3600.0  # seconds for which discovery and keys are believed
AGAIN = 60.0  # seconds between two looks for a key that was not there
PAUSE = 5.0  # seconds in which a provider that failed is not asked again, so that nobody can occupy every thread
PATIENCE = 10  # seconds for one answer of the provider
LARGEST = 1 << 20  # bytes of one answer of the provider
KEEP_DAYS = 186
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Isthmus</title>{head}<p>{words}</p>
<p><a href="/">To the console</a></p></html>"""
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whoever has `word` in the claim gets `role`; in one organisation, or "" for the whole house."""

    word: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    role: Literal["owner", "operator", "auditor", "developer"]
    organisation: Annotated[str, msgspec.Meta(max_length=63)] = ""


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`oidc.toml`. `console` is the console's own address, to which the provider sends people back.

    `claim` is a claim's name, or a path through objects with dots ("realm_access.roles"). The first grant that fits
    counts. `name` is what the button says.
    """

    issuer: str
    client_id: str
    console: str
    claim: str
    grant: tuple[Grant, ...]
    name: str = "your organisation"
    scopes: tuple[str, ...] = ("openid", "profile")

    @property
    def back(self) -> str:
        """The redirect URI to register with the provider."""
        return self.console.rstrip("/") + HERE + "/callback"


class Ways(msgspec.Struct, frozen=True):
    """How one may sign in beside a token: the provider's name, "" when there is none."""

    name: str


class Begun(NamedTuple):
    """Where to send the browser, and the cookie it keeps until it comes back."""

    url: str
    cookie: str


def load(home: Path) -> Provider | None:
    """The provider of this house; None without `oidc.toml`. Raises Refusal usage, which names the field."""
    try:
        provider = msgspec.convert(tomllib.loads((home / FILE).read_text("utf-8")), Provider)
    except FileNotFoundError:
        return None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise Refusal("usage", reason=f"{FILE} cannot be used: {error}.") from None
    for field in ("issuer", "console"):
        if not _safe(getattr(provider, field)):
            raise Refusal("usage", reason=f"{FILE}: {field} must be an https address (http only on loopback).")
    if "openid" not in provider.scopes or not provider.grant:
        raise Refusal("usage", reason=f"{FILE}: scopes must hold openid, and one [[grant]] at least must stand.")
    return provider


def role_of(provider: Provider, claims: Mapping[str, Any]) -> Grant | None:
    """The grant of these claims; None, which is nothing at all, where no word fits."""
    found: Any = claims.get(provider.claim)
    if found is None:
        found = claims
        for step in provider.claim.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    words = {found} if isinstance(found, str) else set()
    if isinstance(found, list):
        words = {each for each in found if isinstance(each, str)}
    return next((each for each in provider.grant if each.word in words), None)


class SignIn:
    """The two halves of signing in, `begin` and `finish`. Methods may block: they are called in threads."""

    def __init__(self, provider: Provider, secret: str, clock: Clock) -> None:
        """`secret` is the client's, "" for a public client. Raises Refusal usage where the extra is missing."""
        try:
            from authlib.integrations.requests_client import OAuth2Session
        except ImportError:
            raise Refusal("usage", reason=f"{FILE} needs more packages: pip install 'isthmus[oidc]'.") from None
        self.provider = provider
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._rests_until = 0.0
        self._found: tuple[float, dict[str, Any]] = (0.0, {})
        self._keys: tuple[float, dict[str, Any]] = (0.0, {})
        self._session: Callable[[], Any] = lambda: OAuth2Session(
            provider.client_id,
            secret or None,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            redirect_uri=provider.back,
            code_challenge_method="S256",
        )

    def begin(self) -> Begun:
        """Raises Refusal sign_in_unavailable."""
        end = self._clock.epoch_ms() // 1000 + MINUTES * 60
        cookie = f"{end}.{secrets.token_urlsafe(32)}"
        challenge = urlsafe_b64encode(sha256(self._made("verifier", cookie).encode()).digest()).rstrip(b"=")
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self.provider.back,
            "scope": " ".join(self.provider.scopes),
            "state": self._made("state", cookie),
            "nonce": self._made("nonce", cookie),
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        place = self._endpoint("authorization_endpoint")
        return Begun(f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}", cookie)

    def finish(self, cookie: str, query: Mapping[str, str]) -> dict[str, Any]:
        """The claims of who came back. Raises Refusal sign_in_failed, sign_in_unavailable."""
        end = cookie.partition(".")[0]
        state = self._made("state", cookie)
        if not hmac.compare_digest(state.encode(), query.get("state", "").encode()):
            raise Refusal("sign_in_failed", reason="It was not begun in this browser.")
        if int(end) <= self._clock.epoch_ms() // 1000:
            raise Refusal("sign_in_failed", reason=f"It took longer than {MINUTES} minutes.")
        if query.get("iss", self.provider.issuer) != self.provider.issuer:
            raise Refusal("sign_in_failed", reason="Another provider answered.")
        if not query.get("code"):
            raise Refusal("sign_in_failed", reason="The provider did not agree.")
        token = self._token(query["code"], self._made("verifier", cookie))
        return self._claims(token, self._made("nonce", cookie))

    def _token(self, code: str, verifier: str) -> dict[str, Any]:
        import requests
        from authlib.integrations.base_client import OAuthError

        place = self._endpoint("token_endpoint")
        try:
            with self._session() as session:
                token: dict[str, Any] = session.fetch_token(
                    place,
                    code=code,
                    grant_type="authorization_code",
                    code_verifier=verifier,
                    timeout=PATIENCE,
                    allow_redirects=False,
                )
        except OAuthError:
            raise Refusal("sign_in_failed", reason="The provider did not accept its own code.") from None
        except (requests.RequestException, ValueError):
            raise Refusal("sign_in_unavailable") from None
        if not isinstance(token.get("id_token"), str):
            raise Refusal("sign_in_failed", reason="The provider sent no ID token.")
        return token

    def _claims(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """Every check of OpenID Connect Core section 3.1.3.7. Raises Refusal sign_in_failed."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError

        try:
            read = jwt.decode(token["id_token"], self._key_of(token["id_token"]), algorithms=list(ALGORITHMS))
            claims = CodeIDToken(
                read.claims,
                read.header,
                {
                    "iss": {"essential": True, "value": self.provider.issuer},
                    "aud": {"essential": True, "value": self.provider.client_id},
                    "nonce": {"essential": True, "value": nonce},
                },
                {
                    "nonce": nonce,
                    "client_id": self.provider.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=self._clock.epoch_ms() // 1000, leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            # The library's own words may quote a claim, so only the kind is told.
            reason = f"The ID token does not hold ({type(error).__name__})."
            raise Refusal("sign_in_failed", reason=reason) from None
        return dict(claims)

    def _key_of(self, token: str) -> Any:
        """The provider's key that the token names; looked for again, once a minute, when it is not among the known."""
        from joserfc.errors import InvalidKeyIdError
        from joserfc.jwk import KeySet
        from joserfc.jws import extract_compact

        named = extract_compact(token.encode()).headers().get("kid")
        now = self._clock.monotonic()
        for most in (FRESH, AGAIN):
            if not self._keys[1] or now - self._keys[0] > most:
                self._keys = (now, self._fetch(self._endpoint("jwks_uri")))
            keys = KeySet.import_key_set({"keys": _public(self._keys[1])})
            if named is None and len(keys.keys) == 1:
                return keys.keys[0]
            for key in keys.keys:
                if named is not None and key.kid == named:
                    return key
        raise InvalidKeyIdError

    def _endpoint(self, name: str) -> str:
        """One address of the provider's own description, which must be its own. Raises Refusal sign_in_unavailable."""
        now = self._clock.monotonic()
        at, found = self._found
        if not found or now - at > FRESH:
            found = self._fetch(self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
            self._found = (now, found)
        place = found.get(name)
        if found.get("issuer") != self.provider.issuer or not isinstance(place, str) or not _safe(place):
            self._found = (0.0, {})
            self._rests_until = now + PAUSE
            raise Refusal("sign_in_unavailable")
        return place

    def _fetch(self, url: str) -> dict[str, Any]:
        import requests

        if self._clock.monotonic() < self._rests_until:
            raise Refusal("sign_in_unavailable")
        try:
            with requests.get(url, timeout=PATIENCE, allow_redirects=False, stream=True) as answer:
                body = answer.raw.read(LARGEST, decode_content=True)
                found = msgspec.json.decode(body, type=dict[str, Any]) if answer.status_code == 200 else {}
        except (requests.RequestException, OSError, msgspec.MsgspecError, UnicodeDecodeError):
            found = {}
        if not found:
            self._rests_until = self._clock.monotonic() + PAUSE
            raise Refusal("sign_in_unavailable")
        return found

    def _made(self, purpose: str, cookie: str) -> str:
        digest = hmac.digest(self._key, f"{purpose} {cookie}".encode(), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


Handler = Callable[[Request], Awaitable[Response]]


class Desk:
    """The three routes. Without a provider two of them are not there."""

    def __init__(self, office: Office) -> None:
        """Raises Refusal usage for a file that cannot be used."""
        self._office = office
        self._provider = load(office.home)
        self._sign_in: SignIn | None = None
        if self._provider is not None:
            kept = office.home / SECRET
            secret = kept.read_text("utf-8").strip() if kept.exists() else ""
            self._sign_in = SignIn(self._provider, secret, office.clock)
        self._secure = self._provider is not None and self._provider.console.startswith("https:")

    def routes(self, guarded: Callable[[Handler], Handler]) -> list[Route]:
        """`guarded` turns a refusal into its enumerated answer."""
        found = [Route(HERE, guarded(self.ways), methods=["GET"])]
        if self._sign_in is not None:
            found.append(Route(f"{HERE}/login", guarded(shown(self.login)), methods=["GET"]))
            found.append(Route(f"{HERE}/callback", guarded(shown(self.callback)), methods=["GET"]))
        return found

    async def ways(self, request: Request) -> Response:
        name = "" if self._provider is None else self._provider.name
        return Response(msgspec.json.encode(Ways(name)), media_type="application/json")

    async def login(self, request: Request) -> Response:
        """Leave for the provider."""
        assert self._sign_in is not None
        begun = await run_in_threadpool(self._sign_in.begin)
        answer = RedirectResponse(begun.url, 303)
        # Lax: the browser comes back from another site, and SameSite=Strict would hold the cookie back.
        answer.set_cookie(
            BEGUN, begun.cookie, max_age=MINUTES * 60, path=HERE, httponly=True, samesite="lax", secure=self._secure
        )
        return answer

    async def callback(self, request: Request) -> Response:
        """Come back, and be let in or not."""
        return await run_in_threadpool(self.enter, request.cookies.get(BEGUN, ""), dict(request.query_params))

    def enter(self, cookie: str, query: Mapping[str, str]) -> Response:
        """A session for who proved who they are and has a role. Raises Refusal."""
        assert self._sign_in is not None
        self._office.ledger.check()
        person = self.admit(self._sign_in.finish(cookie, query))
        session, secret = self._office.store.open_session(person)
        # A page and not a redirect: a redirect would still count as coming from the provider's site, and the browser
        # would leave a Strict cookie at home.
        answer = page("You are signed in.", 200, head='<meta http-equiv="refresh" content="0;url=/">')
        age = (session.until - self._office.clock.epoch_ms()) // 1000
        answer.set_cookie(COOKIE, secret, max_age=age, httponly=True, samesite="strict", secure=self._secure)
        answer.delete_cookie(BEGUN, path=HERE, httponly=True, samesite="lax", secure=self._secure)
        return answer

    def admit(self, claims: Mapping[str, Any]) -> Person:
        """The person of these claims, with the role they have now. Leaves a receipt. Raises Refusal not_permitted."""
        assert self._provider is not None
        office = self._office
        grant = role_of(self._provider, claims)
        role, organisation = ("", "") if grant is None else (grant.role, grant.organisation)
        names = (claims.get("name"), claims.get("preferred_username"))
        name = plain(next((each for each in names if isinstance(each, str)), ""))
        who = f"{claims['iss']}\n{claims['sub']}"
        person = office.store.admit(who, name[:64] or "signed in", role, organisation)
        let_in = bool(role) and not person.revoked_at
        office.ledger.append(
            ActReceipt(
                id=office.ledger.next_id(),
                at=office.clock.epoch_ms(),
                by=person.id,
                role=role or "none",
                act="session GET /oidc/callback",
                object=person.id,
                status=200 if let_in else 403,
                keep_min=KEEP_DAYS,
            )
        )
        if not let_in:
            raise Refusal("not_permitted", role=role or "none", needs="a role of this house")
        return person


def shown(handler: Handler) -> Handler:
    """A refusal as a page: a person sees it, not a program."""

    async def run(request: Request) -> Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            return page(refusal.sentence(), refusal.row.status)

    return run


def page(words: str, status: int, head: str = "") -> Response:
    """A page that loads nothing."""
    answer = Response(_PAGE.format(words=escape(words), head=head), status, media_type="text/html; charset=utf-8")
    answer.headers["content-security-policy"] = _POLICY
    answer.headers["referrer-policy"] = "no-referrer"  # the address holds the code
    return answer


def _public(keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Keys that may check a signature: asymmetric, and not meant for something else."""
    found = keys.get("keys")
    listed = found if isinstance(found, list) else []
    return [
        {name: value for name, value in each.items() if name != "key_ops"}
        for each in listed
        if isinstance(each, dict) and each.get("kty") in ("RSA", "EC", "OKP") and each.get("use", "sig") == "sig"
    ]


def _safe(url: str) -> bool:
    parts = urlsplit(url)
    loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and loopback))
