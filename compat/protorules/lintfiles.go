package protorules

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

const fileDependencies = 3

func pkgOf(f *protobuf.ImageFile) string { return string(f.Descriptor.Package()) }

// groups puts the files together by a key.
func (l *linter) groups(key func(*protobuf.ImageFile) string) [][]*protobuf.ImageFile {
	byKey := map[string][]*protobuf.ImageFile{}
	for _, f := range l.files {
		byKey[key(f)] = append(byKey[key(f)], f)
	}
	var out [][]*protobuf.ImageFile
	for _, k := range slices.Sorted(maps.Keys(byKey)) {
		out = append(out, byKey[k])
	}
	return out
}

// distinct returns the values of files, sorted, without the empty one, and whether
// that is there too.
func distinct(files []*protobuf.ImageFile, value func(*protobuf.ImageFile) string) (values []string, empty bool) {
	for _, f := range files {
		if v := value(f); v == "" {
			empty = true
		} else {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return slices.Compact(values), empty
}

func folder(f *protobuf.ImageFile) string { return path.Dir(f.Path) }

func lintDirectories(l *linter, r *rule.Rule) {
	for _, files := range l.groups(folder) {
		packages, none := distinct(files, pkgOf)
		list, what := strings.Join(packages, ","), ""
		switch {
		case len(packages) > 1 && none:
			what = fmt.Sprintf("Multiple packages %q and file with no package", list)
		case len(packages) > 1:
			what = fmt.Sprintf("Multiple packages %q", list)
		case len(packages) == 1 && none:
			what = fmt.Sprintf("Package %q and file with no package", list)
		default:
			continue
		}
		for _, f := range files {
			l.report(r, nil, inFile(f, filePackage), "%s detected within directory %q.", what, folder(f))
		}
	}
}

func lintPackageDirectories(l *linter, r *rule.Rule) {
	for _, files := range l.groups(pkgOf) {
		dirs, _ := distinct(files, folder)
		for _, f := range files {
			if len(dirs) > 1 {
				l.report(r, nil, inFile(f, filePackage), "Multiple directories %q contain files with package %q.", strings.Join(dirs, ","), pkgOf(f))
			}
		}
	}
}

func lintDirectoryMatch(l *linter, r *rule.Rule, f *protobuf.ImageFile) {
	want := strings.ReplaceAll(pkgOf(f), ".", "/")
	if want != "" && folder(f) != want {
		l.report(r, nil, inFile(f, filePackage), "Files with package %q must be within a directory \"%s\" relative to root but were in directory \"%s\".", pkgOf(f), want, folder(f))
	}
}

func lintPackageDefined(l *linter, r *rule.Rule, f *protobuf.ImageFile) {
	if pkgOf(f) == "" {
		l.report(r, nil, inFile(f), "Files must have a package defined.")
	}
}

func lintSyntax(l *linter, r *rule.Rule, f *protobuf.ImageFile) {
	if f.Descriptor.Syntax() != protoreflect.Proto2 {
		return
	}
	if _, written := l.image.LeadingComment(f, []int32{fileSyntax}); !written {
		l.report(r, nil, inFile(f), `Files must have a syntax explicitly specified. If no syntax is specified, the file defaults to "proto2".`)
	}
}

func lintPackageName(l *linter, r *rule.Rule, f *protobuf.ImageFile) {
	parts := strings.Split(pkgOf(f), ".")
	for i, p := range parts {
		parts[i] = lowerSnakeCase(p)
	}
	if want := strings.Join(parts, "."); want != pkgOf(f) {
		l.report(r, nil, inFile(f, filePackage), "Package name %q should be lower_snake.case, such as %q.", pkgOf(f), want)
	}
}

// packageVersion is the last part of a package that ends in a version.
var packageVersion = regexp.MustCompile(`^v0*[1-9][0-9]*(test.*|((p0*[1-9][0-9]*)?(alpha|beta)(0*[1-9][0-9]*)?)?)$`)

var stableVersion = regexp.MustCompile(`^v[0-9]+$`)

func versioned(pkg protoreflect.FullName) bool {
	return pkg.Parent() != "" && packageVersion.MatchString(string(pkg.Name()))
}

func lintVersionSuffix(l *linter, r *rule.Rule, f *protobuf.ImageFile) {
	if pkg := f.Descriptor.Package(); pkg != "" && !versioned(pkg) {
		l.report(r, nil, inFile(f, filePackage), "Package name %q should be suffixed with a correctly formed version, such as %q.", pkg, pkg+".v1")
	}
}

func lintStable(l *linter, r *rule.Rule) {
	for _, f := range l.files {
		pkg := f.Descriptor.Package()
		if !versioned(pkg) || !stableVersion.MatchString(string(pkg.Name())) {
			continue
		}
		for i := range f.Descriptor.Imports().Len() {
			d := f.Descriptor.Imports().Get(i)
			other := l.image.FileOf(d)
			if other == nil || other.IsImport || !versioned(d.Package()) || stableVersion.MatchString(string(d.Package().Name())) {
				continue
			}
			l.report(r, nil, inFile(f, fileDependencies, int32(i)), "This file is in stable package %q, so it should not depend on %q from unstable package %q.", pkg, d.Path(), d.Package())
		}
	}
}

func lintFileName(l *linter, r *rule.Rule, f *protobuf.ImageFile) {
	base, ext := path.Base(f.Path), path.Ext(f.Path)
	name := strings.TrimSuffix(base, ext)
	if want := lowerSnakeCase(name); name != want {
		l.report(r, nil, inFile(f), "Filename %q should be lower_snake_case%s, such as \"%s%s\".", base, ext, want, ext)
	}
}

func lintNoPublic(l *linter, r *rule.Rule, f *protobuf.ImageFile, d protoreflect.FileImport, i int) {
	if d.IsPublic {
		l.report(r, nil, inFile(f, fileDependencies, int32(i)), "Import %q must not be public.", d.Path())
	}
}

func multipleFiles(o *descriptorpb.FileOptions) string {
	if o == nil || o.JavaMultipleFiles == nil {
		return ""
	}
	return strconv.FormatBool(o.GetJavaMultipleFiles())
}

// lintSameOption makes the check of an option that all files of a package share.
func lintSameOption(name string, number int32, of func(*descriptorpb.FileOptions) string) func(*linter, *rule.Rule) {
	value := func(f *protobuf.ImageFile) string {
		o, _ := f.Descriptor.Options().(*descriptorpb.FileOptions)
		return of(o)
	}
	return func(l *linter, r *rule.Rule) {
		for _, files := range l.groups(pkgOf) {
			values, none := distinct(files, value)
			if len(values) == 0 || len(values) == 1 && !none {
				continue
			}
			format := "Files in package %q have multiple values %q for option %q and all values must be equal."
			if none {
				format = "Files in package %q have both values %q and no value for option %q and all values must be equal."
			}
			for _, f := range files {
				l.report(r, nil, inFile(f, fileOptions, number), format, pkgOf(f), strings.Join(values, ","), name)
			}
		}
	}
}

// lintUniqueTypes reports messages that more than one RPC sends or returns.
func lintUniqueTypes(l *linter, r *rule.Rule) {
	o := l.options
	in, out := o.RPCAllowGoogleProtobufEmptyRequests, o.RPCAllowGoogleProtobufEmptyResponses
	requests, responses := map[protoreflect.FullName][]protoreflect.MethodDescriptor{}, map[protoreflect.FullName][]protoreflect.MethodDescriptor{}
	both := map[protoreflect.FullName][]protoreflect.MethodDescriptor{}
	for _, f := range l.files {
		for i := range f.Descriptor.Services().Len() {
			methods := f.Descriptor.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				from, to := m.Input().FullName(), m.Output().FullName()
				requests[from], responses[to] = append(requests[from], m), append(responses[to], m)
				both[from] = append(both[from], m)
				if from != to {
					both[to] = append(both[to], m)
				} else if !o.RPCAllowSameRequestResponse && (from != emptyMessage || !in || !out) {
					l.report(r, m, l.part(m), "RPC %q has the same type %q for the request and response.", m.Name(), from)
				}
			}
		}
	}
	shared := func(methods []protoreflect.MethodDescriptor, name protoreflect.FullName, as string) {
		for _, m := range methods {
			if len(methods) > 1 {
				l.report(r, m, l.part(m), "%q is used as the %s for multiple RPCs.", name, as)
			}
		}
	}
	for name, methods := range both {
		switch {
		case len(methods) < 2 || name == emptyMessage && in && out:
		case name == emptyMessage && in:
			shared(responses[name], name, "response")
		case name == emptyMessage && out:
			shared(requests[name], name, "request")
		default:
			shared(methods, name, "request or response type")
		}
	}
}

// lintCycles reports the imports through which a package reaches itself.
func lintCycles(l *linter, r *rule.Rule) {
	next := map[string][]string{}
	for _, f := range l.image.Files() {
		for i := range f.Descriptor.Imports().Len() {
			from, to := pkgOf(f), string(f.Descriptor.Imports().Get(i).Package())
			if from != to && from != "" && to != "" && !slices.Contains(next[from], to) {
				next[from] = append(next[from], to)
			}
		}
	}
	for _, f := range l.files {
		for i := range f.Descriptor.Imports().Len() {
			to := string(f.Descriptor.Imports().Get(i).Package())
			if pkgOf(f) == "" || to == "" || to == pkgOf(f) {
				continue
			}
			if way := wayTo(next, to, pkgOf(f)); way != nil {
				l.report(r, nil, inFile(f, fileDependencies, int32(i)), "Package import cycle: %s", strings.Join(append([]string{pkgOf(f)}, way...), " -> "))
			}
		}
	}
}

// wayTo returns the packages from one to another, the first in the order of
// imports, or nil.
func wayTo(next map[string][]string, from, to string) []string {
	seen := map[string]bool{}
	var visit func(at string) []string
	visit = func(at string) []string {
		if at == to {
			return []string{at}
		}
		if seen[at] {
			return nil
		}
		seen[at] = true
		for _, n := range next[at] {
			if way := visit(n); way != nil {
				return append([]string{at}, way...)
			}
		}
		return nil
	}
	return visit(from)
}
