"""PyGithub's connection with bounds: it neither follows redirections nor waits or reads for ever."""

import os
import time
from urllib.parse import urlsplit

import requests
from github.Requester import HTTPSRequestsConnectionClass, RequestsResponse

CONNECT_SECONDS = 10.0
READ_SECONDS = 20.0
"""Of silence, and of a whole answer's content."""
MOST_BYTES = 32 << 20
"""Of an answer; a page of a hundred pull requests has some two or three million."""
CHUNK = 1 << 16


class Unusable(requests.RequestException):
    """An answer that can't be one of GitHub's API; the message says why."""


class Whole(RequestsResponse):
    """An answer whose content was read."""

    def __init__(self, answer: requests.Response, text: str) -> None:
        super().__init__(answer)
        self._text = text
        # PyGithub would follow it, without the query. Repositories are asked for by id, where GitHub has nothing to redirect.
        self.headers.pop("Location", None)

    def read(self) -> str:
        return self._text


class Connection(HTTPSRequestsConnectionClass):
    """For one thread: it holds the request that is under way."""

    def getresponse(self) -> Whole:
        """Raises requests.RequestException (Unusable), OSError."""
        url = f"{self.protocol}://{self.host}:{self.port}{self.url}"
        with self.session.request(
            self.verb,
            url,
            headers=self.headers,
            data=self.input,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            verify=self.verify,
            allow_redirects=False,
            stream=True,
        ) as answer:
            if answer.status_code == 202 and self.verb == "GET":
                raise Unusable("it was told to come back later")  # PyGithub would, for ever
            return Whole(answer, _text(answer))


def connect(base_url: str) -> Connection:
    """To that URL's host, and to no other."""
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    # The certificates of a private CA, as for every program; requests has a list of its own.
    made = Connection(parts.hostname or "", port, retry=None, verify=os.environ.get("SSL_CERT_FILE") or True)
    made.protocol = parts.scheme
    # Neither a proxy nor .netrc of the worker's environment: the token goes to GitHub only.
    made.session.trust_env = False
    return made


def _text(answer: requests.Response) -> str:
    until, read = time.monotonic() + READ_SECONDS, bytearray()
    for chunk in answer.iter_content(CHUNK):
        read += chunk
        if len(read) > MOST_BYTES or time.monotonic() > until:
            raise Unusable("the answer is too long, or comes too slowly")
    return read.decode(errors="replace")
