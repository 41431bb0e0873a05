"""GitHub Actions: the event that a workflow starts with, its job, and its runs.

An event's JSON comes in raw; a valid event goes out. Begin with `event.py`; `job.py` tells the runner what it asks
for, `runs.py` starts workflows and looks after them.
"""
