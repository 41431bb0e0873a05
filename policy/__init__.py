"""What must hold wherever something exists: rules over AWS and Kubernetes, each tied to a published control."""
