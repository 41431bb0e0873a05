"""A simulated AWS: moto's server with what the AWS provider needs and moto lacks or gets wrong.

usage: python aws-emulator [PORT]

Listens on 127.0.0.1 until it is stopped. Everything is in memory and gone afterwards; POST /moto-api/reset clears
moto's own part. Clients need AWS_ENDPOINT_URL=http://127.0.0.1:PORT, any region and any credentials. With
AWS_EMULATOR_KUBECONFIG, the path of a kubeconfig in JSON, the API server named there answers for every EKS cluster.
"""

import os
import sys

# Read by moto when its IAM backend is made: without it, AWS's managed policies cannot be attached.
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

import account_settings
import bucket_policies
import corrections
import databases
import eks_clusters
import hosts
import queues
import ssm
from front import Front
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

DEFAULT_PORT = 5000


def main(arguments: list[str]) -> None:
    port = int(arguments[0]) if arguments else DEFAULT_PORT
    account_settings.apply()
    bucket_policies.apply()
    corrections.apply()
    databases.apply()
    eks_clusters.apply()
    hosts.apply()
    queues.apply()
    ssm.apply()
    run_simple("127.0.0.1", port, Front(DomainDispatcherApplication(create_backend_app)), threaded=True)


if __name__ == "__main__":
    main(sys.argv[1:])
