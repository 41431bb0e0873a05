"""Which stacks a change can alter, and why.

The files of two commits come in; the affected stacks go out, each with its reasons, in the order of their references
and spread over machines. What no rule explains affects every stack. Begin with `change.py` and `discovery.py`
(projects and stacks), then `imports.py`, `import_graph.py` and `file_references.py` (what a program reaches),
`affected.py` (the rules), `order.py`, `shards.py`.
"""
