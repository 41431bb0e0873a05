"""Rules that a bucket keeps through resources beside it: since version 6, the provider configures them apart."""

from collections.abc import Callable

from policy.aws import storage
from policy.controls import cis_aws, fsbp, security_hub
from policy.rule import HOLDS, Resource, Severity, Stack, StackRule, Unknown, Verdict, Violated
from policy.values import NotKnown, at


def belongs(companion: Resource, owner: Resource, stack: Stack, reference: str, names: tuple[str, ...]) -> bool:
    """Whether `companion` is about `owner`: its `reference` comes from there, or equals one of the owner's `names`.

    Raises `NotKnown` when neither can be told. The dependency is asked first: before the first apply, what a bucket
    is called is an unknown output for whoever refers to it, and where it comes from is known all the same.
    """
    sources = companion.sources.get(reference, frozenset())
    owners = [one.urn for one in stack.of(owner.type) if one.urn in sources]
    if owners and owner.urn not in owners:
        return False
    # A value made of several owners is one of theirs alone, and which one is only seen in the value itself.
    if len(owners) == 1:
        return True
    value = at(companion.values, reference)
    return any(owner.values.gives(name) and owner.values[name] == value for name in names)


def companion_of(
    types: tuple[str, ...], reference: str, names: tuple[str, ...], missing: str
) -> Callable[[Resource, Stack], Verdict]:
    """Each resource has one of these beside it, which refers to it; `missing` says what is not there."""

    def check(resource: Resource, stack: Stack) -> Verdict:
        unclear: NotKnown | None = None
        for companion in stack.of(*types):
            try:
                if belongs(companion, resource, stack, reference, names):
                    return HOLDS
            except NotKnown as error:
                unclear = NotKnown(f"{error.path} of {companion.name}")
        return Unknown(unclear.path) if unclear else Violated(missing)

    return check


def _v2(type_: str) -> str:
    package, module, name = type_.split(":")
    return f"{package}:{module}V2:{name}V2"


def _bucket_has(type_: str, missing: str) -> Callable[[Resource, Stack], Verdict]:
    return companion_of((type_, _v2(type_)), "bucket", ("bucket",), missing)


# The older name of the same resource, and of those beside it, is still served.
_TYPES = (storage.BUCKET, "aws:s3/bucketV2:BucketV2")

STACK_RULES: tuple[StackRule, ...] = (
    StackRule(
        name="s3-bucket-has-public-access-block",
        title="Every bucket has a block of public access",
        controls=(fsbp("S3.8"), cis_aws("2.1.4")),
        severity=Severity.CRITICAL,
        remedy="Add a BucketPublicAccessBlock for the bucket.",
        types=_TYPES,
        check=_bucket_has(storage.PUBLIC_ACCESS_BLOCK, "no BucketPublicAccessBlock refers to this bucket"),
    ),
    StackRule(
        name="s3-bucket-has-encryption",
        title="Every bucket says how it is encrypted",
        controls=(security_hub("S3.17"),),
        severity=Severity.MEDIUM,
        remedy="Add a BucketServerSideEncryptionConfiguration for the bucket.",
        types=_TYPES,
        check=_bucket_has(storage.ENCRYPTION, "no BucketServerSideEncryptionConfiguration refers to this bucket"),
    ),
    StackRule(
        name="s3-bucket-has-versioning",
        title="Every bucket says whether it keeps versions",
        controls=(security_hub("S3.14"),),
        severity=Severity.MEDIUM,
        remedy="Add a BucketVersioning for the bucket.",
        types=_TYPES,
        check=_bucket_has(storage.VERSIONING, "no BucketVersioning refers to this bucket"),
    ),
    StackRule(
        name="s3-bucket-has-policy",
        title="Every bucket has a policy",
        controls=(fsbp("S3.5"), cis_aws("2.1.1")),
        severity=Severity.HIGH,
        remedy="Add a BucketPolicy for the bucket that denies whatever comes without TLS.",
        types=_TYPES,
        check=_bucket_has(storage.BUCKET_POLICY, "no BucketPolicy refers to this bucket"),
    ),
    StackRule(
        name="s3-bucket-has-lifecycle",
        title="Every bucket says when old versions and broken uploads go",
        controls=(fsbp("S3.13"), security_hub("S3.10")),
        severity=Severity.LOW,
        remedy="Add a BucketLifecycleConfiguration for the bucket.",
        types=_TYPES,
        check=_bucket_has(
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            "no BucketLifecycleConfiguration refers to this bucket",
        ),
    ),
)
