package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// A baseline is what the schemas are compared with.
type baseline struct {
	label   string
	history func(ctx context.Context, subject, file string) ([]gate.Version, error)
	level   func(ctx context.Context, subject string) (string, error) // nil: that of the settings
	events  []gate.Event                                              // nil: unknown, as in a registry
	only    string                                                    // the one subject that is compared; empty means all
	named   []string                                                  // subjects that it is asked for by name
}

// againstHelp documents --against, for every command that has it.
const againstHelp = `  git:REF[//FOLDER]             the tree of any revision, read from git's object database
  git:merge-base(REF)           where HEAD left REF
  dir:PATH                      a folder with settings
  bundle:PATH                   what wireproof build wrote, or a descriptor set (a Buf image); - is stdin
  registry[:ENV][/SUBJECT[@N]]  the versions registered in the environment's registry`

// baselines resolves what is compared with: what was asked for, else what the
// settings say, else the merge base. Of several, the first is the oldest.
func (a *app) baselines(ctx context.Context, cfg *config.Config, f checkFlags) (baseline, error) {
	against := f.against
	if len(against) == 0 {
		against = cfg.Check.Against
	}
	if len(against) == 0 {
		against = []string{""}
	}
	var all []baseline
	for _, one := range against {
		b, err := a.fetched(ctx, cfg, one, f)
		if err != nil {
			return baseline{}, err
		}
		all = append(all, b)
	}
	return join(all), nil
}

// fetched resolves a baseline; with --fetch, what a shallow clone lacks is
// fetched, once.
func (a *app) fetched(ctx context.Context, cfg *config.Config, against string, f checkFlags) (baseline, error) {
	b, err := a.baseline(ctx, cfg, against, f.registry)
	var missing *gate.RevisionError
	if !f.fetch || !errors.As(err, &missing) || missing.FetchLine() == "" {
		return b, err
	}
	a.note("%s", missing.FetchLine())
	if err := missing.Fetch(ctx); err != nil {
		return baseline{}, err
	}
	return a.baseline(ctx, cfg, against, f.registry)
}

// join makes one baseline of several: its history is theirs, one after another.
// The last that knows levels or events says them.
func join(all []baseline) baseline {
	if len(all) == 1 {
		return all[0]
	}
	out := baseline{history: func(ctx context.Context, subject, file string) ([]gate.Version, error) {
		var history []gate.Version
		for _, b := range all {
			if b.only != "" && b.only != subject {
				continue
			}
			versions, err := b.history(ctx, subject, file)
			if err != nil {
				return nil, err
			}
			for _, v := range versions {
				v.Number = len(history) + 1
				history = append(history, v)
			}
		}
		return history, nil
	}}
	var labels []string
	for _, b := range all {
		labels = append(labels, b.label)
		out.named = append(out.named, b.named...)
		if b.level != nil {
			out.level = b.level
		}
		if b.events != nil {
			out.events = b.events
		}
	}
	out.label = strings.Join(labels, ", ")
	return out
}

func (a *app) baseline(ctx context.Context, cfg *config.Config, against, registry string) (baseline, error) {
	scheme, rest, _ := strings.Cut(against, ":")
	switch {
	case against == "":
		b, err := gitBaseline(ctx, cfg, gate.GitRef{MergeBase: true})
		if errors.Is(err, gate.ErrNoRepository) {
			return a.registryBaseline(cfg, registryRef{}, registry)
		}
		return b, err
	case scheme == "git" && rest != "":
		ref, err := gate.ParseGitRef(rest)
		if err != nil {
			return baseline{}, usagef("--against: %w", err)
		}
		return gitBaseline(ctx, cfg, ref)
	case scheme == "dir" && rest != "":
		rest = a.path(rest)
		if info, err := os.Stat(rest); err != nil || !info.IsDir() {
			return baseline{}, fmt.Errorf("the baseline %s: there is no such folder", against)
		}
		return treeBaseline("dir:"+rest, os.DirFS(rest), ".", cfg, true)
	case scheme == "bundle" && rest != "" || against == "-":
		return a.bundleBaseline(cmp.Or(rest, "-"), cfg)
	case strings.HasPrefix(against, "registry"):
		ref, err := parseRegistryRef(strings.TrimPrefix(against, "registry"))
		if err != nil {
			return baseline{}, err
		}
		return a.registryBaseline(cfg, ref, registry)
	}
	return baseline{}, usagef("--against is %q; expected git:REF, dir:PATH, bundle:PATH, - or registry[:ENV]", against)
}

func gitBaseline(ctx context.Context, cfg *config.Config, ref gate.GitRef) (baseline, error) {
	tree, label, err := ref.Open(ctx, cfg.Dir)
	if err != nil {
		return baseline{}, err
	}
	return treeBaseline(label, tree.FS, tree.Dir, cfg, ref.Folder != "")
}

// treeBaseline reads the settings and schemas of another tree. A revision without
// settings where they are now had no events: everything is new. In a folder that
// somebody named there have to be some.
func treeBaseline(label string, fsys fs.FS, dir string, cfg *config.Config, named bool) (baseline, error) {
	b := baseline{label: label, events: []gate.Event{}, history: func(context.Context, string, string) ([]gate.Version, error) { return nil, nil }}
	name := filepath.ToSlash(filepath.Join(dir, filepath.Base(cfg.Path)))
	text, err := fs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := fs.Stat(fsys, "."); err != nil {
			return baseline{}, fmt.Errorf("read the baseline %s: %w", label, err)
		}
		if named {
			return baseline{}, fmt.Errorf("the baseline %s has no %s: there is nothing to compare with", label, name)
		}
		return b, nil
	}
	if err != nil {
		return baseline{}, fmt.Errorf("read the baseline %s: %w", label, err)
	}
	old, err := config.Parse(label+":"+name, string(text))
	if err != nil {
		return baseline{}, fmt.Errorf("settings of the baseline: %w", err)
	}
	sub, err := fs.Sub(fsys, filepath.ToSlash(filepath.Join(dir, old.Schemas)))
	if err != nil {
		return baseline{}, err
	}
	c, err := catalog.Load(sub, old)
	if err != nil {
		return baseline{}, fmt.Errorf("schemas of the baseline %s: %w", label, err)
	}
	versions := map[string]gate.Version{}
	for _, s := range c.Subjects() {
		versions[s.Name] = gate.Version{Label: label, Number: 1, Source: s.File.Source}
	}
	b.events = gateEvents(c)
	b.history = func(_ context.Context, subject, _ string) ([]gate.Version, error) {
		if v, ok := versions[subject]; ok {
			return []gate.Version{v}, nil
		}
		return nil, nil
	}
	return b, nil
}

// A registryRef is what stands behind registry in --against.
type registryRef struct {
	env, subject string
	version      int // 0 means all
}

// parseRegistryRef reads [:ENV][/SUBJECT[@VERSION]]. A subject may hold slashes,
// and an at sign that no number follows is part of it.
func parseRegistryRef(text string) (registryRef, error) {
	wrong := usagef("--against is %q; expected registry[:ENV][/SUBJECT[@VERSION]]", "registry"+text)
	var r registryRef
	head, subject, ok := strings.Cut(text, "/")
	if env, found := strings.CutPrefix(head, ":"); found {
		r.env = env
	} else if head != "" {
		return r, wrong
	}
	if !ok {
		return r, nil
	}
	r.subject = subject
	if i := strings.LastIndexByte(subject, '@'); i > 0 {
		if n, err := strconv.Atoi(subject[i+1:]); err == nil && n > 0 {
			r.subject, r.version = subject[:i], n
		}
	}
	if r.subject == "" {
		return r, wrong
	}
	return r, nil
}

// registryBaseline asks a registry for every live version of a subject, and for
// its effective level.
func (a *app) registryBaseline(cfg *config.Config, ref registryRef, url string) (baseline, error) {
	reg, where, err := a.registry(cfg, cmp.Or(ref.env, a.env), url)
	if err != nil {
		return baseline{}, err
	}
	var named []string
	if ref.subject != "" {
		named = []string{ref.subject}
	}
	return baseline{
		label: "registry " + where,
		only:  ref.subject,
		named: named,
		level: func(ctx context.Context, subject string) (string, error) { return reg.Level(ctx, subject) },
		history: func(ctx context.Context, subject, _ string) ([]gate.Version, error) {
			numbers, err := reg.Versions(ctx, subject)
			if errors.Is(err, api.SubjectNotFound) && ref.version == 0 {
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			if ref.version > 0 {
				numbers = []int{ref.version}
			}
			var out []gate.Version
			for _, n := range numbers {
				src, err := registered(ctx, reg, subject, n)
				if err != nil {
					return nil, fmt.Errorf("%s version %d: %w", subject, n, err)
				}
				out = append(out, gate.Version{Label: fmt.Sprintf("%s v%d", subject, n), Number: n, Source: src})
			}
			return out, nil
		},
	}, nil
}

// registered returns a registered version with its references.
func registered(ctx context.Context, reg *client.Client, subject string, version int) (lang.Source, error) {
	v, err := reg.Version(ctx, subject, version)
	if err != nil {
		return lang.Source{}, err
	}
	return reg.SourceOf(ctx, v)
}
