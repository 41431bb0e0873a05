"""Pulumi: the CLI as a process, and what it says.

A checkout and a stack come in; a run of the engine goes out, as a value. Begin with `engine.py`, then `process.py`,
which starts the CLI. What it says is read by modules that are pure: `events.py` checks the events, `steps.py` and
`preview.py` make changes of them, `options.py`, `graph.py`, `deployments.py` and `property_values.py` read its
documents. `failures.py` and `failed_run.py` tell why a run failed, and `known_secrets.py` what of its text may be
shown. `backends.py` finds the state. `policy_packs.py`, `plugins.py` and `installed.py` say what a program runs with;
`proposed.py` has a backend for stacks further down.
"""
