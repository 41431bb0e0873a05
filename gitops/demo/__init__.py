"""The story of the pipeline, told by running it: `gitops demo`."""
