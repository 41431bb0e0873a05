#!/usr/bin/env python3
"""A policy pack of two rules, to have findings of both levels."""

from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def _small(args, report):
    if args.props.get("size", 0) > 15:
        report("a thing is at most 15 large")


def _named(args, report):
    if args.resource_type == "things:index:Thing" and "owner" not in args.props:
        report("a thing names its owner")


PolicyPack(
    name="house-rules",
    enforcement_level=EnforcementLevel.ADVISORY,
    policies=[
        ResourceValidationPolicy("small", "Things are small.", _small, EnforcementLevel.MANDATORY),
        ResourceValidationPolicy("owned", "Things have owners.", _named),
    ],
)
