"""Rules over what holds data: S3, RDS, DynamoDB, EBS, ECR, queues and topics."""

from policy.aws.documents import actions, conditions, listed, not_public, principals, statements
from policy.checks import all_of, at_least, is_absent, is_given, is_not_true, is_true, one_of
from policy.controls import aws_guide, cis_aws, fsbp, security_hub
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
)
from policy.values import at, document, items

BUCKET = "aws:s3/bucket:Bucket"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
PUBLIC_ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
_OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
_DATABASE = "aws:rds/instance:Instance"
_DATABASE_CLUSTER = "aws:rds/cluster:Cluster"
_CLUSTER_INSTANCE = "aws:rds/clusterInstance:ClusterInstance"
_TABLE = "aws:dynamodb/table:Table"
_REPOSITORY = "aws:ecr/repository:Repository"
_TOPIC = "aws:sns/topic:Topic"
_QUEUE = "aws:sqs/queue:Queue"
_SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type
KEYS = ("aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey", "aws:kms/alias:Alias")
_BACKUP_DAYS = 7


def _tls_only(inputs: Inputs) -> Verdict:
    for statement in statements(document(inputs, "policy"), "Deny"):
        insecure = any(
            operator in ("bool", "boolifexists") and key == "aws:securetransport" and "false" in values
            for operator, key, values in conditions(statement)
        )
        everything = {"*", "s3:*"} & set(actions(statement)) and "NotResource" not in statement
        objects = any(str(one) == "*" or str(one).endswith("/*") for one in listed(statement.get("Resource")))
        if insecure and everything and objects and "*" in principals(statement, "AWS"):
            return HOLDS
    return Violated("policy denies nobody who comes without TLS")


def _kms_encryption(inputs: Inputs) -> Verdict:
    rules = items(inputs, "rules")
    if not rules:
        return Violated("rules is empty")
    return each(rules, one_of("applyServerSideEncryptionByDefault.sseAlgorithm", ("aws:kms", "aws:kms:dsse")))


def _password_managed(inputs: Inputs) -> Verdict:
    if any(at(inputs, name) for name in ("replicateSourceDb", "replicationSourceIdentifier", "snapshotIdentifier")):
        return NOT_APPLICABLE
    return all_of(is_true("manageMasterUserPassword"), is_absent("password", "masterPassword"))(inputs)


def _recoverable(inputs: Inputs) -> Verdict:
    return is_true("pointInTimeRecovery.enabled")(inputs)


def _registry_key(inputs: Inputs) -> Verdict:
    found = items(inputs, "encryptionConfigurations")
    if not found:
        return Violated("encryptionConfigurations is not set")
    return each(found, one_of("encryptionType", ("KMS", "KMS_DSSE")))


def _queue_encrypted(resource: Resource, stack: Stack) -> Verdict:
    # The key first: where there is one, whether SQS has its own is an output that is not known before the apply.
    with_key = attempt(lambda: is_given("kmsMasterKeyId", *KEYS)(resource, stack))
    if with_key == HOLDS or at(resource.values, "sqsManagedSseEnabled") is True:
        return HOLDS
    return with_key


_S3 = (
    Rule(
        name="s3-public-access-blocked",
        title="S3 blocks all public access",
        controls=(fsbp("S3.8"), fsbp("S3.1"), cis_aws("2.1.4")),
        severity=Severity.CRITICAL,
        remedy="Set blockPublicAcls, blockPublicPolicy, ignorePublicAcls and restrictPublicBuckets to true.",
        types=(PUBLIC_ACCESS_BLOCK, "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"),
        check=is_true("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"),
    ),
    Rule(
        name="s3-tls-only",
        title="S3 buckets are reached by TLS only",
        controls=(fsbp("S3.5"), cis_aws("2.1.1")),
        severity=Severity.HIGH,
        remedy="Deny s3:* to * on the bucket and its objects where aws:SecureTransport is false.",
        types=(BUCKET_POLICY,),
        check=_tls_only,
    ),
    Rule(
        name="s3-policy-not-public",
        title="S3 bucket policies allow nothing to everybody",
        controls=(fsbp("S3.2"), fsbp("S3.3")),
        severity=Severity.CRITICAL,
        remedy="Name the principals, or add a condition on their account, organization or network.",
        types=(BUCKET_POLICY,),
        check=not_public("policy"),
    ),
    Rule(
        name="s3-encrypted-with-kms",
        title="S3 encrypts with KMS by default",
        controls=(security_hub("S3.17"),),
        severity=Severity.MEDIUM,
        remedy="Set sseAlgorithm to aws:kms, and kmsMasterKeyId to a key of yours.",
        types=(ENCRYPTION,),
        check=_kms_encryption,
    ),
    Rule(
        name="s3-versioned",
        title="S3 keeps versions of what is replaced or deleted",
        controls=(security_hub("S3.14"),),
        severity=Severity.MEDIUM,
        remedy="Set versioningConfiguration.status to Enabled.",
        types=(VERSIONING,),
        check=one_of("versioningConfiguration.status", ("Enabled",)),
    ),
    Rule(
        name="s3-acls-off",
        title="S3 decides by policies, not by ACLs",
        controls=(fsbp("S3.12"),),
        severity=Severity.MEDIUM,
        remedy="Set rule.objectOwnership to BucketOwnerEnforced.",
        types=(_OWNERSHIP,),
        check=one_of("rule.objectOwnership", ("BucketOwnerEnforced",)),
    ),
)

_DATABASES = (
    Rule(
        name="rds-encrypted",
        title="Databases are encrypted at rest",
        controls=(fsbp("RDS.3"), fsbp("RDS.27"), cis_aws("2.2.1")),
        severity=Severity.HIGH,
        remedy="Set storageEncrypted to true; it cannot be changed later without a replacement.",
        types=(_DATABASE, _DATABASE_CLUSTER),
        check=is_true("storageEncrypted"),
    ),
    Rule(
        name="rds-not-public",
        title="Databases have no public address",
        controls=(fsbp("RDS.2"), cis_aws("2.2.3")),
        severity=Severity.CRITICAL,
        remedy="Leave publiclyAccessible out, or set it to false.",
        types=(_DATABASE, _CLUSTER_INSTANCE),
        check=is_not_true("publiclyAccessible"),
    ),
    Rule(
        name="rds-multi-az",
        title="Databases survive the loss of an availability zone",
        controls=(fsbp("RDS.5"), cis_aws("2.2.4")),
        severity=Severity.MEDIUM,
        remedy="Set multiAz to true.",
        types=(_DATABASE,),
        check=is_true("multiAz"),
    ),
    Rule(
        name="rds-backed-up",
        title="Databases can be restored to any moment of a week",
        controls=(fsbp("RDS.11"),),
        severity=Severity.MEDIUM,
        remedy=f"Set backupRetentionPeriod to {_BACKUP_DAYS} or more.",
        types=(_DATABASE, _DATABASE_CLUSTER),
        check=at_least("backupRetentionPeriod", _BACKUP_DAYS),
    ),
    Rule(
        name="rds-deletion-protected",
        title="Databases are protected from deletion",
        controls=(fsbp("RDS.8"), fsbp("RDS.7")),
        severity=Severity.MEDIUM,
        remedy="Set deletionProtection to true.",
        types=(_DATABASE, _DATABASE_CLUSTER),
        check=is_true("deletionProtection"),
    ),
    Rule(
        name="rds-password-managed",
        title="AWS makes and rotates the master password of databases",
        controls=(
            aws_guide(
                "rds-secrets-manager", "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html"
            ),
        ),
        severity=Severity.HIGH,
        remedy="Set manageMasterUserPassword to true, and give no password.",
        types=(_DATABASE, _DATABASE_CLUSTER),
        check=_password_managed,
    ),
    Rule(
        name="rds-minor-upgrades",
        title="Databases take minor versions by themselves",
        controls=(fsbp("RDS.13"), cis_aws("2.2.2")),
        severity=Severity.LOW,
        remedy="Leave autoMinorVersionUpgrade out, or set it to true.",
        types=(_DATABASE, _CLUSTER_INSTANCE),
        check=one_of("autoMinorVersionUpgrade", (True, None)),
    ),
    Rule(
        name="dynamodb-recoverable",
        title="DynamoDB tables can be restored to any moment",
        controls=(fsbp("DynamoDB.2"),),
        severity=Severity.MEDIUM,
        remedy="Set pointInTimeRecovery.enabled to true.",
        types=(_TABLE,),
        check=_recoverable,
    ),
    Rule(
        name="dynamodb-deletion-protected",
        title="DynamoDB tables are protected from deletion",
        controls=(fsbp("DynamoDB.6"),),
        severity=Severity.MEDIUM,
        remedy="Set deletionProtectionEnabled to true.",
        types=(_TABLE,),
        check=is_true("deletionProtectionEnabled"),
    ),
)

_MESSAGES_AND_IMAGES = (
    Rule(
        name="ecr-tags-immutable",
        title="An image's tag always means the same image",
        controls=(fsbp("ECR.2"),),
        severity=Severity.MEDIUM,
        remedy="Set imageTagMutability to IMMUTABLE.",
        types=(_REPOSITORY,),
        check=one_of("imageTagMutability", ("IMMUTABLE",)),
    ),
    Rule(
        name="ecr-scans-images",
        title="Images are scanned when they are pushed",
        controls=(fsbp("ECR.1"),),
        severity=Severity.HIGH,
        remedy="Set imageScanningConfiguration.scanOnPush to true.",
        types=(_REPOSITORY,),
        check=is_true("imageScanningConfiguration.scanOnPush"),
    ),
    Rule(
        name="ecr-encrypted-with-kms",
        title="Image repositories are encrypted with KMS",
        controls=(security_hub("ECR.5"),),
        severity=Severity.LOW,
        remedy="Set encryptionConfigurations to encryptionType KMS with a key of yours.",
        types=(_REPOSITORY,),
        check=_registry_key,
    ),
    Rule(
        name="messages-not-public",
        title="Topics and queues are not open to everybody",
        controls=(fsbp("SNS.4"), fsbp("SQS.3")),
        severity=Severity.CRITICAL,
        remedy="Name the principals, or add a condition such as aws:SourceArn.",
        types=("aws:sns/topicPolicy:TopicPolicy", "aws:sqs/queuePolicy:QueuePolicy", _TOPIC, _QUEUE),
        check=not_public("policy"),
    ),
)

RULES: tuple[Rule, ...] = (*_S3, *_DATABASES, *_MESSAGES_AND_IMAGES)

STACK_RULES: tuple[StackRule, ...] = (
    StackRule(
        name="sns-encrypted",
        title="Topics are encrypted with KMS",
        controls=(security_hub("SNS.1"),),
        severity=Severity.MEDIUM,
        remedy="Set kmsMasterKeyId.",
        types=(_TOPIC,),
        check=is_given("kmsMasterKeyId", *KEYS),
    ),
    StackRule(
        name="sqs-encrypted",
        title="Queues are encrypted at rest",
        controls=(fsbp("SQS.1"),),
        severity=Severity.MEDIUM,
        remedy="Set kmsMasterKeyId, or sqsManagedSseEnabled to true.",
        types=(_QUEUE,),
        check=_queue_encrypted,
    ),
    StackRule(
        name="secret-key-chosen",
        title="Secrets are encrypted with a key of the team's own",
        controls=(
            aws_guide(
                "secrets-encryption",
                "https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html",
            ),
        ),
        severity=Severity.MEDIUM,
        remedy="Set kmsKeyId.",
        types=(_SECRET,),
        check=is_given("kmsKeyId", *KEYS),
    ),
)
