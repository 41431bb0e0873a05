"""Policy packs for the engine in memory: a file with a first line for the shell, and rules on the size of things."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gitops.model import Evaluation, PolicyFinding, PolicyLevel, PolicyPack, PolicyRule
from gitops.ports import RunnablePack


def pack(name: str, **rules: Mapping[str, Any]) -> str:
    """A pack's file. Each rule has the `largest` size that a thing may have, a `level`, and names of things that it
    finds `unknown`, `exempt`, or that it does not apply to (`not_for`).
    """
    return f"#!/usr/bin/env a-fake-pack\n{json.dumps({'name': name, 'version': '1.0.0', 'rules': rules})}\n"


def run(
    packs: Sequence[RunnablePack], things: Mapping[str, int], urns: Mapping[str, str]
) -> tuple[tuple[PolicyPack, ...], tuple[PolicyFinding, ...], tuple[Evaluation, ...]]:
    """The packs as they told their names, what they found, and what they looked at."""
    ran, findings, evaluations = [], [], []
    for one in packs:
        told = _read(one)
        ran.append(PolicyPack(one.pack.path, one.pack.digest, told["name"], told["version"]))
        for thing, size in sorted(things.items()):
            found = [(rule, *_judge(rule, wanted, thing, size)) for rule, wanted in _rules(told)]
            passed = tuple(sorted(rule.name for rule, level, _ in found if level is True))
            failed = tuple(sorted(rule.name for rule, level, _ in found if isinstance(level, PolicyLevel)))
            evaluations.append(Evaluation(told["name"], urns[thing], passed, failed))
            findings += [
                PolicyFinding(told["name"], rule.name, level, message, urns[thing])
                for rule, level, message in found
                if isinstance(level, PolicyLevel)
            ]
    return tuple(ran), tuple(findings), tuple(evaluations)


def rules(packs: Iterable[RunnablePack]) -> tuple[PolicyRule, ...]:
    """What the packs say of their rules."""
    return tuple(rule for one in packs for rule, _ in _rules(_read(one)))


def _rules(told: Mapping[str, Any]) -> list[tuple[PolicyRule, Mapping[str, Any]]]:
    """Each rule, with what it looks for."""
    return [
        (
            PolicyRule(
                told["name"],
                name,
                title=f"Things are {name}",
                description=f"A thing is {name}.",
                level=wanted["level"],
                severity=wanted.get("severity", ""),
                framework="House rules 2",
                reference=f"H.{len(name)}",
                remedy="Make it smaller.",
                scope="resource",
            ),
            wanted,
        )
        for name, wanted in told["rules"].items()
    ]


def _exempt(rule: PolicyRule, size: int) -> str:
    return f"{rule.description}\n[exempt until 2027-01-01 by ops: they know] [low] size is {size}"


def _judge(rule: PolicyRule, wanted: Mapping[str, Any], thing: str, size: int) -> tuple[PolicyLevel | bool, str]:
    """A level where something was found, whether it passed, and what is said of it."""
    if wanted["level"] == "disabled" or thing in wanted.get("not_for", ()):
        return False, ""
    if thing in wanted.get("exempt", ()):
        return PolicyLevel.ADVISORY, _exempt(rule, size)
    if thing in wanted.get("unknown", ()):
        message = f"can't run policy '{rule.name}' from policy pack '{rule.pack}@v1.0.0' during preview: size"
        return PolicyLevel.NOT_EVALUATED, message
    if size > wanted["largest"]:
        said = f"[high] size is {size}, at most {wanted['largest']} may be. Remedy: {rule.remedy} ({rule.reference})"
        return PolicyLevel(wanted["level"]), f"{rule.description}\n{said}"
    return True, ""


def _read(one: RunnablePack) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(one.executable.read_text().partition("\n")[2])
    return told
