package main

import (
	_ "embed"
	"encoding/json"
	"strings"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// mapping.json says under which token and property names pulumi_aws knows each resource and data source. It is made by
// generate.py from that SDK and from this program's own -describe.
//
//go:embed mapping.json
var mappingJSON []byte

// mapping is the content of mapping.json; the keys of its maps are Terraform's names.
type mapping struct {
	Resources   map[string]*entry `json:"resources"`
	DataSources map[string]*entry `json:"dataSources"`
	Config      map[string]*field `json:"config"`
}

// entry is one resource or data source.
type entry struct {
	Token  string            `json:"tok"`
	Fields map[string]*field `json:"fields,omitempty"`
	ID     string            `json:"id,omitempty"` // the property that stands for a missing id; "-": there is none
}

// field is what differs from the name and shape that the bridge would derive by itself.
type field struct {
	Name   string            `json:"name,omitempty"`
	One    *bool             `json:"one,omitempty"`    // a list of at most one is (or is not) flattened
	JSON   bool              `json:"json,omitempty"`   // takes a JSON document as text or as an object
	Asset  bool              `json:"asset,omitempty"`  // takes a file asset
	Auto   *madeUp           `json:"auto,omitempty"`   // made up from the resource's name when not given
	Out    bool              `json:"out,omitempty"`    // computed only
	Elem   *field            `json:"elem,omitempty"`   // element of a list, set or map
	Fields map[string]*field `json:"fields,omitempty"` // attributes of an object
	Env    []string          `json:"env,omitempty"`    // default from the environment
}

// madeUp says how a name is made up.
type madeUp struct {
	Max       int    `json:"max"`
	Separator string `json:"sep"`
	Lower     bool   `json:"lower,omitempty"`
	Prefix    string `json:"prefix,omitempty"`
}

// randomLength is how many random characters the official provider puts behind a made-up name.
const randomLength = 7

func readMapping() (mapping, error) {
	var names mapping
	err := json.Unmarshal(mappingJSON, &names)
	return names, err
}

func (e *entry) resource() *tfbridge.ResourceInfo {
	info := &tfbridge.ResourceInfo{Tok: tokens.Type(e.Token), Fields: schemas(e.Fields)}
	switch e.ID {
	case "":
	case "-":
		info.ComputeID = tfbridge.MissingIDComputeID()
	default:
		info.ComputeID = tfbridge.DelegateIDField(resource.PropertyKey(e.ID), "aws", "")
	}
	return info
}

func (e *entry) dataSource() *tfbridge.DataSourceInfo {
	return &tfbridge.DataSourceInfo{Tok: tokens.ModuleMember(e.Token), Fields: schemas(e.Fields)}
}

func schemas(fields map[string]*field) map[string]*tfbridge.SchemaInfo {
	if len(fields) == 0 {
		return nil
	}
	infos := map[string]*tfbridge.SchemaInfo{}
	for name, f := range fields {
		infos[name] = f.schema()
	}
	return infos
}

func (f *field) schema() *tfbridge.SchemaInfo {
	if f == nil {
		return nil
	}
	info := &tfbridge.SchemaInfo{}
	if f.Auto != nil {
		info = tfbridge.AutoNameWithCustomOptions(f.Name, f.Auto.options())
	}
	info.Name = f.Name
	info.MaxItemsOne = f.One
	if f.JSON {
		info.Transform = tfbridge.TransformJSONDocument
	}
	if f.Asset {
		info.Asset = &tfbridge.AssetTranslation{Kind: tfbridge.FileAsset}
	}
	if f.Out {
		info.MarkAsComputedOnly = tfbridge.True()
	}
	if len(f.Env) > 0 {
		info.Default = &tfbridge.DefaultInfo{EnvVars: f.Env}
	}
	info.Elem = f.Elem.schema()
	info.Fields = schemas(f.Fields)
	return info
}

func (m *madeUp) options() tfbridge.AutoNameOptions {
	options := tfbridge.AutoNameOptions{Separator: m.Separator, Maxlen: m.Max, Randlen: randomLength}
	if m.Lower || m.Prefix != "" {
		options.Transform = func(name string) string {
			if m.Lower {
				name = strings.ToLower(name)
			}
			return m.Prefix + name
		}
	}
	return options
}
