"""What the demo does with each of `samples/`: what its preview answers, and what is pushed next."""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.demo.pull_request import sample

NGINX_COMMAND = "echo '{text}' > /usr/share/nginx/html/index.html && exec nginx -g 'daemon off;'"


@dataclass(frozen=True)
class Act:
    """One sample's part."""

    name: str
    """Its folder in samples/."""
    answer: str | None
    """What its URL answers after opening; None: there is no URL yet."""
    change: Mapping[str, str]
    """Files of the next push."""
    changed_answer: str
    fails_with: str = ""
    """What stands in the pull request's comment when the first commit fails."""
    fails_as: str = "Failed"
    """The phase that it is in then: a command that fails leaves the environment Degraded, with its shell."""
    told: str = ""
    """What the comment says besides, where that is the point of the sample."""
    path: str = "/"
    """Of the URL, where the answer is looked for."""


def acts() -> list[Act]:
    """In the order of the demo."""
    page = "hello again from the dockerfile sample"
    return [
        Act("dockerfile", "hello from the dockerfile sample", {"index.html": f"{page}\n"}, page),
        Act("prebuilt", "Welcome to nginx!", prebuilt_saying("hello from another image"), "hello from another image"),
        _node(),
        _vite(),
        _unrecognised(),
        _broken_build(),
        _broken_dev_command(),
    ]


def prebuilt_saying(text: str) -> dict[str, str]:
    """The prebuilt sample's files, with a page of our own."""
    files = sample("prebuilt")
    command = f"    command: {NGINX_COMMAND.format(text=text)}\n"
    return {".catalyst.yaml": files[".catalyst.yaml"].replace("    port: 80\n", f"    port: 80\n{command}")}


def _node() -> Act:
    server = sample("node")["server.js"].replace("hello from", "hello again from")
    return Act("node", "hello from the node sample", {"server.js": server}, "hello again from the node sample")


def _vite() -> Act:
    """What the page's script takes its text from: the page itself stays the same, and open ones change without being loaded again."""
    greeting = sample("vite")["greeting.js"].replace("hello from", "hello again from")
    answers = ("hello from the vite sample", "hello again from the vite sample")
    return Act("vite", answers[0], {"greeting.js": greeting}, answers[1], path="/greeting.js")


def _unrecognised() -> Act:
    text = "hello from what is now recognised"
    configured = (
        "templates:\n  development:\n    image: busybox:1.35\n    command: httpd -f -p 8080 -h .\n    port: 8080\n"
    )
    change = {".catalyst.yaml": configured, "index.html": f"{text}\n"}
    return Act("unrecognised", None, change, text, told=".catalyst.yaml")


def _broken_build() -> Act:
    text = "hello from the mended sample"
    mended = {"build.sh": f"mkdir -p /www\necho '{text}' > /www/index.html\n"}
    return Act("broken-build", None, mended, text, fails_with="the setting GREETING is missing")


def _broken_dev_command() -> Act:
    text = "hello from the mended command"
    package = sample("broken-dev-command")["package.json"].replace("serve.js", "server.js")
    return Act("broken-dev-command", None, {"package.json": package}, text, "Cannot find module", fails_as="Degraded")
