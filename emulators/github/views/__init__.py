"""Records as GitHub's JSON. What nobody reads but every answer must have, as most of the `…_url` fields, is made by rule."""
