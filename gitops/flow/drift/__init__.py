"""What differs from what is released.

A preview of the released commit comes in; the stack's state goes out: as released, drifted, or unknown. One file,
`classification.py`.
"""
