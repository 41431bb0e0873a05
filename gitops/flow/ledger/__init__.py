"""The ledger's chain of records.

A file of the ledger's branch comes in; a record in its place goes out, or what is wrong with it. Begin with
`chain.py`; `history.py` reads plans back, `schema.py` describes a record for other programs. What each kind of record
tells is in `gitops/model/record_bodies.py`.
"""
