package bufconfig

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/internal/config"
)

// Parse reads the text of a buf.yaml of any version. Modules are relative to the
// folder of the file. The name is for messages, which are of type
// [config.Errors].
func Parse(name, text string) (*Workspace, error) {
	version, err := versionOf(name, text)
	if err != nil {
		return nil, err
	}
	if version == V2 {
		return parseV2(name, text)
	}
	return parseV1(name, text, version)
}

// versionOf returns the version that a file must have, which decides how the rest
// is read.
func versionOf(name, text string, allowed ...string) (string, error) {
	if len(allowed) == 0 {
		allowed = []string{V1Beta1, V1, V2}
	}
	version, ok, err := config.Peek(name, text, "version")
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "", config.Errors{{Path: name, Msg: "there is no version; expected " + strings.Join(allowed, ", ") + " under the key version"}}
	case !slices.Contains(allowed, version):
		return "", config.Errors{{Path: name, Msg: fmt.Sprintf("version is %q%s; expected %s", version, config.Suggest(version, allowed), strings.Join(allowed, ", "))}}
	}
	return version, nil
}

// A reader collects the mistakes of one file.
type reader struct {
	doc  *config.Document
	errs config.Errors
}

// bad notes a mistake, once: what a file says of all its modules is read for each.
func (r *reader) bad(key, format string, args ...any) {
	e := r.doc.Errorf(key, format, args...)
	if !slices.ContainsFunc(r.errs, func(have *config.Error) bool { return have.Place == e.Place && have.Msg == e.Msg }) {
		r.errs = append(r.errs, e)
	}
}

// clean returns a path in its normal form; a path that leaves its folder is a
// mistake and gives false.
func (r *reader) clean(key, value string) (string, bool) {
	out := path.Clean(value)
	if value == "" {
		out = "."
	}
	if path.IsAbs(out) || out == ".." || strings.HasPrefix(out, "../") {
		r.bad(key, "%s is %q; expected a path that does not leave the folder of this file", key, value)
		return "", false
	}
	return out, true
}

// cleanSet returns the paths of a list, sorted, none of which may be within
// another.
func (r *reader) cleanSet(key, what string, values []string) []string {
	var out []string
	places := map[string]string{}
	for i, v := range values {
		at := fmt.Sprintf("%s[%d]", key, i)
		if v == "" {
			r.bad(at, "%s is empty; expected a folder", at)
			continue
		}
		p, ok := r.clean(at, v)
		if !ok {
			continue
		}
		for _, have := range out {
			switch {
			case have == p:
				r.bad(at, "%s %q is there twice", what, p)
			case Contains(have, p):
				r.bad(at, "%s %q is within %s %q", what, p, what, have)
			case Contains(p, have):
				r.bad(places[have], "%s %q is within %s %q", what, have, what, p)
			}
		}
		places[p] = at
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

func (r *reader) folders(key string, values []string) {
	for i, v := range values {
		if strings.HasSuffix(v, ".proto") {
			r.bad(fmt.Sprintf("%s[%d]", key, i), "%q is a file; expected a folder", v)
		}
	}
}

// moduleName checks the name of a module: three parts, the first a host.
func (r *reader) moduleName(key, name string) {
	if name == "" {
		return
	}
	parts := strings.Split(name, "/")
	ok := len(parts) == 3
	for _, p := range parts {
		ok = ok && p != "" && !strings.ContainsAny(p, " \t:@#")
	}
	if !ok {
		r.bad(key, "%s is %q; expected host/owner/module", key, name)
	}
}

func (r *reader) deps(deps []string) {
	for i, d := range deps {
		name, _, _ := strings.Cut(d, ":")
		r.moduleName(fmt.Sprintf("deps[%d]", i), cmp.Or(name, d, "an empty text"))
	}
}

func parseV1(name, text, version string) (*Workspace, error) {
	var f moduleFile
	doc, err := config.Read(name, text, &f)
	if err != nil {
		return nil, err
	}
	r := &reader{doc: doc}
	if version == V1 && len(f.Build.Roots) > 0 {
		r.bad("build.roots", "build.roots is of version v1beta1; this file has version v1")
	}
	r.moduleName("name", f.Name)
	r.deps(f.Deps)
	m := Module{Dir: ".", Name: f.Name, Target: true}
	if m.Roots = r.cleanSet("build.roots", "root", f.Build.Roots); len(m.Roots) == 0 {
		m.Roots = []string{"."}
	}
	m.Excludes = r.cleanSet("build.excludes", "exclude", f.Build.Excludes)
	r.folders("build.excludes", f.Build.Excludes)
	for _, dir := range m.Excludes {
		switch {
		case slices.Contains(m.Roots, dir):
			r.bad("build.excludes", "%q is a root, and all of it is excluded", dir)
		case !slices.ContainsFunc(m.Roots, func(root string) bool { return Contains(root, dir) }):
			r.bad("build.excludes", "exclude %q is in none of the roots", dir)
		}
	}
	m.Lint = r.check(version, f.Lint.part("lint"), ".", true)
	m.Breaking = r.check(version, f.Breaking.part("breaking"), ".", true)
	return &Workspace{Version: version, Dir: ".", Modules: []Module{m}, Deps: f.Deps, Breaking: m.Breaking, Lint: m.Lint}, r.errs.Sorted()
}

func parseV2(name, text string) (*Workspace, error) {
	var f workspaceFile
	doc, err := config.Read(name, text, &f)
	if err != nil {
		return nil, err
	}
	r := &reader{doc: doc}
	r.deps(f.Deps)
	w := &Workspace{Version: V2, Dir: ".", Deps: f.Deps}
	for _, p := range f.Plugins {
		w.Plugins = append(w.Plugins, fmt.Sprint(p.Plugin))
	}
	for _, p := range f.Policies {
		w.Policies = append(w.Policies, p.Policy)
	}
	switch {
	case len(f.Modules) == 0:
		r.moduleName("name", f.Name)
		f.Modules = []modulePart{{Path: ".", Name: f.Name}}
	case f.Name != "":
		r.bad("name", "name is of a file without modules; here each of the modules has its own name")
	}
	for i, m := range f.Modules {
		w.Modules = append(w.Modules, r.module(fmt.Sprintf("modules[%d]", i), m, f))
	}
	r.uniqueNames(w.Modules)
	w.Lint, w.Breaking = r.check(V2, f.Lint.part("lint"), ".", false), r.check(V2, f.Breaking.part("breaking"), ".", false)
	slices.SortStableFunc(w.Modules, func(a, b Module) int { return cmp.Compare(a.Dir, b.Dir) })
	return w, r.errs.Sorted()
}

func (r *reader) uniqueNames(modules []Module) {
	seen := map[string]bool{}
	for i, m := range modules {
		if m.Name != "" && seen[m.Name] {
			r.bad(fmt.Sprintf("modules[%d].name", i), "two modules have the name %q", m.Name)
		}
		seen[m.Name] = true
	}
}

func (r *reader) module(at string, p modulePart, f workspaceFile) Module {
	dir, _ := r.clean(at+".path", p.Path)
	m := Module{Dir: dir, Name: p.Name, Roots: []string{dir}, Target: true}
	r.moduleName(at+".name", p.Name)
	m.Includes = r.cleanSet(at+".includes", "include", p.Includes)
	m.Excludes = r.cleanSet(at+".excludes", "exclude", p.Excludes)
	for _, set := range []struct {
		key           string
		paths, fromto []string
	}{{at + ".includes", p.Includes, m.Includes}, {at + ".excludes", p.Excludes, m.Excludes}} {
		r.folders(set.key, set.paths)
		for _, q := range set.fromto {
			switch {
			case q == dir:
				r.bad(set.key, "%q is the folder of the module; expected one inside it", q)
			case !Contains(dir, q):
				r.bad(set.key, "%q is not inside the module %q", q, dir)
			}
		}
	}
	r.overlap(at+".excludes", m)
	lint, own := p.Lint.part(at+".lint"), true
	if lint.empty {
		lint, own = f.Lint.part("lint"), false
	}
	m.Lint = r.check(V2, lint, dir, own)
	breaking, own := p.Breaking.part(at+".breaking"), true
	if breaking.empty {
		breaking, own = f.Breaking.part("breaking"), false
	}
	m.Breaking = r.check(V2, breaking, dir, own)
	return m
}

// overlap checks excludes against includes: each has to take something away, and
// none all of it.
func (r *reader) overlap(key string, m Module) {
	for _, ex := range m.Excludes {
		inside := len(m.Includes) == 0
		for _, in := range m.Includes {
			switch {
			case in == ex:
				r.bad(key, "%q is both included and excluded", ex)
			case Contains(ex, in):
				r.bad(key, "include %q is within exclude %q", in, ex)
			}
			inside = inside || Contains(in, ex) || Contains(ex, in)
		}
		if !inside {
			r.bad(key, "exclude %q is in none of the includes", ex)
		}
	}
}

// check reads a section for the module in dir. A section of the module itself
// must stay inside it; what a section of the whole file says of other folders is
// not for this module.
func (r *reader) check(version string, p checkPart, dir string, own bool) Check {
	c := Check{
		Version: version, Use: sorted(p.use), Except: sorted(p.except), IgnoreUnstable: p.unstable,
		DisableBuiltin: p.disableBuiltin, Lint: p.lint,
	}
	if slices.ContainsFunc(p.ignore, func(s string) bool { return s != "" && path.Clean(s) == dir }) {
		return Check{Version: version, Disabled: true, Lint: p.lint}
	}
	c.Ignore = r.ignores(p.at+".ignore", p.ignore, dir, own, false)
	for id, paths := range p.ignoreOnly {
		if list := r.ignores(p.at+".ignore_only."+id, paths, dir, own, true); len(list) > 0 {
			if c.IgnoreOnly == nil {
				c.IgnoreOnly = map[string][]string{}
			}
			c.IgnoreOnly[id] = list
		}
	}
	return c
}

func (r *reader) ignores(key string, paths []string, dir string, own, only bool) []string {
	var out []string
	for i, v := range paths {
		at := fmt.Sprintf("%s[%d]", key, i)
		if v == "" {
			r.bad(key, "%s is empty; expected a file or a folder", at)
			continue
		}
		p, ok := r.clean(at, v)
		switch {
		case !ok:
		case !Contains(dir, p) && own:
			r.bad(at, "%q is not inside the module %q", p, dir)
		case !Contains(dir, p):
		case p == dir && only:
			r.bad(at, "%q is the whole module; except switches a rule off", p)
		default:
			out = append(out, below(dir, p))
		}
	}
	return sorted(out)
}

// sorted returns the values sorted and without repetition.
func sorted(values []string) []string {
	if len(values) == 0 {
		return nil
	}
	out := slices.Clone(values)
	slices.Sort(out)
	return slices.Compact(out)
}

// parseWork reads a buf.work.yaml and returns its folders, sorted.
func parseWork(name, text string) ([]string, error) {
	if _, err := versionOf(name, text, V1); err != nil {
		return nil, err
	}
	var f workFile
	doc, err := config.Read(name, text, &f)
	if err != nil {
		return nil, err
	}
	r := &reader{doc: doc}
	if len(f.Directories) == 0 {
		r.bad("version", "there are no directories; expected the folders of the modules")
	}
	dirs := r.cleanSet("directories", "directory", f.Directories)
	if slices.Contains(dirs, ".") {
		r.bad("directories", `"." is this folder; expected folders below it`)
	}
	return dirs, r.errs.Sorted()
}
