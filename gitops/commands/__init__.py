"""One verb, one file: what the verb does, and its command line."""
