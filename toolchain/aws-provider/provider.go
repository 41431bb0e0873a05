package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/terraform-provider-aws/xpprovider"
	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/x/muxer"
	"github.com/pulumi/pulumi-terraform-bridge/v3/unstable/metadata"
)

// version is that of the pulumi_aws SDK which mapping.json was made from.
const version = "7.21.0"

// The length and separator of made-up names where mapping.json says nothing else; those of the official provider.
const (
	nameLength    = 255
	nameSeparator = "-"
)

// newProvider bridges the trimmed Terraform provider with the names of mapping.json. What the mapping does not name
// is left out.
func newProvider(ctx context.Context) (tfbridge.ProviderInfo, error) {
	framework, sdk, err := xpprovider.GetProvider(ctx)
	if err != nil {
		return tfbridge.ProviderInfo{}, err
	}
	names, err := readMapping()
	if err != nil {
		return tfbridge.ProviderInfo{}, err
	}
	sdk.TerraformVersion = "1.0.0+compatible"
	keepEmulatorHost(sdk)

	provider := tfbridge.ProviderInfo{
		P:            pf.MuxShimWithDisjointgPF(ctx, shimv2.NewProvider(sdk), framework),
		Name:         "aws",
		Version:      version,
		License:      "MPL-2.0",
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
		SkipValidateProviderConfigForPluginFramework: true,
		Config:      schemas(names.Config),
		Resources:   map[string]*tfbridge.ResourceInfo{},
		DataSources: map[string]*tfbridge.DataSourceInfo{},
	}
	provider.P.ResourcesMap().Range(func(name string, _ shim.Resource) bool {
		if entry, ok := names.Resources[name]; ok {
			provider.Resources[name] = entry.resource()
		} else {
			provider.IgnoreMappings = append(provider.IgnoreMappings, name)
		}
		return true
	})
	provider.P.DataSourcesMap().Range(func(name string, _ shim.Resource) bool {
		if entry, ok := names.DataSources[name]; ok {
			provider.DataSources[name] = entry.dataSource()
		} else {
			provider.IgnoreMappings = append(provider.IgnoreMappings, name)
		}
		return true
	})
	provider.SetAutonaming(nameLength, nameSeparator)
	return provider, setDispatch(&provider)
}

// setDispatch records which half of the provider (SDK v2 or Plugin Framework) serves which token. The bridge expects
// this from its code generator, which this build does not run.
func setDispatch(provider *tfbridge.ProviderInfo) error {
	table, err := provider.P.(interface {
		ResolveDispatch(*tfbridge.ProviderInfo) (muxer.DispatchTable, error)
	}).ResolveDispatch(provider)
	if err != nil {
		return err
	}
	return metadata.Set(provider.GetMetadata(), "mux", table)
}

// keepEmulatorHost adds the middleware of endpoint.go to every AWS client the provider makes.
func keepEmulatorHost(sdk *schema.Provider) {
	configure := sdk.ConfigureContextFunc
	sdk.ConfigureContextFunc = func(ctx context.Context, data *schema.ResourceData) (any, diag.Diagnostics) {
		configured, diagnostics := configure(ctx, data)
		if client, ok := configured.(*xpprovider.AWSClient); ok && client != nil {
			client.AppendAPIOptions(withoutHostPrefix)
		}
		return configured, diagnostics
	}
}
