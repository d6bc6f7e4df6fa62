package bufconfig

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/internal/config"
)

// The shape of a buf.gen.yaml, for the strict reader.

type genFile struct {
	Version string      `yaml:"version"`
	Clean   bool        `yaml:"clean"`
	Managed genManaged  `yaml:"managed"`
	Plugins []genPlugin `yaml:"plugins"`
	Inputs  []genInput  `yaml:"inputs"`
}

type genManaged struct {
	Enabled  bool       `yaml:"enabled"`
	Disable  []genRule  `yaml:"disable"`
	Override []genValue `yaml:"override"`
}

type genRule struct {
	FileOption  string `yaml:"file_option"`
	FieldOption string `yaml:"field_option"`
	Module      string `yaml:"module"`
	Path        string `yaml:"path"`
	Field       string `yaml:"field"`
}

type genValue struct {
	FileOption  string `yaml:"file_option"`
	FieldOption string `yaml:"field_option"`
	Module      string `yaml:"module"`
	Path        string `yaml:"path"`
	Field       string `yaml:"field"`
	Value       any    `yaml:"value"`
}

type genPlugin struct {
	Remote         string   `yaml:"remote"`
	Revision       int      `yaml:"revision"`
	Local          any      `yaml:"local"`
	ProtocBuiltin  string   `yaml:"protoc_builtin"`
	ProtocPath     any      `yaml:"protoc_path"`
	Out            string   `yaml:"out"`
	Opt            any      `yaml:"opt"`
	IncludeImports bool     `yaml:"include_imports"`
	IncludeWKT     bool     `yaml:"include_wkt"`
	Strategy       string   `yaml:"strategy" enum:"directory,all"`
	Types          []string `yaml:"types"`
	ExcludeTypes   []string `yaml:"exclude_types"`
}

type genInput struct {
	Directory   string `yaml:"directory"`
	Module      string `yaml:"module"`
	ProtoFile   string `yaml:"proto_file"`
	Tarball     string `yaml:"tarball"`
	ZipArchive  string `yaml:"zip_archive"`
	BinaryImage string `yaml:"binary_image"`
	JSONImage   string `yaml:"json_image"`
	TextImage   string `yaml:"text_image"`
	YAMLImage   string `yaml:"yaml_image"`
	GitRepo     string `yaml:"git_repo"`

	Types        []string `yaml:"types"`
	ExcludeTypes []string `yaml:"exclude_types"`
	Paths        []string `yaml:"paths"`
	ExcludePaths []string `yaml:"exclude_paths"`

	Compression         string `yaml:"compression"`
	StripComponents     int    `yaml:"strip_components"`
	Subdir              string `yaml:"subdir"`
	Branch              string `yaml:"branch"`
	Commit              string `yaml:"commit"`
	Tag                 string `yaml:"tag"`
	Ref                 string `yaml:"ref"`
	Depth               int    `yaml:"depth"`
	Filter              string `yaml:"filter"`
	RecurseSubmodules   bool   `yaml:"recurse_submodules"`
	IncludePackageFiles bool   `yaml:"include_package_files"`
}

// A managedValue is the kind of value that an option has.
type managedValue int

const (
	textValue managedValue = iota
	boolValue
	optimizeValue
)

// managedFileOptions are the options of files that rules may name.
var managedFileOptions = map[string]managedValue{
	"java_package": textValue, "java_package_prefix": textValue, "java_package_suffix": textValue,
	"java_outer_classname": textValue, "java_multiple_files": boolValue, "java_string_check_utf8": boolValue,
	"optimize_for": optimizeValue, "go_package": textValue, "go_package_prefix": textValue, "cc_enable_arenas": boolValue,
	"objc_class_prefix": textValue, "csharp_namespace": textValue, "csharp_namespace_prefix": textValue,
	"php_namespace": textValue, "php_metadata_namespace": textValue, "php_metadata_namespace_suffix": textValue,
	"ruby_package": textValue, "ruby_package_suffix": textValue, "swift_prefix": textValue,
}

var (
	optimizeModes = []string{"SPEED", "CODE_SIZE", "LITE_RUNTIME"}
	jsTypes       = []string{"JS_NORMAL", "JS_STRING", "JS_NUMBER"}
)

// JSType is the one option of fields that rules may name.
const JSType = "jstype"

func (r *reader) disable(key string, p genRule) ManagedRule {
	rule := r.rule(key, p)
	switch {
	case p == genRule{}:
		r.bad(key, "%s is empty; managed mode as a whole is switched off by enabled: false", key)
	case rule.FileOption != "" && rule.FieldOption != "":
		r.bad(key, "%s has both file_option and field_option; expected at most one of them", key)
	case rule.FileOption != "" && rule.Field != "":
		r.bad(key+".field", "%s.field: a file option has no field", key)
	}
	return rule
}

func (r *reader) override(key string, p genValue) ManagedRule {
	rule := r.rule(key, genRule{p.FileOption, p.FieldOption, p.Module, p.Path, p.Field})
	rule.Value = p.Value
	switch {
	case rule.FileOption == "" && rule.FieldOption == "":
		r.bad(key, "%s names no option; expected file_option or field_option", key)
	case rule.FileOption != "" && rule.FieldOption != "":
		r.bad(key, "%s has both file_option and field_option; expected one of them", key)
	case rule.FileOption != "" && rule.Field != "":
		r.bad(key+".field", "%s.field: a file option has no field", key)
	case p.Value == nil:
		r.bad(key, "%s has no value", key)
	case rule.FieldOption != "":
		r.oneOf(key+".value", p.Value, jsTypes)
	default:
		r.value(key+".value", managedFileOptions[rule.FileOption], p.Value)
	}
	return rule
}

func (r *reader) value(key string, kind managedValue, value any) {
	switch kind {
	case boolValue:
		if _, ok := value.(bool); !ok {
			r.bad(key, "%s is %v; expected true or false", key, value)
		}
	case optimizeValue:
		r.oneOf(key, value, optimizeModes)
	default:
		if _, ok := value.(string); !ok {
			r.bad(key, "%s is %v; expected text", key, value)
		}
	}
}

func (r *reader) oneOf(key string, value any, names []string) {
	s, ok := value.(string)
	if !ok || !slices.Contains(names, s) {
		r.bad(key, "%s is %v%s; expected %s", key, value, config.Suggest(fmt.Sprint(value), names), strings.Join(names, ", "))
	}
}

// rule reads what both kinds of rules have.
func (r *reader) rule(key string, p genRule) ManagedRule {
	rule := ManagedRule{
		FileOption: strings.ToLower(strings.TrimSpace(p.FileOption)), FieldOption: strings.ToLower(strings.TrimSpace(p.FieldOption)),
		Module: p.Module, Path: p.Path, Field: p.Field,
	}
	if _, ok := managedFileOptions[rule.FileOption]; !ok && rule.FileOption != "" {
		names := sortedKeys(managedFileOptions)
		r.bad(key+".file_option", "%s.file_option is %q%s; expected %s", key, p.FileOption, config.Suggest(rule.FileOption, names), strings.Join(names, ", "))
		rule.FileOption = ""
	}
	if rule.FieldOption != "" && rule.FieldOption != JSType {
		r.bad(key+".field_option", "%s.field_option is %q; expected %s", key, p.FieldOption, JSType)
	}
	r.moduleName(key+".module", p.Module)
	if p.Path != "" && (path.Clean(p.Path) != p.Path || path.IsAbs(p.Path) || p.Path == ".." || strings.HasPrefix(p.Path, "../")) {
		r.bad(key+".path", "%s.path is %q; expected an import path, or a folder of such, with forward slashes", key, p.Path)
	}
	return rule
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
