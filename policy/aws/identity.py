"""Rules over who may do what: IAM and KMS."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from policy.aws.documents import (
    actions,
    conditions,
    listed,
    name_of,
    not_public,
    on_everything,
    principals,
    statements,
)
from policy.checks import all_of, at_least, is_given, is_true
from policy.controls import aws_guide, cis_aws, fsbp, security_hub, well_architected
from policy.rule import (
    HOLDS,
    NOT_APPLICABLE,
    Inputs,
    Resource,
    Rule,
    Severity,
    Stack,
    StackRule,
    Verdict,
    Violated,
    attempt,
    each,
    worst,
)
from policy.values import at, document, items

_ROLE = "aws:iam/role:Role"
_MANAGED = "aws:iam/policy:Policy"
_INLINE = (
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
)
_ATTACHMENTS = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
)
_ATTACHED = ("policyArn", "policyArns", "managedPolicyArns")
_ON_USERS = ("aws:iam/userPolicy:UserPolicy", "aws:iam/userPolicyAttachment:UserPolicyAttachment")
_GITHUB = "token.actions.githubusercontent.com"
# One repository, and of it one environment, one branch or tag, or its pull requests; no wildcard in what binds it.
# https://docs.github.com/en/actions/reference/security/oidc#example-subject-claims
_BOUND = re.compile(r"repo:[^*?:/]+/[^*?:/]+:(environment:[^*?]+|ref:refs/(heads|tags)/[^*?]+|pull_request)")
_PASSWORD_LENGTH = 14
_PASSWORDS_REMEMBERED = 24
_DECRYPTING = ("kms:decrypt", "kms:reencryptfrom")


def _allowing(inputs: Inputs) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every statement that allows, with the property it is in: a role may hold its policies itself."""
    for statement in statements(document(inputs, "policy"), "Allow"):
        yield "policy", statement
    for inline in items(inputs, "inlinePolicies"):
        for statement in statements(document(inline, "policy"), "Allow"):
            yield "inlinePolicies", statement


def _no_admin(inputs: Inputs) -> Verdict:
    for path, statement in _allowing(inputs):
        if {"*", "*:*"} & set(actions(statement)) and on_everything(statement):
            return Violated(f"{path}: {name_of(statement)} allows every action on every resource")
    return HOLDS


def _no_service_wildcard(inputs: Inputs) -> Verdict:
    for path, statement in _allowing(inputs):
        for action in actions(statement):
            if re.fullmatch(r"[a-z0-9-]+:\*", action) and on_everything(statement):
                return Violated(f"{path}: {name_of(statement)} allows {action} on every resource")
    return HOLDS


def _no_decryption_of_all(inputs: Inputs) -> Verdict:
    for path, statement in _allowing(inputs):
        named = [str(one) for one in listed(statement.get("Resource"))]
        all_keys = on_everything(statement) or any(
            re.fullmatch(r"arn:[^:]+:kms:[^:]*:[^:]*:(key/)?\*", one) for one in named
        )
        by_service = any(key in ("kms:viaservice", "kms:resourcealiases") for _, key, _ in conditions(statement))
        if (
            all_keys
            and not by_service
            and any(fnmatchcase(name, one) for one in actions(statement) for name in _DECRYPTING)
        ):
            return Violated(f"{path}: {name_of(statement)} allows decryption with every key")
    return HOLDS


def _no_admin_attached(inputs: Inputs) -> Verdict:
    def check(path: str) -> Verdict:
        return each(
            items(inputs, path), lambda arn: Violated(f"{path} is AdministratorAccess") if _admin(arn) else HOLDS
        )

    return worst([attempt(lambda path=path: check(path)) for path in _ATTACHED])  # type: ignore[misc] # bound early


def _admin(arn: object) -> bool:
    return str(arn).endswith(":policy/AdministratorAccess")


def _github_bound(inputs: Inputs) -> Verdict:
    trusting = [
        one
        for one in statements(document(inputs, "assumeRolePolicy"), "Allow")
        if any(_GITHUB in principal for principal in principals(one, "Federated"))
    ]
    if not trusting:
        return NOT_APPLICABLE
    for statement in trusting:
        found = _unbound(statement)
        if found:
            return Violated(f"assumeRolePolicy: {found}")
    return HOLDS


def _unbound(statement: Mapping[str, Any]) -> str:
    """What is wrong with trust in GitHub's tokens; empty when nothing is."""
    tests = [one for one in conditions(statement) if one[0] in ("stringequals", "stringlike")]
    audiences = [value for _, key, values in tests if key == f"{_GITHUB}:aud" for value in values]
    if audiences != ["sts.amazonaws.com"]:
        return f"{name_of(statement)} does not ask for the audience sts.amazonaws.com"
    subjects = [value for _, key, values in tests if key == f"{_GITHUB}:sub" for value in values]
    if not subjects:
        return f"{name_of(statement)} has no condition on {_GITHUB}:sub, so every repository on GitHub may come"
    loose = [one for one in subjects if not _BOUND.fullmatch(one)]
    return f"the subject {loose[0]} is not one repository with one environment, branch or tag" if loose else ""


def _symmetric(inputs: Inputs) -> bool:
    spec, usage = at(inputs, "customerMasterKeySpec"), at(inputs, "keyUsage")
    return spec in (None, "SYMMETRIC_DEFAULT") and usage in (None, "ENCRYPT_DECRYPT")


def _rotated(inputs: Inputs) -> Verdict:
    return is_true("enableKeyRotation")(inputs) if _symmetric(inputs) else NOT_APPLICABLE


def _nothing_on_users(inputs: Inputs) -> Verdict:
    return Violated("user gets permissions directly") if at(inputs, "user") else HOLDS


def _long_lived(_inputs: Inputs) -> Verdict:
    return Violated("an access key is valid until somebody takes it away")


def _boundary(resource: Resource, stack: Stack) -> Verdict:
    # AWS makes these itself, and takes no boundary for them.
    if str(at(resource.values, "path") or "").startswith("/aws-service-role/"):
        return NOT_APPLICABLE
    return is_given("permissionsBoundary", _MANAGED)(resource, stack)


def _names_audience(inputs: Inputs) -> Verdict:
    audiences = [str(one) for one in items(inputs, "clientIdLists")]
    return HOLDS if audiences and "*" not in audiences else Violated("clientIdLists names no audience")


_POLICIES = (
    Rule(
        name="iam-no-admin-policy",
        title="No policy allows everything",
        controls=(fsbp("IAM.1"), cis_aws("1.15")),
        severity=Severity.CRITICAL,
        remedy="List the actions and resources that are needed.",
        types=(_MANAGED, *_INLINE, _ROLE),
        check=_no_admin,
    ),
    Rule(
        name="iam-no-service-wildcard",
        title="No policy allows all of a service on everything",
        controls=(fsbp("IAM.21"),),
        severity=Severity.MEDIUM,
        remedy="List the actions that are needed, or name the resources.",
        types=(_MANAGED, *_INLINE, _ROLE),
        check=_no_service_wildcard,
    ),
    Rule(
        name="iam-no-decryption-of-all",
        title="No policy allows decryption with every key",
        controls=(fsbp("KMS.1"), fsbp("KMS.2")),
        severity=Severity.MEDIUM,
        remedy="Name the keys in Resource, or add a condition on kms:ViaService or kms:ResourceAliases.",
        types=(_MANAGED, *_INLINE, _ROLE),
        check=_no_decryption_of_all,
    ),
    Rule(
        name="iam-no-admin-attached",
        title="AdministratorAccess is attached to nobody",
        controls=(cis_aws("1.15"),),
        severity=Severity.HIGH,
        remedy="Attach a policy that lists what is needed.",
        types=(*_ATTACHMENTS, _ROLE),
        check=_no_admin_attached,
    ),
)

_WHO = (
    Rule(
        name="iam-trust-not-open",
        title="No role can be assumed by everybody",
        controls=(
            aws_guide(
                "access-analyzer-external",
                "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-resources.html",
            ),
        ),
        severity=Severity.CRITICAL,
        remedy="Name the principals in assumeRolePolicy.",
        types=(_ROLE,),
        check=not_public("assumeRolePolicy"),
    ),
    Rule(
        name="iam-github-trust-bound",
        title="Trust in GitHub Actions is bound to one repository and one environment",
        controls=(
            aws_guide(
                "github-oidc", "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html"
            ),
            well_architected("SEC02-BP02", "sec_identities_unique"),
        ),
        severity=Severity.CRITICAL,
        remedy="Set StringEquals on aud to sts.amazonaws.com, and on sub to repo:OWNER/NAME:environment:ENVIRONMENT.",
        types=(_ROLE,),
        check=_github_bound,
    ),
    Rule(
        name="iam-oidc-audience",
        title="Identity providers name whom their tokens are for",
        controls=(
            aws_guide(
                "oidc-provider", "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html"
            ),
        ),
        severity=Severity.HIGH,
        remedy="Set clientIdLists to the audience, such as sts.amazonaws.com.",
        types=("aws:iam/openIdConnectProvider:OpenIdConnectProvider",),
        check=_names_audience,
    ),
    Rule(
        name="iam-nothing-on-users",
        title="Users get permissions through groups",
        controls=(fsbp("IAM.2"), cis_aws("1.14")),
        severity=Severity.MEDIUM,
        remedy="Attach the policy to a group or a role.",
        types=_ON_USERS,
        check=_nothing_on_users,
    ),
    Rule(
        name="iam-no-access-keys",
        title="Nobody gets a long-lived access key",
        controls=(well_architected("SEC02-BP02", "sec_identities_unique"), cis_aws("1.17")),
        severity=Severity.HIGH,
        remedy="Use a role: OIDC for pipelines, pod identity or instance profiles for workloads.",
        types=("aws:iam/accessKey:AccessKey",),
        check=_long_lived,
    ),
    Rule(
        name="iam-password-policy",
        title="Passwords are long, mixed and not used again",
        controls=(fsbp("IAM.7"), cis_aws("1.7"), cis_aws("1.8")),
        severity=Severity.MEDIUM,
        remedy="Set a length of 14, 24 passwords that are not used again, and all four kinds of characters.",
        types=("aws:iam/accountPasswordPolicy:AccountPasswordPolicy",),
        check=all_of(
            at_least("minimumPasswordLength", _PASSWORD_LENGTH),
            at_least("passwordReusePrevention", _PASSWORDS_REMEMBERED),
            is_true("requireLowercaseCharacters", "requireUppercaseCharacters", "requireNumbers", "requireSymbols"),
        ),
    ),
)

_KEYS = (
    Rule(
        name="kms-rotated",
        title="Keys are rotated every year",
        controls=(security_hub("KMS.4"), cis_aws("3.6")),
        severity=Severity.MEDIUM,
        remedy="Set enableKeyRotation to true.",
        types=("aws:kms/key:Key",),
        check=_rotated,
    ),
    Rule(
        name="kms-policy-not-public",
        title="Keys are not open to everybody",
        controls=(fsbp("KMS.5"),),
        severity=Severity.CRITICAL,
        remedy="Name the principals, or add a condition on kms:CallerAccount.",
        types=("aws:kms/key:Key", "aws:kms/keyPolicy:KeyPolicy", "aws:kms/replicaKey:ReplicaKey"),
        check=not_public("policy"),
    ),
)

RULES: tuple[Rule, ...] = (*_POLICIES, *_WHO, *_KEYS)

STACK_RULES: tuple[StackRule, ...] = (
    StackRule(
        name="iam-role-has-boundary",
        title="Roles cannot get more than a boundary allows",
        controls=(well_architected("SEC03-BP05", "sec_permissions_define_guardrails"),),
        severity=Severity.LOW,
        remedy="Set permissionsBoundary.",
        types=(_ROLE,),
        check=_boundary,
    ),
)
