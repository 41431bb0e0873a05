"""Where pull requests are: GitHub, and a simulated host for tests and the sandbox.

A number or a branch comes in; pull requests, approvals, comments and settings go out. Both packages pass the same
contract tests. Begin with `github/code_host.py`.
"""
