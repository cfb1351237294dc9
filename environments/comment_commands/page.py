"""docs/commands.md, from the same table as parsing and help: `python -m deploy.docs`."""

from environments.comment_commands.commands import MAX_VALUE
from environments.comment_commands.lines import MAX_COMMENT
from environments.comment_commands.parsing import MAX_COMMANDS
from environments.comment_commands.table import OFFERED, command_table

HEAD = """<!-- Made by `python -m deploy.docs` from environments/comment_commands; change it there. -->
# Commands in comments

Write one in a comment on a pull request, on a line of its own:

"""


def page() -> str:
    return f"{HEAD}{command_table()}\n\n{_examples()}\n{_rules()}"


def _examples() -> str:
    return "For example:\n\n```text\n" + "\n".join(row.example for row in OFFERED if row.argument) + "\n```\n"


def _rules() -> str:
    return f"""## Where a line is a command
* It begins with `/preview` (upper or lower case), is part of an ordinary paragraph, and nothing but up to three spaces stands before it. Other lines of the paragraph are words.
* In quotes, lists, tables, headings, code (blocks, and spans over several lines), emphasis and links over several lines, footnotes, HTML comments, and elements such as `<details>`, it is none. Markdown
  counts a line right below a quote or a list as part of it, and one right above `---` as a heading: leave an empty line between.
* A comment has at most {MAX_COMMANDS} commands, done in order; a mistake in one keeps none of the others back. One longer than {MAX_COMMENT:,} characters has none, and the answer says so.
* Comments are read when they are made; an edited comment is not read again.

## How it is written
* What has spaces in it stands between two `"` or `'`, as in a shell; `\\` takes the meaning from the character behind it. Quotes must be straight.
* A value or command has at most {MAX_VALUE} characters, none of which is hidden (control characters, marks that turn text around). A variable's name is as in [`.catalyst.yaml`](catalyst-yaml.md).
  `env NAME=` sets an empty value.
* `env`, `command` and `reset` are for this preview, with `--project` for all previews of the project. The API's default is the project. Behind `--`, a word that begins with `--` is an argument.

## Who may
The permission of the comment's author in the repository counts, as the forge has it at that moment; what the table says under *Needs* is the least. Changing the project by `--project` needs no more.

`approve` names a commit by its whole SHA, which the author of the fork can't give to another commit. The newest commit when the comment is read may be one that was pushed after the approver looked,
and an abbreviated SHA may be another commit's, too: one with the same seven digits is made within a minute. So both are answered with the exact line to write, and allow nothing. The next push needs its own approval.

## What is answered
👀 on the comment says that it was seen, 👍 that all of it was accepted (no forge has a check mark among its reactions). A comment answers only what was refused, is no command, or was asked for (`status`, `logs`, `help`).
"""
