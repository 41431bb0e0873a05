"""Pulumi's name of a resource, read and written in one place.

The form is `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`, with the types of all parents before the resource's own
(`sdk/go/common/resource/urn/urn.go` of pulumi/pulumi). A name may contain `::` itself; nothing else does. Plans,
records and events keep the text.
"""

from dataclasses import dataclass
from functools import lru_cache

_PREFIX = "urn:pulumi:"
_BETWEEN_PARTS, _BETWEEN_TYPES = "::", "$"

STACK_TYPE = "pulumi:pulumi:Stack"
"""The type of the resource that stands for the stack itself."""
PROVIDER_TYPE = "pulumi:providers:"
"""What the type of a provider begins with; its package follows."""


@dataclass(frozen=True, slots=True)
class Urn:
    """A resource's name within all stacks."""

    stack: str
    """The stack, without its project."""
    project: str
    """The project that the stack belongs to."""
    parent_types: tuple[str, ...]
    """The types of its parents, the outermost first; the stack itself is left out."""
    type: str
    """The resource's own type token."""
    name: str
    """The logical name."""

    @classmethod
    def parse(cls, text: str) -> "Urn | None":
        """The URN that the text is; None where it is none."""
        return _parsed(text)

    def __str__(self) -> str:
        types = _BETWEEN_TYPES.join((*self.parent_types, self.type))
        return _PREFIX + _BETWEEN_PARTS.join((self.stack, self.project, types, self.name))


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Urn | None:
    parts = text.removeprefix(_PREFIX).split(_BETWEEN_PARTS, 3)
    if not text.startswith(_PREFIX) or len(parts) < 4:
        return None
    stack, project, types, name = parts
    *parents, own = types.split(_BETWEEN_TYPES)
    return Urn(stack, project, tuple(parents), own, name)


def name_in(urn: str) -> str:
    """The logical name in a URN; a text that is no URN, as it is."""
    parsed = Urn.parse(urn)
    return parsed.name if parsed else urn


def type_in(urn: str) -> str:
    """The type token in a URN; empty for a text that is no URN."""
    parsed = Urn.parse(urn)
    return parsed.type if parsed else ""


def provider_of(reference: str) -> tuple[str, str]:
    """URN and id in Pulumi's reference to a provider, `<urn>::<id>`; a URN of "" where it is none."""
    urn, _, id_ = reference.rpartition(_BETWEEN_PARTS)
    return urn, id_
