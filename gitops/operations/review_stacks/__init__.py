"""A short-lived stack of its own for a pull request.

A labelled pull request comes in; a stack goes up, or is destroyed when nobody needs it any more. Begin with
`site.py`: the settings and the program that all of it stands on. Then `up.py` and `down.py`.
"""
