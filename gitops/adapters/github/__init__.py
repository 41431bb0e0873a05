"""GitHub as the pipeline needs it: one connection, and a class for each port."""
