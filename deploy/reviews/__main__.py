"""Print the webhook configuration that has an API server say who deletes an Environment, for `kubectl apply`.

`CATALYST_REVIEWS__SECRET=… python -m deploy.reviews <https://host:port of the listener> <file with its CA> [user name of API and worker]`
"""

import os
import sys
from pathlib import Path

import yaml

from deploy.policies.__main__ import ACCOUNT
from environments.deletions import review_configuration

SECRET = "CATALYST_REVIEWS__SECRET"


def main() -> None:
    """Raises SystemExit with the words above when something is missing."""
    secret, words = os.environ.get(SECRET), sys.argv[1:]
    if not secret or len(words) not in (2, 3):
        raise SystemExit(__doc__)
    address, authority, account = (*words, ACCOUNT)[:3]
    url = f"{address.rstrip('/')}/deletions/{secret}"
    made = review_configuration(url, Path(authority).read_text(), account)
    print(yaml.safe_dump(made, sort_keys=False))


if __name__ == "__main__":
    main()
