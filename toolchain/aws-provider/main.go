// Command pulumi-resource-aws is a reduced build of Pulumi's AWS provider, for tests against an AWS emulator:
// terraform-provider-aws, trimmed to a few services by trim.py, behind pulumi-terraform-bridge. Programs written with
// pulumi_aws run on it unchanged, because tokens and property names come from that SDK (see mapping.go).
//
// With -describe it prints the Terraform schema as JSON instead of serving; generate.py reads that.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"

	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
)

// schema.json is empty on purpose: no SDK is generated from this build.
//
//go:embed schema.json
var pulumiSchema []byte

func main() {
	ctx := context.Background()
	provider, err := newProvider(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pulumi-resource-aws:", err)
		os.Exit(1)
	}
	if len(os.Args) > 1 && os.Args[1] == "-describe" {
		if err := json.NewEncoder(os.Stdout).Encode(describe(provider.P)); err != nil {
			fmt.Fprintln(os.Stderr, "pulumi-resource-aws:", err)
			os.Exit(1)
		}
		return
	}
	pf.MainWithMuxer(ctx, "aws", provider, pulumiSchema)
}
