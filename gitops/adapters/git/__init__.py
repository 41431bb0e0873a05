"""Git: the repository, and the records and leases that live in it.

Commits and refs come in as Git writes them; files, histories and leases go out. Begin with `command.py`, the one way
to run Git, then `repository.py`. `ledger.py` is the ledger's branch, with its commits, its index and its signatures
beside it; `leases.py` moves refs by compare and swap.
"""
