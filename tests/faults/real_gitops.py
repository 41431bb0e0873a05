"""`gitops` on the real Pulumi, in a world where only the clock is simulated: waiting takes no time."""

import sys

from tests.faults.simulated_gitops import ClockedWorld, run

if __name__ == "__main__":
    run(sys.argv[1:], ClockedWorld)
