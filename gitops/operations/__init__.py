"""What the verbs do.

A context (the adapters of one run) and a request come in; a value goes out, or a named refusal. Nothing here reads a
command line or prints a result; a line for people who watch goes through `progress.py`. Begin with `program.py`: one
commit, checked out, and the plan of each of its stacks. Then `review/` and `apply/`, which are the two halves of a
change's way.
"""
