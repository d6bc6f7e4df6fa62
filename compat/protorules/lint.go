package protorules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// LintOptions are settings of single lint rules. The zero value is Buf's default
// for a file without comment ignores.
type LintOptions struct {
	EnumZeroValueSuffix string // empty means _UNSPECIFIED
	ServiceSuffix       string // empty means Service

	RPCAllowSameRequestResponse, RPCAllowGoogleProtobufEmptyRequests, RPCAllowGoogleProtobufEmptyResponses bool

	// CommentIgnores lets a comment "buf:lint:ignore ID" in front of an element
	// switch a rule off for all of it.
	CommentIgnores bool
}

// A LintSet is a selection of lint rules, by id.
type LintSet map[string]bool

// LintRules returns Buf's lint rules in the order of their documentation.
func LintRules() []*rule.Rule {
	var out []*rule.Rule
	for i := range lintRows {
		out = append(out, lintRows[i].rule)
	}
	return out
}

// ExpandLint returns the ids that an id or category stands for under a version of
// the configuration (v1beta1, v1 or v2), sorted. A rule of former releases stands
// for nothing. An unknown id is an error that suggests another.
func ExpandLint(configVersion, id string) ([]string, error) {
	v, err := parseVersion(configVersion)
	if err != nil {
		return nil, err
	}
	if id == "IMPORT_NO_WEAK" {
		return nil, nil
	}
	wanted := strings.Replace(id, "DEFAULT", "STANDARD", 1) // the former name of the category
	var ids, known []string
	for i := range lintRows {
		one := lintRows[i].rule.ID
		level := lintLevels[one]
		if level[v-1] == "" {
			continue
		}
		categories := categoriesFrom(level[v-1])
		if v == v1beta1 && level[3] != "" {
			categories = append(categories, level[3])
			if level[3] == "STYLE_BASIC" {
				categories = append(categories, "STYLE_STANDARD")
			}
		}
		if one == id || slices.Contains(categories, wanted) {
			ids = append(ids, one)
		}
		known = append(append(known, one), categories...)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%q is no lint rule or category of version %s; did you mean %s?", id, configVersion, closest(id, known))
	}
	slices.Sort(ids)
	return ids, nil
}

// SelectLint returns the rules that a configuration chooses: what use names, or the
// category STANDARD if it names nothing, without what except names. Both hold ids
// of rules and categories; an unknown one is an error, and so is that nothing is
// left.
func SelectLint(configVersion string, use, except []string) (LintSet, error) {
	if len(use) == 0 {
		use = []string{standard}
	}
	set := LintSet{}
	for _, id := range use {
		ids, err := ExpandLint(configVersion, id)
		if err != nil {
			return nil, err
		}
		for _, one := range ids {
			set[one] = true
		}
	}
	for _, id := range except {
		ids, err := ExpandLint(configVersion, id)
		if err != nil {
			return nil, err
		}
		for _, one := range ids {
			delete(set, one)
		}
	}
	if len(set) == 0 {
		return nil, errors.New("what is used without what is excepted is no rule at all; disable_builtin or ignore switches lint off")
	}
	return set, nil
}

// Lint returns what the rules of set find in the files of an image that are not
// only imported: in Buf's words and places, and in the order in which Buf prints.
// Only New is set of the positions.
func Lint(im *protobuf.Image, set LintSet, o LintOptions) []*rule.Finding {
	l := &linter{image: im, options: o}
	for i := range lintRows {
		if set[lintRows[i].rule.ID] {
			l.rows = append(l.rows, &lintRows[i])
		}
	}
	for _, f := range im.Files() {
		if !f.IsImport {
			l.files = append(l.files, f)
		}
	}
	for _, row := range l.rows {
		if row.files != nil {
			row.files(l, row.rule)
		}
	}
	for _, f := range l.files {
		l.file(f)
	}
	return l.findings()
}

// A linter goes once over the files of an image.
type linter struct {
	image   *protobuf.Image
	options LintOptions
	rows    []*lintRow
	files   []*protobuf.ImageFile
	found   []*rule.Finding
	places  []protobuf.Anchor
}

// report adds a finding at the first of the places that is written.
func (l *linter) report(r *rule.Rule, about protoreflect.Descriptor, at protobuf.Anchor, format string, args ...any) {
	l.found = append(l.found, &rule.Finding{Rule: r, Path: elementPath(about), Message: fmt.Sprintf(format, args...)})
	l.places = append(l.places, at)
}

// part is the place of a part of an element, or of the element where it has no
// steps.
func (l *linter) part(d protoreflect.Descriptor, steps ...int32) protobuf.Anchor {
	return protobuf.Anchor{File: l.image.FileOf(d), Paths: []protobuf.AnchorPath{{Path: append(sourcePath(d), steps...)}}}
}

func inFile(f *protobuf.ImageFile, path ...int32) protobuf.Anchor {
	a := protobuf.Anchor{File: f}
	if len(path) > 0 {
		a.Paths = []protobuf.AnchorPath{{Path: path}}
	}
	return a
}

func (l *linter) findings() []*rule.Finding {
	var out []*rule.Finding
	for i, pos := range l.image.Locate(l.places) {
		if !l.ignored(l.found[i].Rule.ID, l.places[i]) {
			l.found[i].New = pos
			out = append(out, l.found[i])
		}
	}
	slices.SortStableFunc(out, compareFindings)
	return slices.CompactFunc(out, func(a, b *rule.Finding) bool { return compareFindings(a, b) == 0 })
}

// ignored reports whether a comment in front of the element, or of one around it,
// switches the rule off.
func (l *linter) ignored(id string, at protobuf.Anchor) bool {
	if !l.options.CommentIgnores || len(at.Paths) == 0 {
		return false
	}
	path := at.Paths[0].Path
	for n := len(path); n > 0; n-- {
		comment, _ := l.image.LeadingComment(at.File, path[:n])
		for line := range strings.Lines(comment) {
			if strings.HasPrefix(strings.TrimSpace(line), "buf:lint:ignore "+id) {
				return true
			}
		}
	}
	return false
}

func (l *linter) file(f *protobuf.ImageFile) {
	d := f.Descriptor
	for _, row := range l.rows {
		if row.file != nil {
			row.file(l, row.rule, f)
		}
		for i := 0; row.imported != nil && i < d.Imports().Len(); i++ {
			row.imported(l, row.rule, f, d.Imports().Get(i), i)
		}
	}
	l.container(d)
	for i := range d.Services().Len() {
		l.service(d.Services().Get(i))
	}
}

func (l *linter) container(c container) {
	for i := range c.Enums().Len() {
		l.enum(c.Enums().Get(i))
	}
	for i := range c.Extensions().Len() {
		l.field(c.Extensions().Get(i))
	}
	for i := range c.Messages().Len() {
		if m := c.Messages().Get(i); !m.IsMapEntry() {
			l.message(m)
		}
	}
}

func (l *linter) message(m protoreflect.MessageDescriptor) {
	for _, row := range l.rows {
		if row.message != nil {
			row.message(l, row.rule, m)
		}
		for i := 0; row.oneof != nil && i < m.Oneofs().Len(); i++ {
			if o := m.Oneofs().Get(i); !o.IsSynthetic() {
				row.oneof(l, row.rule, o)
			}
		}
	}
	for i := range m.Fields().Len() {
		l.field(m.Fields().Get(i))
	}
	l.container(m)
}

func (l *linter) field(f protoreflect.FieldDescriptor) {
	for _, row := range l.rows {
		if row.field != nil {
			row.field(l, row.rule, f)
		}
	}
}

func (l *linter) enum(e protoreflect.EnumDescriptor) {
	for _, row := range l.rows {
		if row.enum != nil {
			row.enum(l, row.rule, e)
		}
		for i := 0; row.enumValue != nil && i < e.Values().Len(); i++ {
			row.enumValue(l, row.rule, e.Values().Get(i))
		}
	}
}

func (l *linter) service(s protoreflect.ServiceDescriptor) {
	for _, row := range l.rows {
		if row.service != nil {
			row.service(l, row.rule, s)
		}
		for i := 0; row.method != nil && i < s.Methods().Len(); i++ {
			row.method(l, row.rule, s.Methods().Get(i))
		}
	}
}
