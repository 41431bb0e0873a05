"""The decisions of the pipeline, pure and in flow order: change, affected, preview, plan, compare, gate, record."""
