"""GitHub Actions: the event that a workflow starts with, and its runs.

An event's JSON comes in raw; a valid event goes out. Begin with `event.py`; `runs.py` starts workflows and looks
after them.
"""
