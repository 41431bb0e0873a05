"""Find AWS resources by their tags: a process of its own, questions on standard input, ids on standard output.

It runs with the environment that the Pulumi provider has, and so as the same principal. It imports nothing of ours,
and boto3 only here. Questions: {"provider": {...}, "lookups": [{"service", "kind", "tags", "id_is_arn"}]};
answer: {"ids": [[...], ...]} or {"problem": "...", "said": "the SDK's own words, if it has any"}.
"""

import importlib
import json
import re
import sys
from collections.abc import Mapping
from typing import Any

# Inputs of the provider that decide whom it talks to, and as whom. Others of this sort are refused, not ignored:
# a look-up in the wrong account finds nothing, and a resource would be forgotten.
_REFUSED = (
    "accessKey",
    "assumeRoleWithWebIdentity",
    "customCaBundle",
    "forbiddenAccountIds",
    "httpProxy",
    "httpsProxy",
    "secretKey",
    "sharedConfigFiles",
    "sharedCredentialsFiles",
    "token",
)


def main() -> None:
    """Answer one set of questions."""
    asked = json.load(sys.stdin)
    try:
        answer: dict[str, Any] = {"ids": _ids(asked)}
    except ImportError:
        answer = {"problem": "the look-up needs boto3; install it with `pip install boto3`"}
    except _NotFollowed as error:
        answer = {"problem": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises, the caller refuses
        answer = {"problem": _named(error), "said": str(error)}
    json.dump(answer, sys.stdout)


class _NotFollowed(Exception):
    """Why AWS is not asked, in our own words."""


def _named(error: Exception) -> str:
    """The kind of an SDK's error, and AWS's code for it. Its text is not ours, and may quote what it was sent."""
    response = getattr(error, "response", None)
    code = (response.get("Error") or {}).get("Code") if isinstance(response, dict) else None
    known = isinstance(code, str) and re.fullmatch(r"[A-Za-z0-9.]{1,64}", code)
    return f"{type(error).__name__} ({code})" if known else type(error).__name__


def _ids(asked: Mapping[str, Any]) -> list[list[str]]:
    settings = asked["provider"]
    strange = [name for name in _REFUSED if settings.get(name)]
    if strange:
        raise _NotFollowed(f"the provider is set up by {', '.join(strange)}, which the look-up does not follow")
    session = _session(settings)
    addresses = {k: v for entry in _listed(settings.get("endpoints")) for k, v in entry.items() if v}
    _check_account(session, settings, addresses)
    return [_find(session, lookup, addresses) for lookup in asked["lookups"]]


def _session(settings: Mapping[str, Any]) -> Any:
    boto3 = importlib.import_module("boto3")
    session = boto3.Session(profile_name=settings.get("profile"), region_name=settings.get("region"))
    for role in _listed(settings.get("assumeRoles")) or _listed(settings.get("assumeRole")):
        wanted = {"RoleArn": role["roleArn"], "RoleSessionName": role.get("sessionName") or "gitops-repair"}
        if role.get("externalId"):
            wanted["ExternalId"] = role["externalId"]
        keys = session.client("sts").assume_role(**wanted)["Credentials"]
        session = boto3.Session(
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            region_name=session.region_name,
        )
    return session


def _check_account(session: Any, settings: Mapping[str, Any], addresses: Mapping[str, str]) -> None:
    allowed = _listed(settings.get("allowedAccountIds"))
    if allowed:
        account = session.client("sts", endpoint_url=addresses.get("sts")).get_caller_identity()["Account"]
        if account not in allowed:
            raise _NotFollowed(f"the credentials are of account {account}, the provider allows {', '.join(allowed)}")


def _find(session: Any, lookup: Mapping[str, Any], addresses: Mapping[str, str]) -> list[str]:
    """EC2 answers for its own tags at once; the tagging service, which knows all others', some seconds late."""
    if lookup["service"] == "ec2":
        client = session.client("ec2", endpoint_url=addresses.get("ec2"))
        sets = [_tagged_in_ec2(client, lookup["kind"], key, value) for key, value in lookup["tags"].items()]
        return sorted(set.intersection(*sets))
    address = addresses.get("resourcegroupstaggingapi")
    if address is None and _is_local(addresses.get(lookup["service"])):
        address = addresses[lookup["service"]]  # an emulator answers everything at one address
    client = session.client("resourcegroupstaggingapi", endpoint_url=address)
    pages = client.get_paginator("get_resources").paginate(
        TagFilters=[{"Key": key, "Values": [value]} for key, value in lookup["tags"].items()],
        ResourceTypeFilters=[lookup["kind"]],
    )
    arns = sorted(entry["ResourceARN"] for page in pages for entry in page["ResourceTagMappingList"])
    if lookup["service"] == "sqs":
        queues = session.client("sqs", endpoint_url=addresses.get("sqs"))  # its id is an address, and not its ARN
        return [queues.get_queue_url(QueueName=arn.rsplit(":", 1)[-1])["QueueUrl"] for arn in arns]
    return [arn if lookup["id_is_arn"] else arn.rsplit("/", 1)[-1] for arn in arns]


def _tagged_in_ec2(client: Any, kind: str, key: str, value: str) -> set[str]:
    filters = [{"Name": "key", "Values": [key]}, {"Name": "value", "Values": [value]}]
    pages = client.get_paginator("describe_tags").paginate(Filters=filters)
    found = {tag["ResourceId"] for page in pages for tag in page["Tags"]}
    return {id_ for id_ in found if id_.startswith(f"{kind}-")}


def _is_local(address: str | None) -> bool:
    return bool(address) and any(name in str(address) for name in ("//127.0.0.1", "//localhost", "//[::1]"))


def _listed(value: Any) -> list[Any]:
    """A provider's structured input: the engine keeps lists and objects of providers as JSON text."""
    parsed = json.loads(value) if isinstance(value, str) and value[:1] in "[{" else value
    if not parsed:
        return []
    return parsed if isinstance(parsed, list) else [parsed]


if __name__ == "__main__":
    main()
