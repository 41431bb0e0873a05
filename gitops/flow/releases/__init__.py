"""A release, and its way to the next environment or back.

Records come in; releases go out, and what a promotion or a rollback carries. Begin with `release.py`.
"""
