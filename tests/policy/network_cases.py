"""Cases of the rules over networks, machines, logs and EKS clusters."""

from policy.values import UNKNOWN
from tests.policy.judging import Case, but, without

WEB = {"protocol": "tcp", "fromPort": 443.0, "toPort": 443.0, "cidrBlocks": ["0.0.0.0/0"]}
SSH = but(but(WEB, "fromPort", 22.0), "toPort", 22.0)
WITHIN = but(SSH, "cidrBlocks", ["10.0.0.0/8"])
EVERYTHING = {"protocol": "-1", "fromPort": 0.0, "toPort": 0.0, "cidrBlocks": ["0.0.0.0/0"]}
ALONE = {"type": "ingress", "securityGroupId": UNKNOWN, **SSH}
NEW = {"ipProtocol": "tcp", "fromPort": 3389.0, "toPort": 3389.0, "cidrIpv6": "::/0", "securityGroupId": UNKNOWN}
ACL = {"ruleNumber": 100.0, "protocol": "6", "ruleAction": "allow", "fromPort": 0.0, "toPort": 1024.0}

NETWORK = {
    "no-admin-ports-open": Case(
        keeps=(
            {"ingress": [WEB, WITHIN], "egress": [EVERYTHING]},
            {},
            {"ipProtocol": "icmp", "fromPort": -1.0, "toPort": -1.0, "cidrIpv4": "0.0.0.0/0"},
            {"ingress": [but(SSH, "cidrBlocks", []) | {"securityGroups": [UNKNOWN]}], "egress": UNKNOWN},
        ),
        breaks=(
            ({"ingress": [SSH]}, "port 22"),
            ({"ingress": [EVERYTHING]}, "port 22 and 3389"),
            (ALONE, "port 22"),
            (NEW, "port 3389"),
            # What is open is not hidden by another rule that is not known yet.
            ({"ingress": [UNKNOWN, SSH]}, "port 22"),
        ),
        unknown=(
            ({"ingress": UNKNOWN}, "ingress"),
            ({"ingress": [WEB, UNKNOWN]}, "ingress[1]"),
            (but(ALONE, "cidrBlocks", [UNKNOWN]), "cidrBlocks[0]"),
        ),
        silent=({"type": "egress", **EVERYTHING},),
    ),
    "only-web-ports-open": Case(
        keeps=({"ingress": [WEB, WITHIN]}, {}),
        breaks=(
            ({"ingress": [but(but(WEB, "fromPort", 8080.0), "toPort", 8080.0)]}, "port 8080"),
            ({"ingress": [but(WEB, "toPort", 444.0)]}, "ports 443 to 444"),
            ({"ingress": [EVERYTHING]}, "ports 0 to 65535"),
            (NEW, "port 3389"),
        ),
        unknown=(({"ingress": UNKNOWN}, "ingress"),),
        silent=({"type": "egress", **EVERYTHING},),
    ),
    "default-group-empty": Case(
        keeps=({"ingress": [], "egress": []}, {}),
        breaks=(({"ingress": [WITHIN]}, "ingress of the default group"), ({"egress": [EVERYTHING]}, "egress of the")),
        unknown=(({"ingress": UNKNOWN}, "ingress"),),
    ),
    "network-acl-no-admin-ports": Case(
        keeps=(
            {**ACL, "cidrBlock": "10.0.0.0/8"},
            {**ACL, "cidrBlock": "0.0.0.0/0", "ruleAction": "deny"},
            {
                "ingress": [
                    {"action": "allow", "protocol": "6", "fromPort": 443.0, "toPort": 443.0, "cidrBlock": "0.0.0.0/0"}
                ]
            },
        ),
        breaks=(
            ({**ACL, "cidrBlock": "0.0.0.0/0"}, "port 22"),
            ({"ingress": [{"action": "allow", "protocol": "-1", "ipv6CidrBlock": "::/0"}]}, "port 22 and 3389"),
        ),
        unknown=(({**ACL, "cidrBlock": UNKNOWN}, "cidrBlock"),),
        silent=({**ACL, "egress": True, "cidrBlock": "0.0.0.0/0"},),
    ),
    "subnet-no-public-addresses": Case(
        keeps=({"mapPublicIpOnLaunch": False}, {}),
        breaks=(({"mapPublicIpOnLaunch": True}, "mapPublicIpOnLaunch is true"),),
        unknown=(({"mapPublicIpOnLaunch": UNKNOWN}, "mapPublicIpOnLaunch"),),
    ),
    "balancer-drops-invalid-headers": Case(
        keeps=({"dropInvalidHeaderFields": True},),
        breaks=(({"loadBalancerType": "application"}, "dropInvalidHeaderFields is not set"),),
        unknown=(({"dropInvalidHeaderFields": UNKNOWN}, "dropInvalidHeaderFields"),),
        silent=({"loadBalancerType": "network"},),
    ),
    "balancer-deletion-protected": Case(
        keeps=({"enableDeletionProtection": True},),
        breaks=(({}, "enableDeletionProtection is not set"),),
        unknown=(({"enableDeletionProtection": UNKNOWN}, "enableDeletionProtection"),),
    ),
    "balancer-logs-access": Case(
        keeps=({"accessLogs": {"enabled": True, "bucket": UNKNOWN}},),
        breaks=(({"accessLogs": {"bucket": "logs"}}, "accessLogs.enabled is not set"), ({}, "not set")),
        unknown=(({"accessLogs": UNKNOWN}, "accessLogs"),),
        silent=({"loadBalancerType": "gateway"},),
    ),
    "listener-modern-tls": Case(
        keeps=({"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"},),
        breaks=(
            ({"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-2016-08"}, "sslPolicy is ELBSecurityPolicy-2016-08"),
            ({"protocol": "TLS"}, "sslPolicy is not set"),
        ),
        unknown=(({"protocol": "HTTPS", "sslPolicy": UNKNOWN}, "sslPolicy"),),
        silent=({"protocol": "HTTP"},),
    ),
}

TOKENS = {"metadataOptions": {"httpTokens": "required"}}
DISK = {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}

COMPUTE = {
    "metadata-by-token": Case(
        keeps=(TOKENS,),
        breaks=((but(TOKENS, "metadataOptions.httpTokens", "optional"), "httpTokens is optional"), ({}, "not set")),
        unknown=((but(TOKENS, "metadataOptions.httpTokens", UNKNOWN), "metadataOptions.httpTokens"),),
    ),
    "machine-no-public-address": Case(
        keeps=({}, {"networkInterfaces": [{"associatePublicIpAddress": "false"}]}),
        breaks=(
            ({"associatePublicIpAddress": True}, "associatePublicIpAddress is true"),
            ({"networkInterfaces": [{"associatePublicIpAddress": "true"}]}, "associatePublicIpAddress is true"),
        ),
        unknown=(({"networkInterfaces": UNKNOWN}, "networkInterfaces"),),
    ),
    "machine-disks-encrypted": Case(
        keeps=(
            {"blockDeviceMappings": [DISK, {"deviceName": "/dev/sdb", "noDevice": "true"}]},
            {
                "rootBlockDevice": {"encrypted": True},
                "ebsBlockDevices": [{"deviceName": "/dev/sdb", "encrypted": True}],
            },
        ),
        breaks=(
            ({"blockDeviceMappings": [but(DISK, "ebs.encrypted", "false")]}, "disk /dev/xvda is not encrypted"),
            ({"rootBlockDevice": {"volumeSize": 8.0}}, "disk of the root is not encrypted"),
            ({"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"deviceName": "/dev/sdb"}]}, "/dev/sdb"),
            ({}, "no disk is described"),
        ),
        unknown=(
            ({"blockDeviceMappings": [but(DISK, "ebs.encrypted", UNKNOWN)]}, "blockDeviceMappings[0].ebs.encrypted"),
        ),
    ),
    "disk-encrypted": Case(
        keeps=({"encrypted": True},),
        breaks=(({}, "encrypted is not set"),),
        unknown=(({"encrypted": UNKNOWN}, "encrypted"),),
    ),
    "disks-encrypted-by-default": Case(
        keeps=({}, {"enabled": True}),
        breaks=(({"enabled": False}, "enabled is false"),),
        unknown=(({"enabled": UNKNOWN}, "enabled"),),
    ),
    "machine-no-ssh-key": Case(
        keeps=({}, {"keyName": ""}),
        breaks=(({"keyName": "mine"}, "keyName is set"), ({"remoteAccess": {"ec2SshKey": "mine"}}, "ec2SshKey is set")),
        unknown=(({"keyName": UNKNOWN}, "keyName"),),
    ),
    "group-asks-balancer": Case(
        keeps=({"targetGroupArns": [UNKNOWN], "healthCheckType": "ELB"},),
        breaks=(({"targetGroupArns": ["arn"], "healthCheckType": "EC2"}, "healthCheckType is EC2"),),
        unknown=(({"targetGroupArns": ["arn"], "healthCheckType": UNKNOWN}, "healthCheckType"),),
        silent=({"healthCheckType": "EC2"},),
    ),
    "group-from-template": Case(
        keeps=({"launchTemplate": {"id": UNKNOWN}},),
        breaks=(({"launchConfiguration": "old"}, "launchConfiguration is set"),),
        unknown=(({"launchConfiguration": UNKNOWN}, "launchConfiguration"),),
    ),
}

TRAIL = {"isMultiRegionTrail": True, "enableLogFileValidation": True}

LOGGING = {
    "trail-everywhere": Case(
        keeps=(TRAIL,),
        breaks=(
            (but(TRAIL, "enableLogging", False), "enableLogging is false"),
            (without(TRAIL, "isMultiRegionTrail"), "isMultiRegionTrail is not set"),
        ),
        unknown=((but(TRAIL, "isMultiRegionTrail", UNKNOWN), "isMultiRegionTrail"),),
    ),
    "trail-validated": Case(
        keeps=(TRAIL,),
        breaks=(({}, "enableLogFileValidation is not set"),),
        unknown=(({"enableLogFileValidation": UNKNOWN}, "enableLogFileValidation"),),
    ),
    "trail-global-events": Case(
        keeps=(TRAIL, {"includeGlobalServiceEvents": True}),
        breaks=(({"includeGlobalServiceEvents": False}, "includeGlobalServiceEvents is false"),),
        unknown=(({"includeGlobalServiceEvents": UNKNOWN}, "includeGlobalServiceEvents"),),
    ),
    "logs-expire": Case(
        keeps=({"retentionInDays": 30.0},),
        breaks=(({}, "retentionInDays is not set"), ({"retentionInDays": 0.0}, "retentionInDays is 0")),
        unknown=(({"retentionInDays": UNKNOWN}, "retentionInDays"),),
    ),
}

LOGS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
ACCESS = {"accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}}

EKS = {
    "eks-endpoint-closed": Case(
        keeps=(
            {"vpcConfig": {"endpointPublicAccess": False}},
            {"vpcConfig": {"endpointPublicAccess": True, "publicAccessCidrs": ["192.0.2.0/24"]}},
        ),
        breaks=(
            ({"vpcConfig": {"subnetIds": UNKNOWN}}, "publicAccessCidrs is not set"),
            ({"vpcConfig": {"publicAccessCidrs": ["192.0.2.0/24", "0.0.0.0/0"]}}, "holds 0.0.0.0/0"),
        ),
        unknown=(({"vpcConfig": {"publicAccessCidrs": UNKNOWN}}, "vpcConfig.publicAccessCidrs"),),
    ),
    "eks-endpoint-private": Case(
        keeps=({"vpcConfig": {"endpointPrivateAccess": True}},),
        breaks=(({"vpcConfig": {}}, "endpointPrivateAccess is not set"),),
        unknown=(({"vpcConfig": UNKNOWN}, "vpcConfig"),),
    ),
    "eks-logs-on": Case(
        keeps=({"enabledClusterLogTypes": LOGS},),
        breaks=(({"enabledClusterLogTypes": LOGS[:3]}, "lacks controllerManager, scheduler"), ({}, "lacks api, audit")),
        unknown=(({"enabledClusterLogTypes": UNKNOWN}, "enabledClusterLogTypes"),),
    ),
    "eks-secrets-encrypted": Case(
        keeps=({"encryptionConfig": {"provider": {"keyArn": UNKNOWN}, "resources": ["secrets"]}},),
        breaks=(({}, "does not hold secrets"),),
        unknown=(({"encryptionConfig": {"resources": UNKNOWN}}, "encryptionConfig.resources"),),
    ),
    "eks-access-by-api": Case(
        keeps=(ACCESS,),
        breaks=(({"accessConfig": {"authenticationMode": "CONFIG_MAP"}}, "is CONFIG_MAP"), ({}, "not set")),
        unknown=(({"accessConfig": UNKNOWN}, "accessConfig"),),
    ),
    "eks-creator-no-admin": Case(
        keeps=(ACCESS,),
        breaks=(
            (but(ACCESS, "accessConfig.bootstrapClusterCreatorAdminPermissions", True), "is true"),
            ({}, "not set"),
        ),
        unknown=(({"accessConfig": UNKNOWN}, "accessConfig"),),
    ),
}
