"""From where the builder itself may fetch for one build: BuildKit's source policy (docs/build-repro.md there).

It binds ADD of a URL or a repository, whose requests are the daemon's own and pass no proxy. Base images are pulled as
the platform pulls images.
"""

import re
from collections.abc import Iterable
from typing import Any

FULL_URL = "git.fullurl"
"""Attribute by which git is called; the identifier leaves the scheme out, and another frontend may write both as it likes."""
FETCHED = "(?i)^(https?|git)://"


def source_policy(hosts: Iterable[str]) -> dict[str, Any]:
    """As buildctl's --source-policy-file takes it: of rules that match, the last one holds."""
    pattern = "|".join(_pattern(host) for host in sorted(hosts))
    rules = [_rule("DENY", FETCHED)]
    if pattern:
        url = rf"(?i)^https?://({pattern})(:80|:443)?([/?#]|$)"
        by_git = {"key": FULL_URL, "condition": "MATCHES", "value": rf"(?i)^https://({pattern})(:443)?/"}
        rules += [_rule("ALLOW", url), _rule("ALLOW", rf"(?i)^git://({pattern})/", by_git)]
    return {"version": 1, "rules": rules}


def _rule(action: str, identifier: str, *constraints: dict[str, str]) -> dict[str, Any]:
    # `match_type`, not protobuf's `matchType`: misspelt it is a wildcard, and the rule matches nothing.
    selector = {"identifier": identifier, "match_type": "REGEX", "constraints": list(constraints)}
    return {"action": action, "selector": selector}


def _pattern(host: str) -> str:
    bare = re.escape(host.removeprefix("*."))
    return rf"([a-z0-9-]+\.)*{bare}" if host.startswith("*.") else bare
