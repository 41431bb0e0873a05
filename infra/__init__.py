"""What can exist: one Pulumi component per file, with typed inputs and secure defaults."""
