"""Commands in a pull request's comments: from text to values, and the words that answer them (issue 6). Pure.

What the API takes is `api/commands.py`; these are what people write as `/preview retry`. Whoever reads comments asks the forge for the
author's permission, and looks at comments when they are made only: somebody else may edit them later.
"""

from environments.comment_commands.commands import Command, Mistake
from environments.comment_commands.parsing import parse, render
from environments.comment_commands.table import Permission, row_of

__all__ = ["Command", "Mistake", "Permission", "parse", "render", "row_of"]
