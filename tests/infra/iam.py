"""As much of IAM's evaluation as the delivery's policies use: who may do what, with which circumstances.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

Context = Mapping[str, str | Sequence[str]]


def allowed(documents: Sequence[str], action: str, resource: str = "*", **context: str | Sequence[str]) -> bool:
    """Whether every document allows it and none denies it: a role's policy, and its boundary.

    Keys of the context are written with `__` for a colon, as in `kms__ViaService`.
    """
    keys: Context = {key.replace("__", ":"): value for key, value in context.items()}
    statements = [
        [one for one in json.loads(text)["Statement"] if _speaks(one, action, resource, keys)] for text in documents
    ]
    denied = any(one["Effect"] == "Deny" for document in statements for one in document)
    return not denied and all(any(one["Effect"] == "Allow" for one in document) for document in statements)


def _speaks(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    return (
        _named(statement, "Action", action.lower(), lower=True)
        and _named(statement, "Resource", resource)
        and all(
            _holds(operator, expected, context.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, expected in keys.items()
        )
    )


def _named(statement: Mapping[str, Any], element: str, value: str, *, lower: bool = False) -> bool:
    def matches(patterns: str | Sequence[str]) -> bool:
        listed = [patterns] if isinstance(patterns, str) else patterns
        return any(fnmatchcase(value, pattern.lower() if lower else pattern) for pattern in listed)

    if f"Not{element}" in statement:
        return not matches(statement[f"Not{element}"])
    return matches(statement[element])


def _holds(operator: str, expected: str | Sequence[str], actual: str | Sequence[str] | None) -> bool:
    listed = [expected] if isinstance(expected, str) else list(expected)
    found = [] if actual is None else [actual] if isinstance(actual, str) else list(actual)
    quantifier, _, plain = operator.removesuffix("IfExists").rpartition(":")
    if operator.endswith("IfExists") and actual is None:
        return True
    if plain == "Null":
        return listed == ["true" if actual is None else "false"]
    negated = "Not" in plain
    compare = fnmatchcase if "Like" in plain or plain.startswith("Arn") else str.__eq__
    hits = [any(compare(one, pattern) for pattern in listed) != negated for one in found]
    if quantifier == "ForAnyValue":
        return any(hits)
    if quantifier == "ForAllValues":
        return all(hits)
    return all(hits) if found else negated
