"""A change after its merge: exactly the reviewed plan, or nothing.

A commit of an environment's branch comes in. Each stack's end goes out, with its checks and its records. Begin with
`run.py`, which leads all stacks through; `steps.py` has the steps of one stack, `work.py` the values that they pass
on. `break_glass.py` is the way past the gate.
"""
