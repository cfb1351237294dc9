"""Who asks: a bearer token of ours."""

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.errors import ApiError
from api.parts import Parts

bearer = HTTPBearer(auto_error=False, description="An API token.")


async def caller(parts: Parts, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> str:
    """The token's name. Raises ApiError (401)."""
    if given is None:
        raise ApiError(401, "NoToken", "An API token is needed: send it as `Authorization: Bearer …`.")
    name = await parts.tokens.name_of(given.credentials)
    if name is None:
        raise ApiError(401, "UnknownToken", "This API token isn't known (any more): ask for a new one.")
    return name


Caller = Annotated[str, Depends(caller)]
