package bufgen

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/types/descriptorpb"
)

// The names that managed mode derives from the package of a file, or from its
// path. Without a package there is none.

// joined puts a prefix and a suffix around a name, if there are any.
func joined(prefix, name, suffix, separator string) string {
	if name == "" {
		return ""
	}
	if prefix != "" {
		name = prefix + separator + name
	}
	if suffix != "" {
		name += separator + suffix
	}
	return name
}

// pascal spells a name as PascalCase: letters behind a delimiter grow, others
// shrink unless they are large already.
func pascal(s string) string {
	var out strings.Builder
	start := true
	for _, c := range s {
		if strings.ContainsRune("._- \t\n\r", c) {
			start = true
			continue
		}
		if start {
			c = unicode.ToUpper(c)
		}
		out.WriteRune(c)
		start = false
	}
	return out.String()
}

// eachPart joins the parts of a package, each changed by spell.
func eachPart(pkg, separator string, spell func(string) string) string {
	if pkg == "" {
		return ""
	}
	parts := strings.Split(pkg, ".")
	for i, p := range parts {
		parts[i] = spell(p)
	}
	return strings.Join(parts, separator)
}

func javaOuterClassname(f *descriptorpb.FileDescriptorProto) string {
	return pascal(path.Base(f.GetName()))
}

func csharpNamespace(f *descriptorpb.FileDescriptorProto) string {
	return eachPart(f.GetPackage(), ".", pascal)
}

func rubyPackage(f *descriptorpb.FileDescriptorProto) string {
	return eachPart(f.GetPackage(), "::", pascal)
}

func phpNamespace(f *descriptorpb.FileDescriptorProto) string {
	return eachPart(f.GetPackage(), `\`, func(part string) string {
		if slices.Contains(phpWords, strings.ToLower(part)) {
			return pascal(part) + "_"
		}
		return pascal(part)
	})
}

// phpWords are the words that PHP keeps for itself.
var phpWords = strings.Fields(`abstract and arithmeticerror array as assertionerror bool break callable case catch class clone closure const
	continue declare default die directory divisionbyzeroerror do echo else elseif empty enddeclare endfor
	endforeach endif endswitch endwhile error errorexception eval exception exit extends false final finally float
	fn for foreach function generator global goto if implements include include_once instanceof insteadof int
	interface isset iterable list match namespace new null or parseerror print private protected public require
	require_once return static string switch throw throwable trait true try typeerror unset use var void while xor
	yield`)

// objcClassPrefix is made of the first letters of a package, at least three.
func objcClassPrefix(f *descriptorpb.FileDescriptorProto) string {
	if f.GetPackage() == "" {
		return ""
	}
	parts := strings.Split(f.GetPackage(), ".")
	if isVersioned(f.GetPackage()) {
		parts = parts[:len(parts)-1]
	}
	prefix := ""
	for _, p := range parts {
		for _, c := range p {
			prefix += string(unicode.ToUpper(c))
			break
		}
	}
	for len(prefix) < 3 {
		prefix += "X"
	}
	if prefix == "GPB" { // is that of Google's own library
		return "GPX"
	}
	return prefix
}

// goPackage is the import path below a prefix; that of a.b.v1 has the name bv1.
func goPackage(f *descriptorpb.FileDescriptorProto, a affixes) string {
	if a.prefix == "" {
		return ""
	}
	at := path.Join(a.prefix, path.Dir(f.GetName()))
	if isVersioned(f.GetPackage()) {
		parts := strings.Split(f.GetPackage(), ".")
		at += ";" + parts[len(parts)-2] + parts[len(parts)-1]
	}
	return at
}

// isVersioned reports whether the last part of a package is a version: v1, v1beta2,
// v1p1alpha, v1test and the like.
func isVersioned(pkg string) bool {
	i := strings.LastIndexByte(pkg, '.')
	version, ok := strings.CutPrefix(pkg[i+1:], "v")
	if i < 0 || !ok {
		return false
	}
	if major, _, ok := strings.Cut(version, "test"); ok {
		return isNumber(major)
	}
	alpha, beta := strings.Contains(version, "alpha"), strings.Contains(version, "beta")
	switch {
	case alpha && beta:
		return false
	case !alpha && !beta:
		return isNumber(version)
	}
	level := "alpha"
	if beta {
		level = "beta"
	}
	major, minor, _ := strings.Cut(version, level)
	major, patch, patched := strings.Cut(major, "p")
	return isNumber(major) && (minor == "" || isNumber(minor)) && (!patched || isNumber(patch))
}

func isNumber(s string) bool {
	n, err := strconv.ParseInt(s, 10, 32)
	return err == nil && n >= 1
}

// isWellKnown reports whether a file comes with every compiler.
func isWellKnown(name string) bool {
	name, ok := strings.CutPrefix(name, "google/protobuf/")
	name, proto := strings.CutSuffix(name, ".proto")
	return ok && proto && slices.Contains(wellKnown, name)
}

var wellKnown = strings.Fields(`any api c_sharp_features compiler/plugin cpp_features cpp_file_options cpp_options descriptor
	duration empty field_mask go_features java_features json_enumvalue_options json_options source_context struct timestamp
	type wrappers`)
