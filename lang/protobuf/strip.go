package protobuf

import (
	"slices"
	"strings"
)

// WithoutExtensions returns Canonical without custom options: those whose name
// starts in parentheses. What they were for is lost; the rest means the same.
func (s *Schema) WithoutExtensions() string {
	// The tree of the schema is shared, so another one is changed.
	tree, err := parseTree(s.source.Path, s.Canonical())
	if err != nil {
		return s.Canonical()
	}
	tree.options = plain(tree.options)
	stripMessages(tree.messages)
	stripEnums(tree.enums)
	stripExtends(tree.extends)
	for _, service := range tree.services {
		service.options = plain(service.options)
		for _, rpc := range service.rpcs {
			rpc.options = plain(rpc.options)
		}
	}
	return printFile(tree)
}

// plain returns the options that are not custom.
func plain(options []*optionNode) []*optionNode {
	return slices.DeleteFunc(options, func(o *optionNode) bool { return strings.HasPrefix(o.name, "(") })
}

func stripMessages(messages []*messageNode) {
	for _, m := range messages {
		m.options = plain(m.options)
		stripFields(m.fields)
		for _, o := range m.oneofs {
			o.options = plain(o.options)
			stripFields(o.fields)
		}
		for _, r := range slices.Concat(m.reserved, m.extensions) {
			r.options = plain(r.options)
		}
		stripExtends(m.extends)
		stripMessages(m.messages)
		stripEnums(m.enums)
	}
}

func stripFields(fields []*fieldNode) {
	for _, f := range fields {
		f.options = plain(f.options)
		if f.group != nil {
			stripMessages([]*messageNode{f.group})
		}
	}
}

func stripEnums(enums []*enumNode) {
	for _, e := range enums {
		e.options = plain(e.options)
		for _, v := range e.values {
			v.options = plain(v.options)
		}
	}
}

func stripExtends(extends []*extendNode) {
	for _, x := range extends {
		stripFields(x.fields)
	}
}
