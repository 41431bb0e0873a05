"""Everything that people and tools read.

Values come in; text, Markdown, HTML, SARIF or JSON goes out, and nothing is printed here. `markdown/` is for a code
host, `terminal/` for a person who watches, `html/` for the report, `json/` for programs. Begin with `wording.py`, the
words that all of them share; `properties.py` shows how a resource differs.
"""
