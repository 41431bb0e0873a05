"""What would be done, bound to what it was computed from.

A run of the engine comes in; a plan with two digests goes out, and how two plans differ. Begin with `plan.py`;
`values.py` has property values and their digests. `compare.py` finds what moved, `attribution.py` who moved it,
`deviations.py` whether a plan is the rest of another one, `reuse.py` whether a plan spares a preview, `downstream.py`
what follows in other stacks, `verification.py` what makes an apply a release.
"""
