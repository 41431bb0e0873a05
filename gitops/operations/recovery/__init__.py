"""What a killed run left: settled under the stack's lease.

The ledger's unended record or a dead lease comes in. A sentence for each thing done goes out. Begin with
`one_stack.py`, which an apply uses as well; `run.py` does it for an environment without applying anything.
"""
