"""GitOps for Pulumi: what was reviewed is exactly what is applied, or nothing is."""

__version__ = "0.1.0"
