"""The frameworks that rules refer to, each in the version that its ids are taken from."""

from policy.rule import Control

_SECURITY_HUB = "https://docs.aws.amazon.com/securityhub/latest/userguide"
_NSA = "https://media.defense.gov/2022/Aug/29/2003066362/-1/-1/0/CTR_KUBERNETES_HARDENING_GUIDANCE_1.2_20220829.PDF"


def fsbp(control: str) -> Control:
    """A control of AWS Foundational Security Best Practices, such as `S3.8`."""
    return Control("AWS-FSBP", "1.0.0", control, _hub_page(control))


def security_hub(control: str) -> Control:
    """A control of AWS Security Hub that other standards than FSBP ask for; that list of controls has no version."""
    return Control("AWS-Security-Hub", "latest", control, _hub_page(control))


def _hub_page(control: str) -> str:
    service, _, number = control.lower().partition(".")
    return f"{_SECURITY_HUB}/{service}-controls.html#{service}-{number}"


def cis_aws(recommendation: str) -> Control:
    """A recommendation of the CIS AWS Foundations Benchmark."""
    return Control("CIS-AWS", "5.0.0", recommendation, "https://www.cisecurity.org/benchmark/amazon_web_services")


def well_architected(practice: str, page: str) -> Control:
    """A best practice of the AWS Well-Architected Framework; `page` is its page."""
    url = f"https://docs.aws.amazon.com/wellarchitected/latest/framework/{page}.html"
    return Control("AWS-Well-Architected", "latest", practice, url)


def aws_guide(topic: str, url: str) -> Control:
    """Advice in a user guide of AWS, where no standard has a control for it."""
    return Control("AWS-guide", "latest", topic, url)


def cis_kubernetes(recommendation: str) -> Control:
    """A recommendation of the CIS Kubernetes Benchmark."""
    return Control("CIS-Kubernetes", "1.12.0", recommendation, "https://www.cisecurity.org/benchmark/kubernetes")


def pod_security(profile: str) -> Control:
    """A profile of the Pod Security Standards: baseline or restricted."""
    url = f"https://kubernetes.io/docs/concepts/security/pod-security-standards/#{profile}"
    return Control("Pod-Security-Standards", "1.36", profile, url)


def nsa(section: str) -> Control:
    """A section of the NSA's and CISA's Kubernetes Hardening Guide."""
    return Control("NSA-CISA", "1.2", section, _NSA)


def kubernetes_guide(topic: str, page: str) -> Control:
    """Advice in the documentation of Kubernetes, where no benchmark has a control for it."""
    return Control("Kubernetes-guide", "1.36", topic, f"https://kubernetes.io/docs/{page}")
