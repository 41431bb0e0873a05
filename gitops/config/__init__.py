"""gitops.yaml, from text to valid settings, once.

The file's text comes in; a `Config` goes out, or an error with file, line and key. Begin with `settings.py`;
`gate.py` has the rules of an environment, `review_stacks.py` those stacks, `durations.py` what 10m and 7d are.
"""
