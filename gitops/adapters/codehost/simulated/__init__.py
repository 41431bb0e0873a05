"""A code host that is played: pull requests in a file of a bare repository.

The same questions come in as for GitHub. Heads and merges are Git's own; people and their rights are in the file.
Begin with `code_host.py`.
"""
