"""What a cluster needs before applications run in it, for clusters that do not bring it along."""
