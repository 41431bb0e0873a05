// Command pulumi-resource-kubernetes is the Kubernetes provider, built in the CLI's module so that the two share
// most of their dependencies. The provider's own main cannot be built here: its schema is embedded from files that
// the build copies beside this one (see pins.toml).
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

//go:embed schema.json
var pulumiSchema []byte

//go:embed terraform-mapping.json
var terraformMapping []byte

func main() {
	provider.Serve("kubernetes", version.Version, pulumiSchema, terraformMapping)
}
