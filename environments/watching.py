"""Whether a dev command sees changed files by itself, so that a commit needs no restart of it. Pure."""

import re

from environments.detection.folders import Folder
from environments.detection.node import read_package

RUNNERS = re.compile(r"(?:npm|pnpm|yarn|bun)(?:\s+run)?\s+([\w:.-]+)", re.ASCII)
"""`npm run dev`, `yarn dev`, `npm start`: the script's own text says more."""
PROGRAMS = re.compile(
    r"(?:^|[\s/])(?:"
    r"vite(?!\s+(?:build|preview))|vitepress\s+dev|next\s+dev|nuxt\s+dev|nuxi\s+dev|astro(?!\s+(?:build|preview))|"
    r"ng\s+serve|react-scripts\s+start|vue-cli-service\s+serve|webpack-dev-server|webpack\s+(?:serve|watch)|parcel(?!\s+build)|"
    r"remix\s+dev|react-router\s+dev|gatsby\s+develop|docusaurus\s+start|storybook\s+dev|start-storybook|eleventy\s.*--serve|"
    r"nodemon|ts-node-dev|tsnd|tsx\s+watch|wrangler\s+dev|expo\s+start|browser-sync|live-server|"
    r"watchexec|air|uvicorn\s.*--reload|flask\s.*--debug|manage\.py\s+runserver|hugo\s+serve(?:r)?|mkdocs\s+serve"
    r")(?=\s|$)"
)
FLAGS = re.compile(r"(?:^|[\s/])(?:node|bun|deno)\s+(?:\S+\s+)*?--(?:watch|hot)\b")
"""Programs that watch when they are told to."""


def is_watching(command: str | None, folder: Folder | None = None) -> bool:
    """`folder`: where the command runs, for the scripts of its package.json. False when in doubt: a restart is never wrong."""
    text = script_behind(command or "", folder)
    return bool(PROGRAMS.search(text) or FLAGS.search(text))


def script_behind(command: str, folder: Folder | None) -> str:
    """The script that the command runs, where it is one of package.json."""
    package = read_package(folder) if folder else None
    found = RUNNERS.match(command.strip())
    return package.scripts.get(found[1], command) if package and found else command
