"""Who calls: personal tokens, installation tokens, and an App's JSON Web Token."""

import base64
import binascii

import jwt
from jwt.types import Options

from emulators.github.errors import ApiError
from emulators.github.model import ANONYMOUS, Actor, App
from emulators.github.state import GitHub

MOST_LIFETIME = 600
"""Seconds that a JWT may be valid for, from now on."""
_UNCHECKED: Options = {"verify_exp": False, "verify_iat": False, "verify_iss": False, "verify_nbf": False}
"""The library checks the signature only; GitHub's rules about times are ours."""
DRIFT = 60
"""Seconds that its `iat` may lie ahead of our clock."""


def actor_of(github: GitHub, authorization: str | None) -> Actor:
    """Of `Authorization: Bearer …`, `token …` or Basic with a token as password. Raises ApiError (401)."""
    if not authorization:
        return ANONYMOUS
    scheme, _, credential = authorization.partition(" ")
    if scheme.lower() == "basic":
        return token_actor(github, _password(credential))
    if scheme.lower() not in ("bearer", "token"):
        raise ApiError(401, "Bad credentials")
    return _app_actor(github, credential) if credential.count(".") == 2 else token_actor(github, credential)


def _password(credential: str) -> str:
    try:
        told = base64.b64decode(credential, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ApiError(401, "Bad credentials") from None
    return told.partition(":")[2]


def token_actor(github: GitHub, token: str) -> Actor:
    """Raises ApiError (401) for one that isn't known, has expired, or belongs to a suspended installation (403)."""
    actor, until = github.tokens.get(token, (None, None))
    if actor is None or (until is not None and until <= github.now()):
        raise ApiError(401, "Bad credentials")
    installation = actor.installation
    if installation is not None and installation.id not in github.installations:
        raise ApiError(401, "Bad credentials")
    if installation is not None and installation.suspended_at is not None:
        raise ApiError(403, "This installation has been suspended")
    return actor


def _app_actor(github: GitHub, token: str) -> Actor:
    """Raises ApiError (401)."""
    try:
        claimed = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise ApiError(401, "A JSON web token could not be decoded") from None
    app = _app(github, claimed.get("iss"))
    try:
        jwt.decode(token, app.public_key, algorithms=["RS256"], options=_UNCHECKED)
    except jwt.InvalidTokenError:
        raise ApiError(401, "A JSON web token could not be decoded") from None
    _check_times(claimed, github.now().timestamp())
    return Actor(app=app, name=app.slug)


def _app(github: GitHub, issuer: object) -> App:
    """By id or by client id."""
    for app in github.apps.values():
        if str(issuer) in (str(app.id), app.client_id):
            return app
    raise ApiError(401, "Integration not found")


def _check_times(claimed: dict[str, object], now: float) -> None:
    issued, expires = claimed.get("iat"), claimed.get("exp")
    if not isinstance(issued, int | float):
        raise ApiError(401, "Missing 'issued at' claim ('iat') in assertion")
    if not isinstance(expires, int | float):
        raise ApiError(401, "Missing 'expiration' claim ('exp') in assertion")
    if issued > now + DRIFT:
        raise ApiError(
            401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        )
    if expires <= now:
        raise ApiError(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )
    if expires > now + MOST_LIFETIME:
        raise ApiError(401, "'Expiration time' claim ('exp') is too far in the future")
