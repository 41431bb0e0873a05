"""The promise's ground in the cloud: who may take the pipeline's roles, how the state is kept, how secrets are."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gitops.config.settings import Config
from gitops.flow.doctor import workflows
from gitops.flow.doctor.findings import About, Finding, KeepVersions, State, not_checked, passed
from gitops.flow.plans.backends import VARIABLE, is_relative
from gitops.flow.words import listed
from gitops.model import BucketSettings, JobEnvironment, RoleTrust, Unread

ROLE, BACKEND = "AWS_ROLE", VARIABLE
AUDIENCE = "sts.amazonaws.com"
_ISSUER = "token.actions.githubusercontent.com"
_TAKES = "sts:assumerolewithwebidentity"
_KEY_SERVICES = ("awskms://", "gcpkms://", "azurekeyvault://", "hashivault://")


@dataclass(frozen=True, slots=True)
class StackSettings:
    """Of a stack's settings file: its secrets provider, and whether it has secrets and the key to compare them by.

    `folder` is its project's, `backend` what its project file names as such; `unread` says why the stack's file could
    not be read.
    """

    stack: str
    provider: str = ""
    has_secrets: bool = False
    has_digest_key: bool = False
    unread: Unread | None = None
    folder: str = "."
    backend: str = ""


# --- roles --------------------------------------------------------------------------------------


def roles(
    everywhere: Mapping[str, JobEnvironment] | Unread,
    trusts: Mapping[str, RoleTrust | Unread],
    repository: str | Unread,
    config: Config,
) -> Iterator[Finding]:
    """The role that each environment's variables name: applies have theirs alone, taken from that environment only.

    `everywhere` are all environments of the repository, also those that are not the pipeline's.
    """
    if isinstance(everywhere, Unread):
        yield not_checked(About.TRUST, "roles in AWS", Unread("the environments that name them could not be read"))
        return
    ours = {name: everywhere[name] for name in workflows.environments(config) if name in everywhere}
    yield from _apart(everywhere, [name for name, only in workflows.environments(config).items() if only])
    for name in ours:
        yield from _trust(ours, name, trusts, repository)


def _apart(everywhere: Mapping[str, JobEnvironment], applies: Sequence[str]) -> Iterator[Finding]:
    """Whether no other job takes the role of an apply: a preview's runs a program that nobody has reviewed yet."""
    roles = {name: _variable(everywhere, name, ROLE) for name in everywhere}
    writing = {role: name for name, role in roles.items() if name in applies and isinstance(role, str) and role}
    for name, role in roles.items():
        if name in applies or not role:
            continue
        if isinstance(role, Unread):
            yield not_checked(About.ROLES, name, role)
        elif role in writing:
            text = f"takes the role of {writing[role]}: what nobody has reviewed could change everything"
            fix = f"give {name} another role, for previews one that only reads"
            yield Finding(About.ROLES, name, State.MISSING, text, fix)
        else:
            yield passed(About.ROLES, name, "has another role than the applies")


def _trust(
    environments: Mapping[str, JobEnvironment],
    name: str,
    trusts: Mapping[str, RoleTrust | Unread],
    repository: str | Unread,
) -> Iterator[Finding]:
    role = _variable(environments, name, ROLE)
    if isinstance(role, Unread):
        yield not_checked(About.TRUST, name, role)
        return
    if not role:
        yield passed(About.TRUST, name, f"takes no role in AWS ({ROLE} is not set)")
        return
    trust = trusts.get(role, Unread("nobody asked AWS"))
    if isinstance(trust, Unread):
        yield not_checked(About.TRUST, name, trust)
    elif isinstance(repository, Unread):
        yield not_checked(About.TRUST, name, repository)
    else:
        # One role may be that of several machines, so it may name their environment as well.
        allowed = {
            f"repo:{repository}:environment:{other}"
            for other in environments
            if _variable(environments, other, ROLE) == role
        }
        yield judge_trust(name, role, trust.policy, f"repo:{repository}:environment:{name}", frozenset(allowed))


def judge_trust(name: str, role: str, policy: Mapping[str, Any], wanted: str, allowed: frozenset[str]) -> Finding:
    """Whether the trust policy lets in `wanted`, and nobody who is not in `allowed`."""
    fix = (
        f"let the trust policy of {role} allow sts:AssumeRoleWithWebIdentity to {_ISSUER} only, with StringEquals "
        f'"{_ISSUER}:aud": "{AUDIENCE}" and "{_ISSUER}:sub": "{wanted}"'
    )
    subjects: set[str] = set()
    problems: list[str] = []
    for statement in _listed(policy.get("Statement")):
        if str(statement.get("Effect")).lower() != "allow":
            continue
        principal = statement.get("Principal")
        federated = _texts(principal.get("Federated")) if isinstance(principal, Mapping) else []
        if not isinstance(principal, Mapping) or set(principal) != {"Federated"} or "NotPrincipal" in statement:
            problems.append(f"it also trusts {principal if isinstance(principal, str) else 'others than GitHub'}")
            continue
        if not all(one.endswith(f":oidc-provider/{_ISSUER}") for one in federated):
            problems.append(f"it also trusts {listed(federated)}")
            continue
        if {action.lower() for action in _texts(statement.get("Action"))} - {_TAKES, "sts:tagsession"}:
            problems.append("it allows more than sts:AssumeRoleWithWebIdentity")
        claims = _claims(statement.get("Condition"))
        if claims.get(f"{_ISSUER}:aud") != {AUDIENCE}:
            problems.append(f"the audience is not only {AUDIENCE}")
        named = claims.get(f"{_ISSUER}:sub")
        if not named:
            problems.append("it names no subject, so that any job of anybody's repository may take it")
        subjects |= named or set()
    wild = sorted(one for one in subjects if set(one) & set("*?"))
    foreign = sorted(subjects - allowed - set(wild))
    if wild:
        problems.append(f"the subject {listed(wild)} is a wildcard")
    if foreign:
        problems.append(f"it also trusts {listed(foreign)}")
    if wanted not in subjects and not wild:
        problems.append(f"it does not trust {wanted}")
    if problems:
        return Finding(About.TRUST, name, State.MISSING, "; ".join(dict.fromkeys(problems)), fix)
    return passed(About.TRUST, name, f"{role} trusts {wanted}")


def _claims(condition: Any) -> Mapping[str, set[str]]:
    """Condition key → the values it is compared with; a comparison that could let more in counts as none.

    `StringLike` without a wildcard compares exactly; one with a wildcard is told by its value.
    """
    found: dict[str, set[str]] = {}
    operators = {operator.lower(): keys for operator, keys in (condition or {}).items()}
    # Both must hold where both are there, so what is compared exactly is the whole of it.
    for operator in ("stringlike", "stringequals"):
        found |= {key.lower(): set(_texts(value)) for key, value in operators.get(operator, {}).items()}
    return found


# --- state --------------------------------------------------------------------------------------


def addresses(
    environments: Mapping[str, JobEnvironment] | Unread, local: str, stacks: Sequence[StackSettings] | Unread
) -> Mapping[str, tuple[str, ...]]:
    """Backend address → the environments whose state is there; `local` is this machine's, asked where none is named.

    Where an environment or this machine names none, Pulumi goes by the project file: those addresses with their stacks.
    """
    found: dict[str, list[str]] = {}
    unnamed = isinstance(environments, Unread) or not environments
    if not isinstance(environments, Unread):
        for name in environments:
            address = _variable(environments, name, BACKEND)
            unnamed = unnamed or address == ""
            if isinstance(address, str) and address:
                found.setdefault(address, []).append(name)
    if not found and local:
        return {local: ("this machine",)}
    if unnamed and not isinstance(stacks, Unread):
        for one in stacks:
            if one.backend:
                found.setdefault(one.backend, []).append(one.stack)
    return {address: tuple(names) for address, names in found.items()}


def backends(
    environments: Mapping[str, JobEnvironment] | Unread,
    buckets: Mapping[str, BucketSettings | Unread],
    local: str,
    stacks: Sequence[StackSettings] | Unread = (),
) -> Iterator[Finding]:
    """How the state is kept."""
    named = addresses(environments, local, stacks)
    by_projects = not isinstance(stacks, Unread) and bool(stacks) and all(one.backend for one in stacks)
    if not isinstance(environments, Unread):
        for name, one in environments.items():
            if isinstance(one.variables, Unread):
                yield not_checked(About.STATE_BACKEND, f"state of {name}", one.variables)
            elif not one.variables.get(BACKEND) and not by_projects:
                fix = f"gh variable set {BACKEND} --env {name} --body s3://BUCKET"
                text = f"names no backend: {BACKEND} is not set"
                yield Finding(About.STATE_BACKEND, f"state of {name}", State.MISSING, text, fix)
    elif not named:
        hint = f"set the variable {BACKEND} in the environments; here: export {BACKEND}=s3://BUCKET"
        yield not_checked(About.STATE_BACKEND, "state", Unread("no backend is named anywhere that could be read", hint))
    for address, names in named.items():
        subject = f"state of {listed(names)}"
        if is_relative(address) and not isinstance(environments, Unread):
            text = f"{address} is a folder of the clone, which no job keeps: every run there is refused"
            yield Finding(
                About.STATE_BACKEND, subject, State.MISSING, text, "move the state into a bucket: docs/state.md"
            )
        else:
            yield from _backend(address, subject, buckets)


def _backend(address: str, subject: str, buckets: Mapping[str, BucketSettings | Unread]) -> Iterator[Finding]:
    scheme = urlsplit(address).scheme
    shown = address.partition("?")[0]
    if scheme == "file":
        text = f"{shown} is a folder of one machine: nothing is kept but what that machine keeps"
        yield Finding(About.STATE_BACKEND, subject, State.ADVICE, text, "use a bucket with versioning for real state")
        return
    if scheme != "s3":
        hint = "see to it that old versions are kept, that it is encrypted, and that it is not public"
        yield not_checked(About.STATE_BACKEND, subject, Unread(f"backends of {scheme}:// are not looked at", hint))
        return
    bucket = buckets.get(address, Unread("nobody asked AWS"))
    if isinstance(bucket, Unread):
        yield not_checked(About.STATE_BACKEND, subject, bucket)
        return
    name = urlsplit(address).netloc
    api = "aws s3api put"
    if not bucket.versioned:
        fix = f"{api}-bucket-versioning --bucket {name} --versioning-configuration Status=Enabled"
        text = f"{shown} keeps no old versions: an overwritten state is lost"
        yield Finding(About.STATE_BACKEND, subject, State.MISSING, text, fix, KeepVersions(address))
    if not bucket.encrypted:
        rules = '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms"}}]}'
        fix = f"{api}-bucket-encryption --bucket {name} --server-side-encryption-configuration '{rules}'"
        yield Finding(About.STATE_BACKEND, subject, State.MISSING, f"{shown} is not encrypted", fix)
    if not bucket.private:
        blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        configuration = ",".join(f"{one}=true" for one in blocks)
        fix = f"{api}-public-access-block --bucket {name} --public-access-block-configuration {configuration}"
        text = f"public access to {shown} is not blocked"
        yield Finding(About.STATE_BACKEND, subject, State.MISSING, text, fix)
    if bucket.versioned and bucket.encrypted and bucket.private:
        yield passed(About.STATE_BACKEND, subject, f"{shown}: versioned, encrypted, closed to the public")


# --- secrets ------------------------------------------------------------------------------------


def secrets(stacks: Sequence[StackSettings] | Unread) -> Iterator[Finding]:
    """With what each stack's secrets are encrypted, and whether there is a key to compare them by."""
    if isinstance(stacks, Unread):
        yield not_checked(About.SECRETS, "stacks", stacks)
        return
    for one in stacks:
        if one.unread:
            yield not_checked(About.SECRETS, one.stack, one.unread)
            continue
        if one.provider.startswith(_KEY_SERVICES):
            yield passed(About.SECRETS, one.stack, f"encrypted with {one.provider.partition('?')[0]}")
        elif one.provider == "passphrase":
            text = "encrypted with a passphrase, which does not tell who used it"
            fix = (
                f'{_pulumi(one)} stack change-secrets-provider --stack {_name(one)} "awskms:///alias/KEY?region=REGION"'
            )
            yield Finding(About.SECRETS, one.stack, State.ADVICE, text, fix)
        elif one.provider:
            why = Unread(f"secrets provider {one.provider.partition(':')[0]} is not known here")
            yield not_checked(About.SECRETS, one.stack, why)
        elif not one.has_secrets:
            yield passed(About.SECRETS, one.stack, "has no secrets")
        else:
            why = Unread("its file has secrets, and does not say with what they are encrypted")
            yield not_checked(About.SECRETS, one.stack, why)
        if one.has_digest_key:
            yield passed(About.DIGEST_KEY, one.stack, "has a key to compare secrets by")
        elif one.has_secrets:
            fix = f"openssl rand -hex 32 | {_pulumi(one)} config set --secret gitops:digestKey --stack {_name(one)}"
            text = "has secrets, and no key to compare them by: every preview of it fails"
            yield Finding(About.DIGEST_KEY, one.stack, State.MISSING, text, fix)


# --- helpers ------------------------------------------------------------------------------------


def _pulumi(one: StackSettings) -> str:
    """The CLI in the stack's project; from elsewhere it knows no stack by its short name."""
    return "pulumi" if one.folder == "." else f"pulumi -C {shlex.quote(one.folder)}"


def _name(one: StackSettings) -> str:
    return shlex.quote(one.stack.rpartition("/")[2])


def _variable(environments: Mapping[str, JobEnvironment], name: str, variable: str) -> str | Unread:
    variables = environments[name].variables
    return variables if isinstance(variables, Unread) else variables.get(variable, "")


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [value] if isinstance(value, Mapping) else list(value or ())


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value or ()]
