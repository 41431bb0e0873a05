"""Rules over what lets traffic in: VPCs, subnets, security groups, load balancers."""

from collections.abc import Callable, Iterable
from ipaddress import ip_network

from policy.aws.buckets import belongs, companion_of
from policy.checks import is_not_true, is_true, shown
from policy.controls import cis_aws, fsbp, security_hub
from policy.rule import (
    HOLDS,
    NOT_APPLICABLE,
    Check,
    Inputs,
    Resource,
    Rule,
    Severity,
    Stack,
    StackRule,
    Verdict,
    Violated,
    each,
)
from policy.values import NotKnown, at, items

_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
_GROUP_RULES = (
    _GROUP,
    _DEFAULT_GROUP,
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
)
_NETWORK_ACLS = (
    "aws:ec2/networkAcl:NetworkAcl",
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
    "aws:ec2/networkAclRule:NetworkAclRule",
)
_VPC = "aws:ec2/vpc:Vpc"
_BALANCERS = ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
_LISTENERS = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")
# A prefix this short holds at least a hundredth of all addresses; two halves are the world as well.
_WORLD_PREFIX = 7
_ADMIN_PORTS = (22, 3389)
_WEB_PORTS = (80, 443)
_EVERY_PROTOCOL = ("-1", "all")
_PORTLESS_PROTOCOLS = ("icmp", "icmpv6", "1", "58")
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
_TLS_POLICIES = ("ELBSecurityPolicy-TLS13-1-2", "ELBSecurityPolicy-TLS13-1-3")


def _sources(rule: Inputs) -> Iterable[str]:
    for name in ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6", "cidrBlock", "ipv6CidrBlock"):
        for one in items(rule, name):
            yield str(one)


def _from_the_world(rule: Inputs) -> bool:
    return any(_is_world(one) for one in _sources(rule))


def _is_world(cidr: str) -> bool:
    try:
        return ip_network(cidr, strict=False).prefixlen <= _WORLD_PREFIX
    except ValueError:
        return False


def _ports(rule: Inputs) -> tuple[int, int] | None:
    """First and last port that a rule opens; None for a protocol that has none."""
    protocol = next((at(rule, name) for name in ("protocol", "ipProtocol") if at(rule, name) is not None), "-1")
    if str(protocol).lower() in _EVERY_PROTOCOL:
        return 0, 65535
    if str(protocol).lower() in _PORTLESS_PROTOCOLS:
        return None
    first, last = at(rule, "fromPort"), at(rule, "toPort")
    return int(first or 0), int(last if last is not None else 65535)


def _rules_in(inputs: Inputs, check: Check) -> Verdict:
    """The check on every rule for what comes in, whether the resource is one rule or holds several."""
    if "ruleNumber" in inputs and at(inputs, "egress") is True:
        return NOT_APPLICABLE
    if at(inputs, "type") == "egress":
        return NOT_APPLICABLE
    alone = any(name in inputs for name in ("fromPort", "ipProtocol", "protocol"))
    return check(inputs) if alone else each(items(inputs, "ingress"), check)


def _closed(ports: tuple[int, ...]) -> Check:
    """None of these ports is open to the world."""

    def one(rule: Inputs) -> Verdict:
        denies = at(rule, "action") == "deny" or at(rule, "ruleAction") == "deny"
        span = _ports(rule)
        if denies or span is None or not _from_the_world(rule):
            return HOLDS
        open_ = [port for port in ports if span[0] <= port <= span[1]]
        listed = " and ".join(str(port) for port in open_)
        return Violated(f"ingress opens port {listed} to the world") if open_ else HOLDS

    return lambda inputs: _rules_in(inputs, one)


def _only_web(inputs: Inputs) -> Verdict:
    def one(rule: Inputs) -> Verdict:
        span = _ports(rule)
        if span is None or not _from_the_world(rule) or (span[0] == span[1] and span[0] in _WEB_PORTS):
            return HOLDS
        what = f"port {span[0]}" if span[0] == span[1] else f"ports {span[0]} to {span[1]}"
        return Violated(f"ingress opens {what} to the world")

    return _rules_in(inputs, one)


def _empty(inputs: Inputs) -> Verdict:
    full = [name for name in ("ingress", "egress") if items(inputs, name)]
    return Violated(f"{' and '.join(full)} of the default group is not empty") if full else HOLDS


def _of_application_balancer(check: Check) -> Check:
    def look(inputs: Inputs) -> Verdict:
        return check(inputs) if at(inputs, "loadBalancerType") in (None, "application") else NOT_APPLICABLE

    return look


def _modern_tls(inputs: Inputs) -> Verdict:
    if at(inputs, "protocol") not in ("HTTPS", "TLS"):
        return NOT_APPLICABLE
    policy = at(inputs, "sslPolicy")
    if str(policy).startswith(_TLS_POLICIES):
        return HOLDS
    return Violated(f"sslPolicy is {shown(policy)}")


def _encrypts(inputs: Inputs) -> Verdict:
    protocol = at(inputs, "protocol")
    if protocol != "HTTP":
        return HOLDS if protocol in ("HTTPS", "TLS") else NOT_APPLICABLE
    actions = items(inputs, "defaultActions")
    if not actions:
        return Violated("protocol is HTTP")

    def redirects(action: Inputs) -> Verdict:
        if at(action, "type") == "redirect" and at(action, "redirect.protocol") == "HTTPS":
            return HOLDS
        return Violated("protocol is HTTP, and defaultActions do not redirect to HTTPS")

    return each(actions, redirects)


def _of_listeners(*, internal: bool) -> Callable[[Resource, Stack], Verdict]:
    """Of the listeners of internal load balancers, or of all others: what is not known to be internal is not."""

    def check(listener: Resource, stack: Stack) -> Verdict:
        return _encrypts(listener.values) if _is_internal(listener, stack) is internal else NOT_APPLICABLE

    return check


def _is_internal(listener: Resource, stack: Stack) -> bool:
    for balancer in stack.of(*_BALANCERS):
        try:
            owns = belongs(listener, balancer, stack, "loadBalancerArn", ("arn",))
        except NotKnown:
            continue
        if owns:
            return at(balancer.values, "internal") is True
    return False


RULES: tuple[Rule, ...] = (
    Rule(
        name="no-admin-ports-open",
        title="SSH and RDP are not open to the world",
        controls=(cis_aws("5.3"), cis_aws("5.4"), fsbp("EC2.19"), security_hub("EC2.13"), security_hub("EC2.14")),
        severity=Severity.CRITICAL,
        remedy="Take 0.0.0.0/0 and ::/0 out of the rule; reach machines through Systems Manager.",
        types=_GROUP_RULES,
        check=_closed(_ADMIN_PORTS),
    ),
    Rule(
        name="only-web-ports-open",
        title="Nothing but 80 and 443 is open to the world",
        controls=(fsbp("EC2.18"),),
        severity=Severity.HIGH,
        remedy="Name the security groups or address ranges that may come in.",
        types=_GROUP_RULES,
        check=_only_web,
    ),
    Rule(
        name="default-group-empty",
        title="The default security group lets nothing through",
        controls=(fsbp("EC2.2"), cis_aws("5.5")),
        severity=Severity.HIGH,
        remedy="Set ingress and egress of the DefaultSecurityGroup to empty lists.",
        types=(_DEFAULT_GROUP,),
        check=_empty,
    ),
    Rule(
        name="network-acl-no-admin-ports",
        title="Network ACLs do not let SSH and RDP in from the world",
        controls=(fsbp("EC2.21"), cis_aws("5.2")),
        severity=Severity.MEDIUM,
        remedy="Allow ports 22 and 3389 from known ranges only.",
        types=_NETWORK_ACLS,
        check=_closed(_ADMIN_PORTS),
    ),
    Rule(
        name="subnet-no-public-addresses",
        title="Subnets give out no public addresses by themselves",
        controls=(fsbp("EC2.15"),),
        severity=Severity.MEDIUM,
        remedy="Set mapPublicIpOnLaunch to false.",
        types=("aws:ec2/subnet:Subnet",),
        check=is_not_true("mapPublicIpOnLaunch"),
    ),
    Rule(
        name="balancer-drops-invalid-headers",
        title="Load balancers drop invalid HTTP headers",
        controls=(fsbp("ELB.4"),),
        severity=Severity.MEDIUM,
        remedy="Set dropInvalidHeaderFields to true.",
        types=_BALANCERS,
        check=_of_application_balancer(is_true("dropInvalidHeaderFields")),
    ),
    Rule(
        name="balancer-deletion-protected",
        title="Load balancers are protected from deletion",
        controls=(fsbp("ELB.6"),),
        severity=Severity.LOW,
        remedy="Set enableDeletionProtection to true.",
        types=_BALANCERS,
        check=is_true("enableDeletionProtection"),
    ),
    Rule(
        name="balancer-logs-access",
        title="Load balancers log who came",
        controls=(fsbp("ELB.5"),),
        severity=Severity.LOW,
        remedy="Set accessLogs with a bucket and enabled true.",
        types=_BALANCERS,
        check=_of_application_balancer(is_true("accessLogs.enabled")),
    ),
    Rule(
        name="listener-modern-tls",
        title="Listeners speak TLS 1.2 and later",
        controls=(fsbp("ELB.17"),),
        severity=Severity.HIGH,
        remedy=f"Set sslPolicy to one that begins with {_TLS_POLICIES[0]}.",
        types=_LISTENERS,
        check=_modern_tls,
    ),
)

STACK_RULES: tuple[StackRule, ...] = (
    StackRule(
        name="listener-encrypts",
        title="What comes from the internet without TLS is sent to HTTPS",
        controls=(fsbp("ELB.1"), fsbp("ELB.18")),
        severity=Severity.HIGH,
        remedy="Set protocol to HTTPS, or let the only default action redirect to protocol HTTPS.",
        types=_LISTENERS,
        check=_of_listeners(internal=False),
    ),
    StackRule(
        name="internal-listener-encrypts",
        title="What comes from inside is encrypted as well",
        controls=(fsbp("ELB.18"),),
        severity=Severity.MEDIUM,
        remedy="Set protocol to HTTPS with a certificate.",
        types=_LISTENERS,
        check=_of_listeners(internal=True),
    ),
    StackRule(
        name="vpc-has-flow-log",
        title="Every VPC has a flow log",
        controls=(fsbp("EC2.6"), cis_aws("3.7")),
        severity=Severity.MEDIUM,
        remedy="Add a FlowLog with the VPC's vpcId.",
        types=(_VPC,),
        check=companion_of(("aws:ec2/flowLog:FlowLog",), "vpcId", ("id",), "no FlowLog refers to this VPC"),
    ),
    StackRule(
        name="vpc-has-default-group",
        title="Every VPC's default security group is taken in hand",
        controls=(fsbp("EC2.2"), cis_aws("5.5")),
        severity=Severity.HIGH,
        remedy="Add a DefaultSecurityGroup with the VPC's vpcId and empty ingress and egress.",
        types=(_VPC,),
        check=companion_of((_DEFAULT_GROUP,), "vpcId", ("id",), "no DefaultSecurityGroup refers to this VPC"),
    ),
)
