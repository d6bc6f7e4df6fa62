package bufgen

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/wireproof/wireproof/internal/bufconfig"
)

const (
	optionalFeature = uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL)
	editionsFeature = uint64(pluginpb.CodeGeneratorResponse_FEATURE_SUPPORTS_EDITIONS)
)

// merge joins what a plugin answered to its requests.
func (r *run) merge(p *bufconfig.GenPlugin, responses []*pluginpb.CodeGeneratorResponse) (*answer, error) {
	a := &answer{plugin: p, features: optionalFeature | editionsFeature}
	content := map[string]string{}
	for i, resp := range responses {
		files, err := named(resp.GetFile())
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			have, twice := content[f.GetName()]
			if twice && f.GetInsertionPoint() == "" {
				if have != f.GetContent() {
					r.warnf("plugin %s generates %s more than once; the first stays", p.Name, f.GetName())
				}
				continue
			}
			if !twice {
				content[f.GetName()] = f.GetContent()
			}
			a.files = append(a.files, f)
		}
		a.features &= resp.GetSupportedFeatures()
		if i == 0 {
			a.minimum, a.maximum = resp.GetMinimumEdition(), resp.GetMaximumEdition()
		}
		a.minimum, a.maximum = max(a.minimum, resp.GetMinimumEdition()), min(a.maximum, resp.GetMaximumEdition())
	}
	return a, nil
}

// named gives every file of a response a clean name: one without a name goes on
// with the file before.
func named(files []*pluginpb.CodeGeneratorResponse_File) ([]*pluginpb.CodeGeneratorResponse_File, error) {
	var out []*pluginpb.CodeGeneratorResponse_File
	for _, f := range files {
		if f.GetName() == "" {
			if len(out) == 0 || f.GetInsertionPoint() != "" {
				return nil, errors.New("a generated file has no name")
			}
			last := out[len(out)-1]
			last.Content = proto.String(last.GetContent() + f.GetContent())
			continue
		}
		name := path.Clean(strings.ReplaceAll(f.GetName(), `\`, "/"))
		if name == "." || path.IsAbs(name) || !filepath.IsLocal(filepath.FromSlash(name)) || strings.Contains(name, "\x00") {
			return nil, fmt.Errorf("it wants to write %q, which is not inside its folder", f.GetName())
		}
		f.Name = proto.String(name)
		out = append(out, f)
	}
	return out, nil
}

// checkAnswers holds the answers against one another and against what the files
// need.
func (r *run) checkAnswers(im *image, answers []*answer) error {
	type owner struct{ at, name string }
	owners := map[string]owner{}
	for _, a := range answers {
		for _, f := range a.files {
			if f.GetInsertionPoint() != "" {
				continue
			}
			at := absolute(r.out.cwd, path.Join(r.Output, a.plugin.Out, f.GetName()))
			if have, ok := owners[at]; ok {
				return &PluginError{At: a.plugin.At, Name: a.plugin.Name, Err: fmt.Errorf("it generates %s, and so does plugin %s at %s", shown(r.out.cwd, at), have.name, have.at)}
			}
			owners[at] = owner{a.plugin.At, a.plugin.Name}
		}
	}
	needs := im.needs()
	for _, a := range answers {
		if err := r.checkFeatures(needs, a); err != nil {
			return &PluginError{At: a.plugin.At, Name: a.plugin.Name, Err: err}
		}
	}
	return nil
}

// needs are the files that need something of plugins.
type needs struct {
	optional []string // have optional fields in proto3
	editions map[descriptorpb.Edition][]string
}

func (im *image) needs() needs {
	n := needs{editions: map[descriptorpb.Edition][]string{}}
	for _, f := range im.files {
		if !im.target(f.GetName()) {
			continue
		}
		if f.GetSyntax() == "editions" {
			n.editions[f.GetEdition()] = append(n.editions[f.GetEdition()], f.GetName())
		}
		if f.GetSyntax() == "proto3" && slices.ContainsFunc(f.GetMessageType(), hasOptional) {
			n.optional = append(n.optional, f.GetName())
		}
	}
	return n
}

func hasOptional(m *descriptorpb.DescriptorProto) bool {
	return slices.ContainsFunc(m.GetField(), (*descriptorpb.FieldDescriptorProto).GetProto3Optional) ||
		slices.ContainsFunc(m.GetNestedType(), hasOptional)
}

// checkFeatures refuses the answer of a plugin that may have misunderstood a file.
func (r *run) checkFeatures(n needs, a *answer) error {
	if a.features&optionalFeature == 0 && len(n.optional) > 0 {
		r.warnf("plugin %s does not say that it knows optional fields of proto3, which %s has", a.plugin.Name, strings.Join(n.optional, ", "))
	}
	var editions []descriptorpb.Edition
	for e := range n.editions {
		editions = append(editions, e)
	}
	slices.Sort(editions)
	for _, e := range editions {
		name, files := strings.TrimPrefix(e.String(), "EDITION_"), strings.Join(n.editions[e], ", ")
		switch {
		case a.features&editionsFeature == 0:
			return fmt.Errorf("it does not support editions, and %s has edition %s", files, name)
		case a.minimum == 0 || a.maximum == 0 || a.minimum > a.maximum:
			return fmt.Errorf("it supports editions from %d to %d, which is no range", a.minimum, a.maximum)
		case int32(e) < a.minimum || int32(e) > a.maximum:
			return fmt.Errorf("it does not support edition %s, which %s has", name, files)
		}
	}
	return nil
}
