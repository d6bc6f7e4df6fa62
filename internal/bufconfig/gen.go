package bufconfig

import (
	"fmt"
	"path"
	"strings"

	"github.com/wireproof/wireproof/internal/config"
)

// GenName is the name of the file that says what is generated.
const GenName = "buf.gen.yaml"

// A Gen is a buf.gen.yaml: which plugins run over which inputs, and what is
// written into descriptors first. Paths in it are relative to the folder in which
// the command runs, as Buf reads them.
type Gen struct {
	Name string // of the file, for messages
	// Clean says that files in the folders of the plugins go which no plugin wrote.
	Clean   bool
	Managed Managed
	Plugins []GenPlugin
	// Inputs are the folders to generate for, if none is named elsewhere.
	Inputs []GenInput
}

// Managed says which options files get, whatever their text says.
type Managed struct {
	Enabled  bool
	Disable  []ManagedRule
	Override []ManagedRule
}

// A ManagedRule sets options or keeps them as they are. What is empty matches
// everything.
type ManagedRule struct {
	// FileOption is an option of files, such as java_package or go_package_prefix;
	// FieldOption is jstype. At most one is there.
	FileOption, FieldOption string
	Module                  string // host/owner/module
	Path                    string // an import path, or a folder of such
	Field                   string // the full name of a field
	// Value is that of an override: text, or true or false for options that are so.
	Value any
}

// A GenPlugin is one plugin of a [Gen].
type GenPlugin struct {
	At   string // file:line:column
	Name string // for messages
	// Command is the program and its arguments. It is empty for a plugin that comes
	// with protoc, whose name is in Builtin then.
	Command []string
	// List says that the command was written as a list: it is run as it is.
	List    bool
	Builtin string
	// Protoc is the program, with arguments, that has the built-in plugin.
	Protoc []string
	// Out is the folder of the generated files.
	Out string
	// Opt is the parameter of the plugin.
	Opt string
	// IncludeImports generates for imported files too, but not for those of
	// google/protobuf; IncludeWKT for those as well.
	IncludeImports, IncludeWKT bool
	// Types are those that the plugin gets.
	Types GenTypes
	// All gives the plugin all files at once, and not those of one folder.
	All bool
}

// A GenInput is a folder to generate for.
type GenInput struct {
	At        string // file:line:column
	Directory string
	// Paths, unless empty, are the files and folders to generate for, and
	// ExcludePaths those to leave out.
	Paths, ExcludePaths []string
	Types               GenTypes
}

// GenTypes are full names of messages, enums, services, methods, extensions and
// packages; .** behind a name means what is below it too. Without names to include,
// it is everything that is not excluded.
type GenTypes struct {
	Include, Exclude []string
}

// ParseGen reads the text of a buf.gen.yaml of version v2. What Buf does and this
// program does not, such as plugins that run elsewhere, is an error that says what
// to do instead. The name is for messages; the error is of type [config.Errors].
func ParseGen(name, text string) (*Gen, error) {
	version, err := versionOf(name, text)
	if err != nil {
		return nil, err
	}
	if version != V2 {
		return nil, config.Errors{{Path: name, Msg: fmt.Sprintf("version is %s; expected %s: buf config migrate rewrites the file", version, V2)}}
	}
	var f genFile
	doc, err := config.Read(name, text, &f)
	if err != nil {
		return nil, err
	}
	r := &reader{doc: doc}
	g := &Gen{Name: name, Clean: f.Clean, Managed: Managed{Enabled: f.Managed.Enabled}}
	for i, d := range f.Managed.Disable {
		g.Managed.Disable = append(g.Managed.Disable, r.disable(fmt.Sprintf("managed.disable[%d]", i), d))
	}
	for i, o := range f.Managed.Override {
		g.Managed.Override = append(g.Managed.Override, r.override(fmt.Sprintf("managed.override[%d]", i), o))
	}
	if len(f.Plugins) == 0 {
		r.bad("version", "there are no plugins; expected at least one under the key plugins")
	}
	for i, p := range f.Plugins {
		g.Plugins = append(g.Plugins, r.plugin(name, fmt.Sprintf("plugins[%d]", i), p))
	}
	for i, in := range f.Inputs {
		g.Inputs = append(g.Inputs, r.input(name, fmt.Sprintf("inputs[%d]", i), in))
	}
	return g, r.errs.Sorted()
}

// has reports whether a key is in the file.
func (r *reader) has(key string) bool { return r.doc.Place(key) != config.Place{} }

// first returns the first of the keys that is in the file, and the last if none is.
func (r *reader) first(keys ...string) string {
	for _, k := range keys {
		if r.has(k) {
			return k
		}
	}
	return keys[len(keys)-1]
}

// at returns the place of a key as messages show it.
func (r *reader) at(name, key string) string {
	p := r.doc.Place(key)
	return fmt.Sprintf("%s:%d:%d", name, p.Line, p.Col)
}

// words reads a value that is text or a list of texts.
func (r *reader) words(key string, value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		return []string{v}
	case []any:
		var out []string
		for i, e := range v {
			s, ok := e.(string)
			if !ok {
				r.bad(fmt.Sprintf("%s[%d]", key, i), "%s[%d] is %v; expected text", key, i, e)
				continue
			}
			out = append(out, s)
		}
		return out
	}
	r.bad(key, "%s is %v; expected text or a list of texts", key, value)
	return nil
}

func (r *reader) plugin(name, key string, p genPlugin) GenPlugin {
	anchor := r.first(key+".local", key+".protoc_builtin", key+".remote", key)
	out := GenPlugin{
		At: r.at(name, anchor), Out: p.Out, Opt: strings.Join(r.words(key+".opt", p.Opt), ","),
		IncludeImports: p.IncludeImports, IncludeWKT: p.IncludeWKT, All: p.Strategy == "all",
		Types: GenTypes{p.Types, p.ExcludeTypes},
	}
	if p.Out == "" {
		r.bad(anchor, "%s has no out; expected the folder of what it generates", key)
	}
	switch path.Ext(p.Out) {
	case ".zip", ".jar":
		r.bad(key+".out", "%s.out is %q, and archives are not written here; name a folder", key, p.Out)
	}
	if p.IncludeWKT && !p.IncludeImports {
		r.bad(key+".include_wkt", "%s.include_wkt needs include_imports: true", key)
	}
	r.kind(key, p, &out)
	return out
}

// kind reads which program a plugin is.
func (r *reader) kind(key string, p genPlugin, out *GenPlugin) {
	local, remote, builtin := r.has(key+".local"), r.has(key+".remote"), r.has(key+".protoc_builtin")
	switch n := count(local, remote, builtin); {
	case n == 0:
		r.bad(key, "%s names no program; expected local: protoc-gen-NAME", key)
		return
	case n > 1:
		r.bad(key, "%s has more than one of local, remote and protoc_builtin; expected one of them", key)
		return
	}
	if r.has(key+".revision") && !remote {
		r.bad(key+".revision", "%s.revision is of remote plugins", key)
	}
	if r.has(key+".protoc_path") && !builtin {
		r.bad(key+".protoc_path", "%s.protoc_path is of plugins with protoc_builtin", key)
	}
	switch {
	case remote:
		r.bad(key+".remote", "%s.remote is %q, and nothing is sent away to be generated here; %s", key, p.Remote, insteadOf(p.Remote))
	case local:
		_, out.List = p.Local.([]any)
		out.Command = r.words(key+".local", p.Local)
		out.Name = strings.Join(out.Command, " ")
		if len(out.Command) == 0 || out.Command[0] == "" {
			r.bad(key+".local", "%s.local names no program; expected protoc-gen-NAME, a path, or a list with arguments", key)
		}
	case builtin:
		out.Name, out.Builtin = p.ProtocBuiltin, p.ProtocBuiltin
		if !isBuiltin(p.ProtocBuiltin) {
			r.bad(key+".protoc_builtin", "%s.protoc_builtin is %q%s; expected %s", key, p.ProtocBuiltin, config.Suggest(p.ProtocBuiltin, protocBuiltins), strings.Join(protocBuiltins, ", "))
		}
		if out.Protoc = r.words(key+".protoc_path", p.ProtocPath); len(out.Protoc) == 0 {
			out.Protoc = []string{"protoc"}
		}
	}
}

func count(values ...bool) int {
	n := 0
	for _, v := range values {
		if v {
			n++
		}
	}
	return n
}

// localPlugins are the programs of plugins that many files name as remote ones.
var localPlugins = map[string]string{
	"protocolbuffers/go": "protoc-gen-go", "grpc/go": "protoc-gen-go-grpc", "connectrpc/go": "protoc-gen-connect-go",
	"connectrpc/es": "protoc-gen-connect-es", "bufbuild/es": "protoc-gen-es", "bufbuild/validate-go": "protoc-gen-validate-go",
	"grpc-ecosystem/gateway": "protoc-gen-grpc-gateway", "grpc-ecosystem/openapiv2": "protoc-gen-openapiv2",
	"community/planetscale-vtprotobuf": "protoc-gen-go-vtproto", "community/google-gnostic-openapi": "protoc-gen-openapi",
	"community/stephenh-ts-proto": "protoc-gen-ts_proto", "community/pseudomuto-doc": "protoc-gen-doc",
	"community/neoeinstein-prost": "protoc-gen-prost", "apple/swift": "protoc-gen-swift", "protocolbuffers/js": "protoc-gen-js",
}

// insteadOf says what to write in place of a remote plugin.
func insteadOf(remote string) string {
	name, _, _ := strings.Cut(remote, ":")
	_, name, _ = strings.Cut(name, "/")
	owner, plugin, _ := strings.Cut(name, "/")
	switch local := localPlugins[name]; {
	case local == "protoc-gen-go":
		return "write local: protoc-gen-go, which is built in"
	case local != "":
		return "install the plugin and write local: " + local
	case owner == "protocolbuffers" && isBuiltin(plugin):
		return "install protoc and write protoc_builtin: " + plugin
	}
	return "install the plugin and write local: with the name of its program, as it is in PATH"
}

// protocBuiltins are the plugins that come with protoc.
var protocBuiltins = []string{"cpp", "csharp", "java", "js", "kotlin", "objc", "php", "pyi", "python", "rbs", "ruby", "rust"}

func isBuiltin(name string) bool {
	for _, b := range protocBuiltins {
		if b == name {
			return true
		}
	}
	return false
}

// otherInputs are the kinds of inputs that are not folders.
var otherInputs = []string{"module", "git_repo", "tarball", "zip_archive", "proto_file", "binary_image", "json_image", "text_image", "yaml_image"}

func (r *reader) input(name, key string, p genInput) GenInput {
	in := GenInput{At: r.at(name, r.first(key+".directory", key)), Directory: p.Directory, Paths: p.Paths, ExcludePaths: p.ExcludePaths, Types: GenTypes{p.Types, p.ExcludeTypes}}
	for _, k := range otherInputs {
		if at := key + "." + k; r.has(at) {
			r.bad(at, "%s: only folders are read here; expected directory: PATH (clone, unpack or export the input first)", at)
			return in
		}
	}
	if p.Directory == "" {
		r.bad(key, "%s has no directory; expected the folder of a module or a workspace", key)
		return in
	}
	for _, k := range []string{"compression", "strip_components", "subdir", "branch", "commit", "tag", "ref", "depth", "filter", "recurse_submodules", "include_package_files"} {
		if at := key + "." + k; r.has(at) {
			r.bad(at, "%s is not of an input with directory", at)
		}
	}
	return in
}
