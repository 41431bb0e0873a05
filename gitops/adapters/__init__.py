"""The world behind the ports: Git, Pulumi, code hosts, the clock. Built in `gitops.context` only."""
