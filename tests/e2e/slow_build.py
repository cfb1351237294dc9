"""A Dockerfile whose build takes long enough to be disturbed in the middle."""

import uuid

from tests.e2e.world import Preview

SLOW = 12
"""Seconds of a build: long enough to be killed in the middle."""
DOCKERFILE = """\
FROM busybox:1.35
RUN echo {unique} "is in" its long step && sleep {seconds} && mkdir /www
COPY index.html /www/
EXPOSE 8080
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
"""
IN_LONG_STEP = "is in its long step"
"""Said by the step, and not by its command, which the log shows even when the step is taken from the cache."""


def slow_build(greeting: str) -> dict[str, str]:
    """Of its own each time, or BuildKit would take the long step from its cache."""
    text = DOCKERFILE.format(unique=uuid.uuid4().hex, seconds=SLOW)
    return {"Dockerfile": text, "index.html": greeting}


def is_in_long_step(preview: Preview) -> bool:
    answer = preview.platform.api.get(f"/api/v1/environments/{preview.namespace}/logs/build")
    return answer.status_code == 200 and IN_LONG_STEP in answer.text
