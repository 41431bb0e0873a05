package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

// describe returns the provider's Terraform schema, with the Pulumi names that the bridge would derive, for generate.py.
func describe(provider shim.Provider) map[string]any {
	described := map[string]any{"config": describeFields(provider.Schema())}
	for key, resources := range map[string]shim.ResourceMap{
		"resources": provider.ResourcesMap(), "dataSources": provider.DataSourcesMap(),
	} {
		all := map[string]any{}
		resources.Range(func(name string, r shim.Resource) bool {
			all[name] = describeFields(r.Schema())
			return true
		})
		described[key] = all
	}
	half, ok := provider.(interface{ ResourceIsPF(string) bool })
	framework := []string{} // resources of the Plugin Framework half
	provider.ResourcesMap().Range(func(name string, _ shim.Resource) bool {
		if ok && half.ResourceIsPF(name) {
			framework = append(framework, name)
		}
		return true
	})
	described["pf"] = framework
	return described
}

func describeFields(fields shim.SchemaMap) map[string]any {
	described := map[string]any{}
	fields.Range(func(name string, s shim.Schema) bool {
		one := map[string]any{
			"type":   s.Type().String(),
			"flags":  flags(s),
			"max":    s.MaxItems(),
			"pulumi": tfbridge.TerraformToPulumiNameV2(name, fields, nil),
		}
		if s.Type() == shim.TypeList || s.Type() == shim.TypeSet {
			for key, flatten := range map[string]*bool{"pulumiOne": tfbridge.True(), "pulumiMany": tfbridge.False()} {
				override := map[string]*tfbridge.SchemaInfo{name: {MaxItemsOne: flatten}}
				one[key] = tfbridge.TerraformToPulumiNameV2(name, fields, override)
			}
		}
		if element := describeElement(s.Elem()); element != nil {
			one["elem"] = element
		}
		described[name] = one
		return true
	})
	return described
}

func describeElement(element any) any {
	switch element := element.(type) {
	case shim.Resource:
		return map[string]any{"fields": describeFields(element.Schema())}
	case shim.Schema:
		described := map[string]any{"type": element.Type().String()}
		if inner := describeElement(element.Elem()); inner != nil {
			described["elem"] = inner
		}
		return described
	}
	return nil
}

// flags are R for required, O for optional, C for computed.
func flags(s shim.Schema) string {
	f := ""
	if s.Required() {
		f += "R"
	}
	if s.Optional() {
		f += "O"
	}
	if s.Computed() {
		f += "C"
	}
	return f
}
