"""May this plan be applied to its environment?

A plan, its pull request and the rules of both commits come in; a verdict goes out (allow, wait or refuse), with every
rule's reason. Begin with `case.py`, which has every fact, then `judgement.py`, `rules.py` and `plan_rules.py`.
`approvals.py` says whose approval counts, `destroys.py` which plan may destroy, `windows.py` when; `expressions.py` and
`cel.py` are for rules of one's own.
"""
