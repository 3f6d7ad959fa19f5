"""An OpenID provider on loopback, from Authlib's own server classes: discovery, keys, authorisation, tokens.

`spoil` is where a test makes it lie: called with (header, claims, key) before an ID token is signed, it returns them.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
from types import SimpleNamespace
from urllib.parse import parse_qsl

import uvicorn
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

SECRET = "the client's own"


class Client(ClientMixin):
    """The console, as the provider knows it."""

    id_token_signed_response_alg = "RS256"

    def __init__(self, provider):
        self.provider = provider

    def get_client_id(self):
        return "isthmus"

    def check_redirect_uri(self, uri):
        return uri == self.provider.back

    def check_client_secret(self, secret):
        return secret == SECRET

    def check_endpoint_auth_method(self, method, endpoint):
        return method == self.provider.method

    def check_grant_type(self, grant_type):
        return grant_type == "authorization_code"

    def check_response_type(self, response_type):
        return response_type == "code"

    def get_allowed_scope(self, scope):
        return scope


class Code(SimpleNamespace, AuthorizationCodeMixin):
    """One code: what the request said, and who agreed."""

    def get_redirect_uri(self):
        return self.uri

    def get_scope(self):
        return self.scope

    def get_nonce(self):
        return self.nonce

    def get_auth_time(self):
        return None

    def get_acr(self):
        return None

    def get_amr(self):
        return None


class Grant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "none")

    def save_authorization_code(self, code, request):
        asked = request.payload.data
        self.server.codes[code] = Code(
            code=code,
            uri=request.payload.redirect_uri,
            scope=request.scope,
            nonce=asked.get("nonce"),
            code_challenge=asked.get("code_challenge"),
            code_challenge_method=asked.get("code_challenge_method"),
            user=request.user,
        )

    def query_authorization_code(self, code, client):
        return self.server.codes.get(code)

    def delete_authorization_code(self, authorization_code):
        del self.server.codes[authorization_code.code]

    def authenticate_user(self, authorization_code):
        return authorization_code.user


class Names(OpenIDCode):
    """ID tokens, at the test's own time."""

    def __init__(self, provider):
        super().__init__(require_nonce=True)
        self.provider = provider

    def exists_nonce(self, nonce, request):
        return nonce in self.provider.nonces or self.provider.nonces.add(nonce)

    def get_client_claims(self, client):
        now = self.provider.clock.epoch_ms() // 1000
        return {"iss": self.provider.issuer, "aud": ["isthmus"], "iat": now, "exp": now + 300, "auth_time": now}

    def get_encode_header(self, client):
        return {"alg": "RS256", "kid": self.provider.key.kid}

    def resolve_client_private_key(self, client):
        return self.provider.key

    def generate_user_info(self, user, scope):
        return user

    def encode_id_token(self, token, request):
        honest = super().encode_id_token(token, request)
        if self.provider.spoil is None:
            return honest
        read = jwt.decode(honest, self.provider.key)
        header, claims, key = self.provider.spoil(dict(read.header), dict(read.claims), self.provider.key)
        return header if isinstance(header, str) else jwt.encode(header, claims, key, [header["alg"]])


class Provider(AuthorizationServer):
    """Who signs in is `user` (claims); `start` and `stop` run it, with `issuer` its address."""

    def __init__(self, clock, back):
        super().__init__()
        self.clock = clock
        self.back = back
        self.user = {"sub": "u-1", "name": "Ada", "groups": ["staff", "house-operators"]}
        self.method = "client_secret_basic"
        self.key = new_key()
        self.served_keys = None
        self.spoil = None
        self.codes = {}
        self.nonces = set()
        self.asked = []
        self.described = {}
        self.broken = False
        self.looked = 0
        self.register_grant(Grant, [CodeChallenge(required=True), Names(self)])
        self.register_token_generator("default", self.token)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.issuer = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def token(self, **about):
        return {"token_type": "Bearer", "access_token": secrets.token_urlsafe(16), "scope": about["scope"]}

    def query_client(self, client_id):
        return Client(self) if client_id == "isthmus" else None

    def save_token(self, token, request):
        """Nobody asks for anything with it."""

    def send_signal(self, name, *args, **kwargs):
        """Nobody listens."""

    def create_oauth2_request(self, request):
        method, url, headers, body = request
        made = OAuth2Request(method, url.replace("http:", "https:"), headers=headers)
        query = dict(parse_qsl(url.partition("?")[2]))
        made.payload = BasicOAuth2Payload(query | dict(parse_qsl(body.decode())))
        made._body = dict(parse_qsl(body.decode()))
        type(made).args = property(lambda self: dict(parse_qsl(self.uri.partition("?")[2])))
        return made

    def handle_response(self, status, body, headers):
        text = json.dumps(body) if isinstance(body, dict) else body
        return Response(text, status, dict(headers))

    async def authorise(self, request):
        asked = self.create_oauth2_request(("GET", str(request.url), dict(request.headers), b""))
        asked.user = self.user
        return self.create_authorization_response(asked, self.user, self.get_authorization_grant(asked))

    async def exchange(self, request):
        body = await request.body()
        self.asked.append(dict(parse_qsl(body.decode())))
        return self.create_token_response(("POST", str(request.url), request.headers, body))

    async def describe(self, request):
        self.looked += 1
        if self.broken:
            return Response("not today", 503)
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorise",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        return Response(json.dumps(found | self.described), media_type="application/json")

    async def keys(self, request):
        served = self.served_keys or [self.key]
        return Response(json.dumps({"keys": [key.as_dict(private=False) for key in served]}))

    @contextlib.contextmanager
    def running(self):
        app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.describe),
                Route("/keys", self.keys),
                Route("/authorise", self.authorise),
                Route("/token", self.exchange, methods=["POST"]),
            ]
        )
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
        thread = threading.Thread(target=server.run, args=([self._socket],))
        thread.start()
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join()
            self._socket.close()


def new_key():
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"}, private=True)
