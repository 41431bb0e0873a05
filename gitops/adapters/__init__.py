"""The world behind the ports, by what is reached.

A port's question comes in; Git, Pulumi, a code host, a job's runner, AWS or the machine is asked; a value of the
model goes out, or an error of ours. Adapters are built in `gitops.context` only. Each package reads what its own
world writes: parsers stand beside who fetches. Begin with `pulumi/engine.py` and `git/ledger.py`.
"""
