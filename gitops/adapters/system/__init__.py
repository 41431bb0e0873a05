"""The machine: clock, signals, temporary folders, environment, and our own installation.

Begin with `clock.py` and `interrupts.py`. `guard.py` and `scratch.py` clean up behind a process that was killed;
`ambient.py` says what the environment points a program at; `shipped.py` finds the files that come along with us.
"""
