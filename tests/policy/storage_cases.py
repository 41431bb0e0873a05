"""Cases of the rules over storage."""

from policy.values import UNKNOWN
from tests.policy.judging import Case, allow, but, policy, without

ARN = "arn:aws:s3:::shop-assets"
BLOCK = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)
TLS = {
    "Sid": "TlsOnly",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [ARN, f"{ARN}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
OURS = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
DATABASE = {"engine": "postgres", "storageEncrypted": True, "backupRetentionPeriod": 7.0, "multiAz": True}

STORAGE = {
    "s3-public-access-blocked": Case(
        keeps=(BLOCK,),
        breaks=(
            *((but(BLOCK, key, False), f"{key} is false") for key in BLOCK),
            (without(BLOCK, "blockPublicAcls"), "not set"),
        ),
        unknown=((but(BLOCK, "blockPublicPolicy", UNKNOWN), "blockPublicPolicy"),),
    ),
    "s3-tls-only": Case(
        keeps=(
            {"policy": policy(TLS)},
            {"policy": {"Statement": TLS}},
            {
                "policy": policy(
                    TLS | {"Condition": {"Bool": {"aws:SecureTransport": False}}, "Principal": {"AWS": "*"}}
                )
            },
        ),
        breaks=(
            ({"policy": policy()}, "without TLS"),
            ({"policy": policy(TLS | {"Effect": "Allow"})}, "without TLS"),
            ({"policy": policy(TLS | {"Action": "s3:GetObject"})}, "without TLS"),
            ({"policy": policy(TLS | {"Resource": ARN})}, "without TLS"),
            ({"policy": policy(TLS | {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}})}, "without TLS"),
            ({"policy": policy(TLS | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}})}, "without TLS"),
            ({"policy": "no json"}, "policy is not a JSON document"),
        ),
        unknown=(({"policy": UNKNOWN}, "policy"),),
    ),
    "s3-policy-not-public": Case(
        keeps=(
            {"policy": policy(TLS)},
            {"policy": policy(allow("s3:GetObject", Principal={"AWS": "arn:aws:iam::123456789012:root"}))},
            {"policy": policy(allow("s3:GetObject", Principal="*", Condition=OURS))},
        ),
        breaks=(
            ({"policy": policy(allow("s3:GetObject", Principal="*", Sid="Open"))}, "statement Open allows everybody"),
            ({"policy": policy(allow("s3:GetObject", Principal={"AWS": ["*"]}))}, "allows everybody"),
            ({"policy": policy(allow("s3:*", NotPrincipal={"AWS": "arn:aws:iam::1:root"}))}, "allows everybody"),
            (
                {"policy": policy(allow("s3:*", Principal="*", Condition={"StringNotEquals": {"aws:SourceVpc": "v"}}))},
                "allows everybody",
            ),
            (
                {"policy": policy(allow("s3:*", Principal="*", Condition={"StringLike": {"aws:PrincipalArn": "*"}}))},
                "allows everybody",
            ),
        ),
        unknown=(({"policy": UNKNOWN}, "policy"),),
    ),
    "s3-encrypted-with-kms": Case(
        keeps=(
            {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": UNKNOWN}}]},
        ),
        breaks=(
            ({"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]}, "sseAlgorithm is AES256"),
            ({"rules": []}, "rules is empty"),
        ),
        unknown=(({"rules": UNKNOWN}, "rules"), ({"rules": [UNKNOWN]}, "rules[0]")),
    ),
    "s3-versioned": Case(
        keeps=({"versioningConfiguration": {"status": "Enabled"}},),
        breaks=(({"versioningConfiguration": {"status": "Suspended"}}, "status is Suspended"), ({}, "not set")),
        unknown=(({"versioningConfiguration": {"status": UNKNOWN}}, "versioningConfiguration.status"),),
    ),
    "s3-acls-off": Case(
        keeps=({"rule": {"objectOwnership": "BucketOwnerEnforced"}},),
        breaks=(({"rule": {"objectOwnership": "ObjectWriter"}}, "objectOwnership is ObjectWriter"),),
        unknown=(({"rule": UNKNOWN}, "rule"),),
    ),
    "rds-encrypted": Case(
        keeps=(DATABASE,),
        breaks=((but(DATABASE, "storageEncrypted", False), "storageEncrypted is false"), ({}, "not set")),
        unknown=((but(DATABASE, "storageEncrypted", UNKNOWN), "storageEncrypted"),),
    ),
    "rds-not-public": Case(
        keeps=(DATABASE, {"publiclyAccessible": False}),
        breaks=(({"publiclyAccessible": True}, "publiclyAccessible is true"),),
        unknown=(({"publiclyAccessible": UNKNOWN}, "publiclyAccessible"),),
    ),
    "rds-multi-az": Case(
        keeps=(DATABASE,),
        breaks=((but(DATABASE, "multiAz", False), "multiAz is false"), ({}, "not set")),
        unknown=(({"multiAz": UNKNOWN}, "multiAz"),),
    ),
    "rds-backed-up": Case(
        keeps=(DATABASE, {"backupRetentionPeriod": 35.0}),
        breaks=(
            ({"backupRetentionPeriod": 6.0}, "backupRetentionPeriod is 6, less than 7"),
            ({"backupRetentionPeriod": 0.0}, "is 0"),
            ({}, "not set"),
        ),
        unknown=(({"backupRetentionPeriod": UNKNOWN}, "backupRetentionPeriod"),),
    ),
    "rds-deletion-protected": Case(
        keeps=({"deletionProtection": True},),
        breaks=(({"deletionProtection": False}, "deletionProtection is false"), ({}, "not set")),
        unknown=(({"deletionProtection": UNKNOWN}, "deletionProtection"),),
    ),
    "rds-password-managed": Case(
        keeps=({"manageMasterUserPassword": True},),
        breaks=(
            ({"password": "correct horse"}, "password is set"),
            ({"manageMasterUserPassword": True, "masterPassword": "correct horse"}, "masterPassword is set"),
            ({}, "manageMasterUserPassword is not set"),
        ),
        unknown=(({"manageMasterUserPassword": True, "password": UNKNOWN}, "password"),),
        silent=({"replicateSourceDb": "main"}, {"snapshotIdentifier": "yesterday"}),
    ),
    "rds-minor-upgrades": Case(
        keeps=({}, {"autoMinorVersionUpgrade": True}),
        breaks=(({"autoMinorVersionUpgrade": False}, "autoMinorVersionUpgrade is false"),),
        unknown=(({"autoMinorVersionUpgrade": UNKNOWN}, "autoMinorVersionUpgrade"),),
    ),
    "dynamodb-recoverable": Case(
        keeps=({"pointInTimeRecovery": {"enabled": True}},),
        breaks=(({"pointInTimeRecovery": {"enabled": False}}, "enabled is false"), ({}, "not set")),
        unknown=(({"pointInTimeRecovery": UNKNOWN}, "pointInTimeRecovery"),),
    ),
    "dynamodb-deletion-protected": Case(
        keeps=({"deletionProtectionEnabled": True},),
        breaks=(({}, "deletionProtectionEnabled is not set"),),
        unknown=(({"deletionProtectionEnabled": UNKNOWN}, "deletionProtectionEnabled"),),
    ),
    "ecr-tags-immutable": Case(
        keeps=({"imageTagMutability": "IMMUTABLE"},),
        breaks=(({"imageTagMutability": "MUTABLE"}, "imageTagMutability is MUTABLE"), ({}, "not set")),
        unknown=(({"imageTagMutability": UNKNOWN}, "imageTagMutability"),),
    ),
    "ecr-scans-images": Case(
        keeps=({"imageScanningConfiguration": {"scanOnPush": True}},),
        breaks=(({"imageScanningConfiguration": {"scanOnPush": False}}, "scanOnPush is false"), ({}, "not set")),
        unknown=(({"imageScanningConfiguration": UNKNOWN}, "imageScanningConfiguration"),),
    ),
    "ecr-encrypted-with-kms": Case(
        keeps=({"encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": UNKNOWN}]},),
        breaks=(
            ({"encryptionConfigurations": [{"encryptionType": "AES256"}]}, "encryptionType is AES256"),
            ({}, "encryptionConfigurations is not set"),
        ),
        unknown=(
            ({"encryptionConfigurations": [{"encryptionType": UNKNOWN}]}, "encryptionConfigurations[0].encryptionType"),
        ),
    ),
    "messages-not-public": Case(
        keeps=(
            {},
            {"policy": policy(allow("sns:Publish", Principal={"Service": "cloudwatch.amazonaws.com"}))},
            {"policy": policy(allow("sns:Publish", Principal="*", Condition={"ArnLike": {"aws:SourceArn": "arn:x"}}))},
        ),
        breaks=(({"policy": policy(allow("sqs:SendMessage", Principal="*"))}, "allows everybody"),),
        unknown=(({"policy": UNKNOWN}, "policy"),),
    ),
}
