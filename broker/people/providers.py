"""The company's own sign-in: what is asked of its OpenID Connect provider, and what is believed.

A browser is sent there with a state, a nonce and a challenge that follow from a secret of its own,
and comes back with a code. The code is exchanged here, and the signed answer is held to all that
was asked. Nothing here knows a database or a page. Source: OpenID Connect Core 1.0, section 3.1;
RFC 7636 (the challenge); RFC 9207 (who answered).
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session, OAuthError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.util import to_bytes

from broker.config import SingleSignOn, is_safe_address
from broker.errors import ProviderFailed, WrongSignIn
from broker.people.identities import Claimed

WELL_KNOWN = "/.well-known/openid-configuration"
ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures with a public key; what a shared or no key signs is not believed."""
SCOPES = "openid profile email"
TIMEOUT_SECONDS = 10
LEEWAY_SECONDS = 60
DESCRIBED_FOR = dt.timedelta(hours=1)
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
AGAIN = "Try again in a minute; if it stays so, tell whoever runs this market."
ANEW = "Begin again from the page to sign in."


@dataclass(frozen=True, slots=True)
class Flow:
    """One way to the provider and back, tied to the secret of the browser that began it."""

    secret: str = field(repr=False)

    @property
    def state(self) -> str:
        """Return what the provider must bring back with the browser."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """Return what the provider must sign."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """Return what only this browser's code can be exchanged with."""
        return self._derived("verifier")

    def _derived(self, what: str) -> str:
        return hmac.new(self.secret.encode(), what.encode(), "sha256").hexdigest()


@dataclass(slots=True)
class Provider:
    """The provider of an installation; what it says of itself is read once an hour."""

    settings: SingleSignOn
    _description: Mapping[str, Any] | None = None
    _read_at: dt.datetime | None = None

    def description(self, at: dt.datetime) -> Mapping[str, Any]:
        """Return where the provider answers. Raises: ProviderFailed."""
        place = self.settings.issuer.rstrip("/") + WELL_KNOWN
        is_old = self._read_at is None or at - self._read_at >= DESCRIBED_FOR
        if self._description is None or is_old:
            with self._client() as client, _told_apart(self.settings.issuer):
                found = _json(client.get(place, withhold_token=True, allow_redirects=False))
            self._description, self._read_at = self._checked(found), at
        return self._description

    def leave_for(self, flow: Flow, back: str, at: dt.datetime) -> str:
        """Return the address of the provider to which a browser goes. Raises: ProviderFailed."""
        endpoint = self.description(at)["authorization_endpoint"]
        with self._client(redirect_uri=back) as client:
            address, _ = client.create_authorization_url(
                endpoint, state=flow.state, nonce=flow.nonce, code_verifier=flow.verifier
            )
        return str(address)

    def come_back(self, flow: Flow, back: str, said: Mapping[str, str], at: dt.datetime) -> Claimed:
        """Return whom the provider vouches for, from what a browser brought back.

        Raises: WrongSignIn if it is not what was asked for; ProviderFailed.
        """
        self._check_brought(flow, said)
        where = self.description(at)
        with self._client(redirect_uri=back) as client, _told_apart(self.settings.issuer):
            token = client.fetch_token(
                where["token_endpoint"],
                grant_type="authorization_code",
                code=said["code"],
                code_verifier=flow.verifier,
                allow_redirects=False,
            )
            keys = _json(client.get(where["jwks_uri"], withhold_token=True, allow_redirects=False))
            claims = self._believed(token, keys, flow, at)
            if self.settings.groups_claim not in claims and "userinfo_endpoint" in where:
                more = _json(client.get(where["userinfo_endpoint"], allow_redirects=False))
                claims = _joined(claims, more)
        return self._claimed(claims)

    def _check_brought(self, flow: Flow, said: Mapping[str, str]) -> None:
        if not hmac.compare_digest(said.get("state", "").encode(), flow.state.encode()):
            raise WrongSignIn("This way back does not belong to this browser.", hint=ANEW)
        if said.get("iss", self.settings.issuer) != self.settings.issuer:
            raise WrongSignIn("Another provider answered than was asked.", hint=ANEW)
        if said.get("error") == "access_denied":
            sentence = "The company's sign-in did not let you in."
            raise WrongSignIn(sentence, hint="Ask whoever gives access there to this market.")
        if "error" in said or not said.get("code"):
            raise WrongSignIn("The company's sign-in could not be completed.", hint=ANEW)

    def _believed(
        self, token: Mapping[str, Any], keys: Mapping[str, Any], flow: Flow, at: dt.datetime
    ) -> dict[str, Any]:
        """Return what the provider signed about a person, held to what was asked."""
        signed = jwt.decode(
            to_bytes(str(token.get("id_token", ""))),
            KeySet.import_key_set(keys),  # type: ignore[arg-type]  # JSON of the provider
            algorithms=ALGORITHMS,
        )
        asked = {
            "iss": self.settings.issuer,
            "aud": self.settings.client_id,
            "nonce": flow.nonce,
        }
        rules = jwt.JWTClaimsRegistry(
            now=int(at.timestamp()),
            leeway=LEEWAY_SECONDS,
            **{name: {"essential": True, "value": value} for name, value in asked.items()},  # type: ignore[arg-type]  # options, as the library reads them
            **{name: {"essential": True} for name in ("sub", "exp", "iat")},  # type: ignore[arg-type]  # likewise
        )
        rules.validate(signed.claims)
        if signed.claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise WrongSignIn("This sign-in was meant for another program.", hint=ANEW)
        return dict(signed.claims)

    def _claimed(self, claims: Mapping[str, Any]) -> Claimed:
        groups = claims.get(self.settings.groups_claim)
        texts = groups if isinstance(groups, list) else [groups] if groups else []
        username = str(claims.get("preferred_username") or "")
        return Claimed(
            issuer=self.settings.issuer,
            subject=str(claims["sub"]),
            username=username,
            name=str(claims.get("name") or username),
            email=str(claims.get("email") or "") if claims.get("email_verified", True) else "",
            groups=frozenset(str(one) for one in texts),
        )

    def _checked(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """Hold a description to being this issuer's, and safe. Raises: ProviderFailed."""
        if found.get("issuer") != self.settings.issuer:
            sentence = f"{self.settings.issuer} says that it is another issuer."
            raise ProviderFailed(sentence, hint="Correct BROKER_OIDC_ISSUER, to the letter.")
        wrong = [name for name in ENDPOINTS if not is_safe_address(str(found.get(name, "")))]
        if wrong:
            sentence = f"{self.settings.issuer} names no safe address for {', '.join(wrong)}."
            raise ProviderFailed(sentence, hint="It must answer over https.")
        return found

    def _client(self, redirect_uri: str | None = None) -> OAuth2Session:
        client = OAuth2Session(
            self.settings.client_id,
            self.settings.client_secret,
            scope=SCOPES,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            default_timeout=TIMEOUT_SECONDS,
        )
        client.trust_env = False
        return client


@contextmanager
def _told_apart(issuer: str) -> Iterator[None]:
    """Tell what the provider refused from what it could not do."""
    try:
        yield
    except OAuthError as error:
        sentence = f"The company's sign-in refused to go on: {error.error}."
        raise WrongSignIn(sentence, hint=ANEW) from error
    except JoseError as error:
        sentence = "What the company's sign-in vouches for is not what was asked of it."
        raise WrongSignIn(sentence, hint=ANEW) from error
    except (requests.RequestException, ValueError, KeyError) as error:
        host = urlsplit(issuer).hostname
        sentence = f"The company's sign-in at {host} does not answer as it should."
        raise ProviderFailed(sentence, hint=AGAIN) from error


def _json(response: requests.Response) -> dict[str, Any]:
    response.raise_for_status()
    found = response.json()
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004  # of what came, not of our types
    return found


def _joined(claims: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the provider says apart, if it speaks of the same person; what is signed wins."""
    if more.get("sub") != claims["sub"]:
        raise WrongSignIn("The company's sign-in spoke of two persons.", hint=ANEW)
    return {**more, **claims}
