"""Comments on a pull request that ask for something.

A comment comes in; what it asks for is done, if its author may, and an answer goes into the thread. Begin with
`comments.py`; `actions.py` has what each request does.
"""
