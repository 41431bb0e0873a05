"""What a person reads in a terminal.

Values come in; renderables of `rich` go out. Begin with `screen.py`: plans, verdicts, errors, the ledger. `lines.py`
has the lines that all share.
"""
