"""Comments, issues and pull requests, as Markdown.

Values come in, text of strangers among them; a comment's whole text goes out, never longer than the host allows.
Begin with `blocks.py`, which keeps foreign text inside of code, then `review_comment.py`; `layout.py` decides how
much detail has room.
"""
