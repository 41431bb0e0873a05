"""The commands of `gitops`: click, one call, print.

A command line comes in; an operation is called, and what it returns goes out as text or as JSON. One verb is one
file, named like the verb; `cli.py` lists them in the order of the work. `options.py` has the options that several
verbs share. Begin with `preview.py` and `up.py`.
"""
