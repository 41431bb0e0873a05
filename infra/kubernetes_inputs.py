"""What inputs of Kubernetes components have in common: how they are judged before the API server sees them."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import pulumi

from infra.inputs import require

T = TypeVar("T")

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/, without signs and exponents.
_QUANTITY = re.compile(r"([0-9]+(\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_FIXED_IMAGE = re.compile(r"[^\s@]+(:(?!latest$)[\w.-]+|(:[\w.-]+)?@sha256:[0-9a-f]{64})")
_PATH = re.compile(r"/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*")
_LONGEST_LABEL, _LONGEST_HOST = 63, 253


def require_label(value: pulumi.Input[str], subject: str, *, longest: int = _LONGEST_LABEL) -> None:
    """Raise `InputError` unless `value` can name a Kubernetes object; an output is left to the API server."""
    if isinstance(value, str):
        require(
            _LABEL.fullmatch(value) is not None and len(value) <= longest,
            subject,
            f"1 to {longest} lower-case letters, digits and inner hyphens",
            value,
        )


def require_host(value: pulumi.Input[str], subject: str) -> None:
    """Raise `InputError` unless `value` is a host name with a domain, in lower case."""
    if isinstance(value, str):
        require(
            _HOST.fullmatch(value) is not None and len(value) <= _LONGEST_HOST,
            subject,
            "a host name with its domain, in lower case, as in shop.example.com",
            value,
        )


def require_quantity(value: pulumi.Input[str], subject: str) -> None:
    """Raise `InputError` unless `value` is a Kubernetes quantity above zero."""
    if isinstance(value, str):
        found = _QUANTITY.fullmatch(value)
        require(
            found is not None and float(found[1]) > 0,
            subject,
            "a Kubernetes quantity above zero, as in 250m, 2 or 64Mi",
            value,
        )


def require_memory(value: pulumi.Input[str], subject: str) -> None:
    """Raise `InputError` unless `value` is a quantity of bytes; `m` is refused, which means a thousandth of one."""
    require_quantity(value, subject)
    if isinstance(value, str):
        require(not value.endswith("m"), subject, "a quantity of bytes, as in 64Mi", value)


def require_image(value: pulumi.Input[str], subject: str) -> None:
    """Raise `InputError` unless `value` says which image it is, today and tomorrow."""
    if isinstance(value, str):
        require(
            _FIXED_IMAGE.fullmatch(value) is not None,
            subject,
            "an image with a tag other than latest, or a sha256 digest",
            value,
        )


def require_path(value: str, subject: str) -> None:
    """Raise `InputError` unless `value` is the path of a URL, without query."""
    require(_PATH.fullmatch(value) is not None, subject, "a path that starts with /", value)


def require_port(value: int, subject: str) -> None:
    """Raise `InputError` unless `value` is a port that a process without rights may listen on."""
    # Below 1024 a process needs a capability, which pods do not have, or a runtime that is told otherwise.
    require(1024 <= value <= 65535, subject, "from 1024 to 65535", value)


def public(value: pulumi.Input[T], subject: str) -> pulumi.Output[T]:
    """`value`, unless it is a secret: then the run ends with an `InputError`.

    For what is kept in plain text, where being secret would get lost without a word.
    """
    output = pulumi.Output.from_input(value)

    async def refuse_a_secret() -> None:
        require(
            not await output.is_secret(),
            subject,
            "without secrets, because it is kept in plain text",
            "a secret (not shown)",
        )

    def first(both: list[Any]) -> T:
        value: T = both[0]
        return value

    return pulumi.Output.all(output, refuse_a_secret()).apply(first)


def require_keys(values: Mapping[str, Any], pattern: re.Pattern[str], subject: str, expected: str) -> None:
    """Raise `InputError` unless every key of `values` matches; only keys are shown, because values may be secret."""
    bad = [key for key in values if pattern.fullmatch(key) is None]
    require(not bad, subject, expected, bad)
