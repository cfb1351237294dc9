"""Whether a webhook comes from the forge that shares our secret."""

import hashlib
import hmac
from collections.abc import Mapping


def is_signed(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """HMAC-SHA256 over the raw body, in X-Gitea-Signature (hex) or X-Hub-Signature-256 (`sha256=` and hex); constant time.

    An empty secret signs nothing.
    """
    given = headers.get("x-gitea-signature") or headers.get("x-hub-signature-256", "").removeprefix("sha256=")
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(given.lower().encode(), expected.encode())
