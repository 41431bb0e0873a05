"""The real tools, and how they get onto a machine: found, downloaded or built.

Standard library only: `python3 -m gitops.toolchain install` runs before anything is installed.
"""
