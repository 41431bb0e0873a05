"""What applications run as."""
