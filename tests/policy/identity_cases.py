"""Cases of the rules over IAM and KMS."""

from typing import Any

from policy.values import UNKNOWN
from tests.policy.judging import Case, allow, but, policy

GITHUB = "token.actions.githubusercontent.com"
PASSWORDS = {
    "minimumPasswordLength": 14.0,
    "passwordReusePrevention": 24.0,
    "requireLowercaseCharacters": True,
    "requireUppercaseCharacters": True,
    "requireNumbers": True,
    "requireSymbols": True,
}


def trust(principal: Any, **condition: Any) -> dict[str, str]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return {"assumeRolePolicy": policy(statement | ({"Condition": condition} if condition else {}))}


def github(subject: Any, audience: Any = "sts.amazonaws.com", operator: str = "StringEquals") -> dict[str, str]:
    provider = {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{GITHUB}"}
    tests = {f"{GITHUB}:aud": audience, f"{GITHUB}:sub": subject}
    return trust(provider, **{operator: {key: value for key, value in tests.items() if value is not None}})


IDENTITY = {
    "iam-no-admin-policy": Case(
        keeps=({"policy": policy(allow("s3:*", "*"))}, {"policy": policy(allow("*", "arn:aws:s3:::shop"))}),
        breaks=(
            ({"policy": policy(allow("*", Sid="All"))}, "statement All allows every action"),
            ({"inlinePolicies": [{"name": "x", "policy": policy(allow("*"))}]}, "inlinePolicies: a statement"),
            ({"policy": policy(allow(["s3:GetObject", "*:*"]))}, "allows every action"),
            ({"policy": policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})}, "allows every action"),
        ),
        unknown=(({"policy": UNKNOWN}, "policy"),),
    ),
    "iam-no-service-wildcard": Case(
        keeps=({"policy": policy(allow("s3:Get*"))}, {"policy": policy(allow("s3:*", "arn:aws:s3:::shop"))}),
        breaks=(({"policy": policy(allow(["logs:PutLogEvents", "S3:*"]))}, "allows s3:* on every resource"),),
        unknown=(({"policy": UNKNOWN}, "policy"),),
    ),
    "iam-no-decryption-of-all": Case(
        keeps=(
            {"policy": policy(allow("kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/1"))},
            {"policy": policy(allow("kms:DescribeKey"))},
            {
                "policy": policy(
                    allow("kms:Decrypt", Condition={"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}})
                )
            },
        ),
        breaks=(
            ({"policy": policy(allow("kms:Decrypt"))}, "decryption with every key"),
            ({"policy": policy(allow("kms:Decrypt*"))}, "decryption with every key"),
            ({"policy": policy(allow("kms:*", "arn:aws:kms:eu-west-1:123456789012:key/*"))}, "decryption with every"),
        ),
        unknown=(({"policy": UNKNOWN}, "policy"),),
    ),
    "iam-no-admin-attached": Case(
        keeps=({"policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},),
        breaks=(
            ({"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}, "AdministratorAccess"),
            ({"managedPolicyArns": [UNKNOWN, "arn:aws:iam::aws:policy/AdministratorAccess"]}, "managedPolicyArns"),
            ({"policyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}, "policyArns"),
        ),
        unknown=(({"policyArn": UNKNOWN}, "policyArn"),),
    ),
    "iam-trust-not-open": Case(
        keeps=(
            trust({"Service": "ec2.amazonaws.com"}),
            trust({"AWS": "*"}, StringEquals={"aws:PrincipalOrgID": "o-1"}),
        ),
        breaks=(
            (trust("*", StringLike={"aws:PrincipalArn": "arn:*"}), "allows everybody"),
            (trust("*", StringLike={"aws:PrincipalAccount": "?*"}), "allows everybody"),
            (trust("*"), "allows everybody"),
            (trust({"AWS": ["*"]}), "allows everybody"),
        ),
        unknown=(({"assumeRolePolicy": UNKNOWN}, "assumeRolePolicy"),),
    ),
    "iam-github-trust-bound": Case(
        keeps=(
            github("repo:acme/shop:environment:prod"),
            github(["repo:acme/shop:ref:refs/heads/main", "repo:acme/shop:pull_request"]),
            github("repo:acme/shop:environment:prod", operator="StringLike"),
        ),
        breaks=(
            (github("repo:acme/shop:*", operator="StringLike"), "repo:acme/shop:* is not one repository"),
            (github("repo:acme/*:environment:prod", operator="StringLike"), "is not one repository"),
            (github(["repo:acme/shop:environment:prod", "*"], operator="StringLike"), "the subject * is not"),
            (github(None), "every repository on GitHub"),
            (github("repo:acme/shop:environment:prod", audience=None), "audience"),
            (github("repo:acme/shop:environment:prod", operator="StringNotEquals"), "audience"),
        ),
        unknown=(({"assumeRolePolicy": UNKNOWN}, "assumeRolePolicy"),),
        silent=(trust({"Service": "ec2.amazonaws.com"}),),
    ),
    "iam-oidc-audience": Case(
        keeps=({"clientIdLists": ["sts.amazonaws.com"]},),
        breaks=(({"clientIdLists": []}, "names no audience"), ({"clientIdLists": ["*"]}, "names no audience")),
        unknown=(({"clientIdLists": UNKNOWN}, "clientIdLists"),),
    ),
    "iam-nothing-on-users": Case(
        keeps=({},),
        breaks=(({"user": "grace", "policyArn": "arn"}, "user gets permissions directly"),),
        unknown=(({"user": UNKNOWN}, "user"),),
    ),
    "iam-no-access-keys": Case(keeps=(), breaks=(({"user": "grace"}, "until somebody takes it away"),)),
    "iam-password-policy": Case(
        keeps=(PASSWORDS,),
        breaks=(
            (but(PASSWORDS, "minimumPasswordLength", 8.0), "minimumPasswordLength is 8"),
            (but(PASSWORDS, "passwordReusePrevention", 5.0), "passwordReusePrevention is 5"),
            (but(PASSWORDS, "requireSymbols", False), "requireSymbols is false"),
        ),
        unknown=((but(PASSWORDS, "requireNumbers", UNKNOWN), "requireNumbers"),),
    ),
    "kms-rotated": Case(
        keeps=({"enableKeyRotation": True},),
        breaks=(({"enableKeyRotation": False}, "enableKeyRotation is false"), ({}, "not set")),
        unknown=(({"enableKeyRotation": UNKNOWN}, "enableKeyRotation"),),
        silent=({"customerMasterKeySpec": "RSA_2048"}, {"keyUsage": "SIGN_VERIFY"}),
    ),
    "kms-policy-not-public": Case(
        keeps=({}, {"policy": policy(allow("kms:*", Principal={"AWS": "arn:aws:iam::123456789012:root"}))}),
        breaks=(({"policy": policy(allow("kms:*", Principal={"AWS": "*"}))}, "allows everybody"),),
        unknown=(({"policy": UNKNOWN}, "policy"),),
    ),
}
