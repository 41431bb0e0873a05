"""Reading IAM policy documents: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html"""

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from policy.rule import HOLDS, Check, Inputs, Verdict, Violated
from policy.values import document

# Conditions that close a statement for everybody to a known account, organization, network or sender.
_NARROWING = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:vpcsourceip",
        "kms:calleraccount",
    }
)
# With wildcards: an account's number, an organization or a bucket in full, where ARNs and paths name them.
_OWNED = re.compile(r"arn:[^:*?]+:[^:]+:[^:]*:[0-9]{12}:|o-[a-z0-9]+/|arn:[^:*?]+:s3:::[^*?/]+(/|$)")
_WORLD_PREFIX = 7
_POSITIVE = frozenset({"stringequals", "stringlike", "arnequals", "arnlike", "stringequalsignorecase", "ipaddress"})


def listed(value: Any) -> list[Any]:
    """A value that may be one or several, as a list; nothing is an empty one."""
    if value is None:
        return []
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    return [value]


def statements(policy: Mapping[str, Any], effect: str) -> Iterator[Mapping[str, Any]]:
    """The statements of that effect, Allow or Deny."""
    for statement in listed(policy.get("Statement")):
        if isinstance(statement, Mapping) and statement.get("Effect") == effect:
            yield statement


def name_of(statement: Mapping[str, Any]) -> str:
    """How a reason names a statement."""
    sid = statement.get("Sid")
    return f"statement {sid}" if sid else "a statement without a Sid"


def actions(statement: Mapping[str, Any]) -> list[str]:
    """What the statement is about, in lower case: IAM does not tell cases apart. NotAction is everything but a list."""
    return ["*"] if "NotAction" in statement else [str(one).lower() for one in listed(statement.get("Action"))]


def on_everything(statement: Mapping[str, Any]) -> bool:
    """Whether it is about all resources; NotResource is everything but a list."""
    return "NotResource" in statement or "*" in listed(statement.get("Resource"))


def principals(statement: Mapping[str, Any], kind: str) -> list[str]:
    """Whom of a kind (AWS, Service, Federated) it is about; `*` is everybody of each kind."""
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        return [str(one) for one in listed(principal.get(kind))]
    return [str(one) for one in listed(principal)]


def conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Each condition as operator and key, both in lower case, and values."""
    condition = statement.get("Condition")
    if isinstance(condition, Mapping):
        for operator, tests in condition.items():
            for key, values in tests.items() if isinstance(tests, Mapping) else ():
                yield str(operator).lower(), str(key).lower(), [_text(one) for one in listed(values)]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _names_somebody(operator: str, value: str) -> bool:
    """Whether the value of a condition leaves most of the world out: with wildcards, it has to say whose."""
    if operator.endswith("ipaddress"):
        try:
            return ip_network(value, strict=False).prefixlen > _WORLD_PREFIX
        except ValueError:
            return False
    return not {"*", "?"} & set(value) or _OWNED.match(value) is not None


def _narrowed(statement: Mapping[str, Any]) -> bool:
    return any(
        operator.removeprefix("foranyvalue:") in _POSITIVE
        and key in _NARROWING
        and all(_names_somebody(operator, one) for one in values)
        for operator, key, values in conditions(statement)
    )


def not_public(path: str) -> Check:
    """No statement of the document allows anything to everybody, unless a condition says who that is."""

    def check(inputs: Inputs) -> Verdict:
        for statement in statements(document(inputs, path), "Allow"):
            everybody = "*" in principals(statement, "AWS") or "NotPrincipal" in statement
            if everybody and not _narrowed(statement):
                return Violated(f"{path}: {name_of(statement)} allows everybody, and no condition says who that is")
        return HOLDS

    return check
