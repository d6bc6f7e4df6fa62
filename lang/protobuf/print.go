package protobuf

import (
	"slices"
	"strings"
)

// A block collects the lines of one declaration. Nested blocks are indented line
// by line, blank lines included: the canonical form has the indent there too.
type block struct{ strings.Builder }

func (b *block) indent(text string) {
	for line := range strings.Lines(text) {
		b.WriteString("  ")
		b.WriteString(line)
	}
}

// section writes nested declarations on lines of their own; a section that is
// empty leaves no blank line.
func section[T any](b *block, items []T, text func(T) string) {
	if len(items) == 0 {
		return
	}
	b.WriteByte('\n')
	for _, it := range items {
		b.indent(text(it))
	}
}

func printFile(f *fileNode) string {
	var b block
	if f.keyword != "" {
		b.WriteString(f.keyword + " = " + quote(f.version) + ";\n")
	}
	if f.pkg != "" {
		b.WriteString("package " + f.pkg + ";\n")
	}
	top(&b, sortedImports(f.imports), func(n *importNode) string {
		if n.modifier != "" {
			return "import " + n.modifier + " " + quote(n.path) + ";\n"
		}
		return "import " + quote(n.path) + ";\n"
	})
	top(&b, f.options, printOption)
	types := make([]string, 0, len(f.messages)+len(f.enums))
	for _, m := range f.messages {
		types = append(types, printMessage(m))
	}
	for _, e := range f.enums {
		types = append(types, printEnum(e))
	}
	top(&b, types, func(s string) string { return s })
	top(&b, f.extends, printExtend)
	top(&b, f.services, printService)
	return b.String()
}

// top writes a section of the file.
func top[T any](b *block, items []T, text func(T) string) {
	if len(items) > 0 && b.Len() > 0 {
		b.WriteByte('\n')
	}
	for _, it := range items {
		b.WriteString(text(it))
	}
}

// sortedImports puts public imports after the others, and edition 2024's option
// imports last, where the grammar wants them.
func sortedImports(in []*importNode) []*importNode {
	var out []*importNode
	for _, pass := range []func(string) bool{
		func(m string) bool { return m == "" || m == "weak" },
		func(m string) bool { return m == "public" },
		func(m string) bool { return m == "option" },
	} {
		for _, n := range in {
			if pass(n.modifier) {
				out = append(out, n)
			}
		}
	}
	return out
}

func printMessage(m *messageNode) string {
	var b block
	b.WriteString(visible(m.visibility) + "message " + m.name + " {")
	printBody(&b, m)
	b.WriteString("}\n")
	return b.String()
}

func printBody(b *block, m *messageNode) {
	var fields, groups []*fieldNode
	for _, f := range m.fields {
		if f.group != nil {
			groups = append(groups, f)
		} else {
			fields = append(fields, f)
		}
	}
	var types []string
	for _, n := range m.messages {
		types = append(types, printMessage(n))
	}
	for _, e := range m.enums {
		types = append(types, printEnum(e))
	}
	section(b, m.reserved, func(r *rangesNode) string { return printRanges("reserved", r) })
	section(b, m.options, printOption)
	section(b, fields, printField)
	section(b, m.oneofs, printOneof)
	section(b, groups, printField)
	section(b, m.extensions, func(r *rangesNode) string { return printRanges("extensions", r) })
	section(b, m.extends, printExtend)
	section(b, types, func(s string) string { return s })
}

func printField(f *fieldNode) string {
	var b block
	if f.label != "" {
		b.WriteString(f.label + " ")
	}
	if f.key != "" {
		b.WriteString("map<" + f.key + ", " + f.typ + ">")
	} else {
		b.WriteString(f.typ)
	}
	b.WriteString(" " + f.name + " = " + f.number + printCompact(fieldOptions(f)))
	if f.group != nil {
		b.WriteString(" {")
		printBody(&b, f.group)
		b.WriteString("}\n")
		return b.String()
	}
	b.WriteString(";\n")
	return b.String()
}

// fieldOptions puts the two pseudo options last, unless the options are in an
// order of their own.
func fieldOptions(f *fieldNode) []*optionNode {
	if f.sorted {
		return f.options
	}
	var out []*optionNode
	for _, name := range []string{"", "default", "json_name"} {
		for _, o := range f.options {
			if name == o.name || name == "" && o.name != "default" && o.name != "json_name" {
				out = append(out, o)
			}
		}
	}
	return out
}

func printOneof(o *oneofNode) string {
	var b block
	b.WriteString("oneof " + o.name + " {")
	isGroup := func(f *fieldNode) bool { return f.group != nil }
	isField := func(f *fieldNode) bool { return f.group == nil }
	section(&b, o.options, printOption)
	section(&b, slices.DeleteFunc(slices.Clone(o.fields), isGroup), printField)
	section(&b, slices.DeleteFunc(slices.Clone(o.fields), isField), printField)
	b.WriteString("}\n")
	return b.String()
}

func printEnum(e *enumNode) string {
	var b block
	b.WriteString(visible(e.visibility) + "enum " + e.name + " {\n")
	for _, r := range e.reserved {
		b.indent(printRanges("reserved", r))
	}
	for _, o := range e.options {
		b.indent(printOption(o))
	}
	for _, v := range e.values {
		b.indent(v.name + " = " + v.number + printCompact(v.options) + ";\n")
	}
	b.WriteString("}\n")
	return b.String()
}

func printExtend(x *extendNode) string {
	var b block
	b.WriteString("extend " + x.target + " {\n")
	for _, f := range x.fields {
		b.indent(printField(f))
	}
	b.WriteString("}\n")
	return b.String()
}

func printService(s *serviceNode) string {
	var b block
	b.WriteString("service " + s.name + " {")
	section(&b, s.options, printOption)
	section(&b, s.rpcs, printRPC)
	b.WriteString("}\n")
	return b.String()
}

func printRPC(r *rpcNode) string {
	var b block
	b.WriteString("rpc " + r.name + " (" + streamed(r.inStream) + r.input + ") returns (" + streamed(r.stream) + r.output + ")")
	if len(r.options) > 0 {
		b.WriteString(" {\n")
		for _, o := range r.options {
			b.indent(printOption(o))
		}
		b.WriteString("}")
	}
	b.WriteString(";\n")
	return b.String()
}

func streamed(yes bool) string {
	if yes {
		return "stream "
	}
	return ""
}

func visible(modifier string) string {
	if modifier == "" {
		return ""
	}
	return modifier + " "
}

func printRanges(keyword string, r *rangesNode) string {
	items := make([]string, len(r.items))
	for i, it := range r.items {
		items[i] = it
		if r.quoted {
			items[i] = quote(it)
		}
	}
	return keyword + " " + strings.Join(items, ", ") + printCompact(r.options) + ";\n"
}

func printOption(o *optionNode) string { return "option " + printSetting(o) + ";\n" }

// printSetting prints a list of one value in the line of its option, while lists
// inside of a value have a line for each of theirs.
func printSetting(o *optionNode) string {
	if o.value.kind == valueList && len(o.value.items) == 1 {
		return o.name + " = [" + printValue(o.value.items[0]) + "]"
	}
	return o.name + " = " + printValue(o.value)
}

func printCompact(options []*optionNode) string {
	switch len(options) {
	case 0:
		return ""
	case 1:
		return " [" + printSetting(options[0]) + "]"
	}
	var b block
	b.WriteString(" [\n")
	for i, o := range options {
		b.indent(printSetting(o) + comma(i, len(options)) + "\n")
	}
	b.WriteString("]")
	return b.String()
}

func printValue(v valueNode) string {
	var b block
	switch v.kind {
	case valueString:
		return quote(v.text)
	case valueList:
		if len(v.items) == 0 {
			return "[]"
		}
		b.WriteString("[\n")
		for i, it := range v.items {
			b.indent(printValue(it) + comma(i, len(v.items)) + "\n")
		}
		b.WriteString("]")
	case valueMessage:
		b.WriteString("{\n")
		for i, e := range v.entries {
			b.indent(e.key + ": " + printValue(e.value) + comma(i, len(v.entries)) + "\n")
		}
		b.WriteString("}")
	default:
		return v.text
	}
	return b.String()
}

func comma(i, n int) string {
	if i < n-1 {
		return ","
	}
	return ""
}
