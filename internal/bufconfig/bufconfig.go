// Package bufconfig reads the module configuration of Buf as it is: buf.yaml in
// its versions v1beta1, v1 and v2, buf.work.yaml and buf.lock. Files are
// read strictly, and each mistake is told with its place. Modules of a registry are
// read where buf has put them; nothing is fetched.
//
// All paths of the package are relative, clean and written with forward slashes;
// "." is the folder itself. What a path is relative to is said where it is
// declared.
package bufconfig

import (
	"regexp"
	"strings"
)

// Names of the files.
const (
	Name     = "buf.yaml"
	WorkName = "buf.work.yaml"
)

// Versions of configuration files.
const (
	V1Beta1 = "v1beta1"
	V1      = "v1"
	V2      = "v2"
)

// A Workspace is what an input consists of: modules that may import one another.
type Workspace struct {
	Version string // of the file that defines it; V1 if there is no file
	// Dir is the folder of that file, as the loader names folders.
	Dir string
	// Modules are in the order in which they are compared: by path, and modules of
	// one path in the order of the file.
	Modules []Module
	// Deps are the modules of a registry that the workspace depends on, and Locked is
	// what its lock files make of them.
	Deps   []string
	Locked []Locked
	// Breaking and Lint are the checks of the file itself, which apply to files that
	// are in none of its modules, such as those of an image.
	Breaking, Lint Check
	// Plugins and Policies are the names of external checks, which this program
	// does not run.
	Plugins, Policies []string
}

// A Module is a tree of Protobuf files with the checks that apply to them.
type Module struct {
	Dir  string // relative to the workspace
	Name string // host/owner/module, or empty
	// Roots are the folders that imports are relative to, within the workspace:
	// Dir alone, but for version v1beta1.
	Roots []string
	// Includes, unless empty, are the folders that files have to be in, and
	// Excludes those that they must not be in. Both are relative to the workspace.
	Includes, Excludes []string
	Breaking, Lint     Check
	// Target is false for a module that is here only because others import it.
	Target bool
}

// A Check says which rules apply to a module, and where not.
type Check struct {
	Version string // which of the rules and categories there are
	// Disabled says that nothing is checked: the module itself is ignored.
	Disabled bool
	// Use and Except are ids of rules and categories; no Use means the default.
	Use, Except []string
	// Ignore holds files and folders, as import paths.
	Ignore []string
	// IgnoreOnly holds the same for single rules and categories.
	IgnoreOnly map[string][]string
	// IgnoreUnstable leaves out packages such as a.v1beta1; breaking changes only.
	IgnoreUnstable bool
	// DisableBuiltin leaves only the rules of plugins, so none.
	DisableBuiltin bool
	// Lint has the options of single rules; it is empty for breaking changes.
	Lint LintOptions
}

// LintOptions are settings of single lint rules.
type LintOptions struct {
	EnumZeroValueSuffix string // empty means _UNSPECIFIED
	ServiceSuffix       string // empty means Service

	RPCAllowSameRequestResponse, RPCAllowGoogleProtobufEmptyRequests, RPCAllowGoogleProtobufEmptyResponses bool

	// CommentIgnores says that a comment in the file can switch a rule off.
	CommentIgnores bool
}

// Contains reports whether a path is dir or below it. Both are relative to the
// same folder.
func Contains(dir, path string) bool {
	return dir == "." || path == dir || strings.HasPrefix(path, dir) && path[len(dir)] == '/'
}

// ImportPath returns the import path of a file of the workspace, and false if the
// module does not hold it.
func (m *Module) ImportPath(file string) (string, bool) {
	if !strings.HasSuffix(file, ".proto") || !Contains(m.Dir, file) {
		return "", false
	}
	for _, root := range m.Roots {
		if root != file && Contains(root, file) && m.takes(file) {
			return below(root, file), true
		}
	}
	return "", false
}

func (m *Module) takes(file string) bool {
	for _, dir := range m.Excludes {
		if Contains(dir, file) {
			return false
		}
	}
	for _, dir := range m.Includes {
		if Contains(dir, file) {
			return true
		}
	}
	return len(m.Includes) == 0
}

// below returns path relative to dir, which contains it.
func below(dir, path string) string {
	switch dir {
	case ".":
		return path
	case path:
		return "."
	}
	return path[len(dir)+1:]
}

// Ignores reports whether the check leaves a file out, for every rule or for one
// with the given id and categories. The file is an import path.
func (c *Check) Ignores(file, id string, categories []string) bool {
	if within(c.Ignore, file) || within(c.IgnoreOnly[id], file) {
		return true
	}
	for _, category := range categories {
		if within(c.IgnoreOnly[category], file) {
			return true
		}
	}
	return false
}

func within(dirs []string, file string) bool {
	for _, dir := range dirs {
		if Contains(dir, file) {
			return true
		}
	}
	return false
}

// unstable is the last part of a package whose schemas may still change.
var unstable = regexp.MustCompile(`^v0*[1-9][0-9]*(test.*|(p0*[1-9][0-9]*)?(alpha|beta)(0*[1-9][0-9]*)?)$`)

// Unstable reports whether the name of a package says that its schemas may still
// change, as a.v1beta1 does.
func Unstable(pkg string) bool {
	i := strings.LastIndexByte(pkg, '.')
	return i >= 0 && unstable.MatchString(pkg[i+1:])
}
