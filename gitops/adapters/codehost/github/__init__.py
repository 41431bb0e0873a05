"""GitHub: one connection, and a class for each port.

A token and a repository's name come in; pull requests, checks, issues and settings go out. Begin with `client.py`,
which also says what each failure means.
"""
