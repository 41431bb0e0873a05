"""The exclusive right to operate on a stack: waited for, held, given back.

A stack and a time to wait come in; a lease that is kept alive goes out, for as long as a block lasts. Begin with
`holding.py`; `wait_queue.py` is how one comes to it.
"""
