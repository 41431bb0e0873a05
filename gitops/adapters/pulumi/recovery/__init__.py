"""What a killed run of Pulumi left, on the machine and in the state.

A run that did not end in good order comes in. Its processes and locks go, and a state goes out that tells the truth.
Begin with `killed_run.py` (processes, locks, files), then `providers.py`, which asks the providers what exists.
`pending.py` and `whereabouts.py` are pure: what to ask, where to look, and what the answers mean.
"""
