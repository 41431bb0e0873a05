"""What people read in a terminal: values in, rich renderables out; nothing here prints."""
