"""Releases on their way from one environment to the next, and back.

The releases of an environment come in, from the ledger. A pull request goes out that carries one. Begin with
`releases.py`; `promotion.py` goes forward, `rollback.py` back, and `proposals.py` opens the pull request for both.
"""
