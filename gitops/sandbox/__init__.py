"""The embedded sandbox: a real Kubernetes API, an AWS emulator, a state backend and a Git remote, in one folder.

`lifecycle` brings it up, looks at it and takes it down; the other modules each know one part of it.
"""
