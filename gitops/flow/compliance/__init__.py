"""The state of every control.

What policy packs told of each stack comes in; a state for each control goes out, and what never ran is not passed.
One file, `controls.py`.
"""
