"""Rules over machines: instances, launch templates, disks, groups."""

from policy.checks import is_absent, is_not_true, is_true, one_of
from policy.controls import cis_aws, fsbp, well_architected
from policy.rule import HOLDS, NOT_APPLICABLE, Check, Inputs, Rule, Severity, Verdict, Violated, each, worst
from policy.values import at, items

_INSTANCE = "aws:ec2/instance:Instance"
_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"
_GROUP = "aws:autoscaling/group:Group"
_NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"


def _no_public_address(inputs: Inputs) -> Verdict:
    check: Check = is_not_true("associatePublicIpAddress")
    return worst([check(inputs), each(items(inputs, "networkInterfaces"), check)])


def _disks_encrypted(inputs: Inputs) -> Verdict:
    def mapping(disk: Inputs) -> Verdict:
        if at(disk, "noDevice") or at(disk, "virtualName"):
            return HOLDS
        return HOLDS if at(disk, "ebs.encrypted") in (True, "true") else Violated(f"{_disk(disk)} is not encrypted")

    def device(disk: Inputs) -> Verdict:
        return HOLDS if at(disk, "encrypted") is True else Violated(f"{_disk(disk)} is not encrypted")

    is_template = "rootBlockDevice" not in inputs and "ebsBlockDevices" not in inputs
    if is_template:
        return each(items(inputs, "blockDeviceMappings"), mapping)
    return worst([each(items(inputs, "rootBlockDevice"), device), each(items(inputs, "ebsBlockDevices"), device)])


def _disk(disk: Inputs) -> str:
    return f"disk {at(disk, 'deviceName') or 'of the root'}"


def _names_its_disks(inputs: Inputs) -> Verdict:
    """An image's own disks are encrypted only if the account, or whoever starts the machine, says so."""
    if not any(items(inputs, name) for name in ("blockDeviceMappings", "rootBlockDevice", "ebsBlockDevices")):
        return Violated("no disk is described, so whether they are encrypted is up to the account")
    return _disks_encrypted(inputs)


def _asks_balancer(inputs: Inputs) -> Verdict:
    if not any(items(inputs, name) for name in ("targetGroupArns", "loadBalancers", "trafficSources")):
        return NOT_APPLICABLE
    return one_of("healthCheckType", ("ELB",))(inputs)


def _from_template(inputs: Inputs) -> Verdict:
    return Violated("launchConfiguration is set") if at(inputs, "launchConfiguration") else HOLDS


RULES: tuple[Rule, ...] = (
    Rule(
        name="metadata-by-token",
        title="Machines give out their credentials against a token only (IMDSv2)",
        controls=(fsbp("EC2.8"), fsbp("EC2.170"), fsbp("AutoScaling.3"), cis_aws("5.7")),
        severity=Severity.HIGH,
        remedy="Set metadataOptions.httpTokens to required.",
        types=(_INSTANCE, _TEMPLATE, _CONFIGURATION),
        check=one_of("metadataOptions.httpTokens", ("required",)),
    ),
    Rule(
        name="machine-no-public-address",
        title="Machines have no public address",
        controls=(fsbp("EC2.9"), fsbp("EC2.25"), fsbp("AutoScaling.5")),
        severity=Severity.HIGH,
        remedy="Leave associatePublicIpAddress out, and put a load balancer in front.",
        types=(_INSTANCE, _TEMPLATE, _CONFIGURATION),
        check=_no_public_address,
    ),
    Rule(
        name="machine-disks-encrypted",
        title="Disks of machines are encrypted",
        controls=(fsbp("EC2.181"), fsbp("EC2.3"), cis_aws("5.1.1")),
        severity=Severity.MEDIUM,
        remedy="Describe each disk, with encrypted set to true.",
        types=(_INSTANCE, _TEMPLATE, _CONFIGURATION),
        check=_names_its_disks,
    ),
    Rule(
        name="disk-encrypted",
        title="Disks are encrypted",
        controls=(fsbp("EC2.3"), cis_aws("5.1.1")),
        severity=Severity.HIGH,
        remedy="Set encrypted to true.",
        types=("aws:ebs/volume:Volume", "aws:ebs/snapshotCopy:SnapshotCopy"),
        check=is_true("encrypted"),
    ),
    Rule(
        name="disks-encrypted-by-default",
        title="New disks of the account are encrypted",
        controls=(fsbp("EC2.7"), cis_aws("5.1.1")),
        severity=Severity.MEDIUM,
        remedy="Set enabled to true.",
        types=("aws:ebs/encryptionByDefault:EncryptionByDefault",),
        check=one_of("enabled", (True, None)),
    ),
    Rule(
        name="machine-no-ssh-key",
        title="Nobody logs on to machines by SSH key",
        controls=(well_architected("SEC06-BP03", "sec_protect_compute_reduce_manual_management"),),
        severity=Severity.MEDIUM,
        remedy="Leave keyName and remoteAccess out, and use Session Manager.",
        types=(_INSTANCE, _TEMPLATE, _CONFIGURATION, _NODE_GROUP),
        check=is_absent("keyName", "remoteAccess.ec2SshKey"),
    ),
    Rule(
        name="group-asks-balancer",
        title="Behind a load balancer, machines are replaced when that finds them ill",
        controls=(fsbp("AutoScaling.1"),),
        severity=Severity.LOW,
        remedy="Set healthCheckType to ELB.",
        types=(_GROUP,),
        check=_asks_balancer,
    ),
    Rule(
        name="group-from-template",
        title="Groups start machines from launch templates",
        controls=(fsbp("AutoScaling.9"),),
        severity=Severity.LOW,
        remedy="Set launchTemplate or mixedInstancesPolicy instead of launchConfiguration.",
        types=(_GROUP,),
        check=_from_template,
    ),
)
