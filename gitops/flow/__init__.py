"""The decisions of the pipeline: pure, without a process, a network or a clock.

A change comes in; the answer to "may this be applied?" goes out, and what follows from it. The packages stand in the
order of a change's way: `impact/` (which stacks), `plans/` (what would happen), `gate/` (may it), `ledger/` (what is
on record), `leases/` (whose turn it is), `releases/` (where it goes next), `drift/` and `compliance/` (is it still
so), `doctor/` (what all of this rests on). Begin with `impact/affected.py`.
"""
