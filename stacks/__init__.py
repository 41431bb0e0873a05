"""Where it exists: a module per environment, named like its stack, over the shared application."""
