package breaking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// Options say what is compared, and how.
type Options struct {
	// Dir is the folder that relative paths are relative to; empty means ".".
	Dir   string
	Stdin io.Reader

	Input, Against Input
	// Config and AgainstConfig are used in place of what the inputs have: the path of
	// a file, or configuration itself; empty means neither.
	Config, AgainstConfig string
	// Paths and ExcludePaths limit the files that are compared, on both sides. They
	// are as reports print paths of the input.
	Paths, ExcludePaths []string
	// LimitToInputFiles leaves out what only the older side has.
	LimitToInputFiles bool
	// Imports includes findings in files that are only imported.
	Imports         bool
	DisableSymlinks bool
	// Full compiles everything, whether it changed or not.
	Full bool
	// BatchSize is how many bytes of text are compiled at a time; 0 is a good value.
	BatchSize int
}

// An Annotation is one line of the result, in the terms of the released command.
type Annotation struct {
	Path                   string // empty if the newer side has no place for it
	StartLine, StartColumn int    // from 1; 0 is no place
	EndLine, EndColumn     int
	Type                   string // the id of the rule, or COMPILE
	Message                string
	Finding                *rule.Finding // nil for COMPILE
}

// A Result is what a comparison found.
type Result struct {
	Annotations []Annotation // in the order in which they are printed
	Warnings    []string
	// Compiled is how many files the two sides compiled, imports aside, of the Files
	// that they have.
	Compiled, Files int
}

// compileType marks what keeps a side from being compiled.
const compileType = "COMPILE"

// Run compares two inputs. Schemas that do not compile are a result; an error is
// anything that keeps them from being compared.
func Run(ctx context.Context, o Options) (*Result, error) {
	if o.Dir == "" {
		o.Dir = "."
	}
	newer, older, err := o.open(ctx)
	if err != nil {
		return nil, err
	}
	defer newer.close()
	defer older.close()
	older.published = true
	if err := o.limit(newer, older); err != nil {
		return nil, err
	}
	if err := cmp.Or(o.whole(ctx, newer), o.whole(ctx, older)); err != nil {
		return nil, err
	}
	c := &comparison{o: o, newer: newer, older: older}
	if newer.image != nil {
		if newer.image.check, err = o.imageCheck(); err != nil {
			return nil, err
		}
	}
	c.warnings()
	c.pairs = pairModules(newer.parts(), older.parts())
	if err := c.narrow(ctx); err != nil {
		return nil, err
	}
	for _, p := range c.pairs {
		if err := c.compare(ctx, p); err != nil {
			return nil, err
		}
	}
	if bad := c.mistaken(); len(bad) > 0 {
		c.result.Annotations = bad
	}
	c.result.Annotations = sortAnnotations(c.result.Annotations)
	return &c.result, nil
}

// open opens both sides at once.
func (o *Options) open(ctx context.Context) (newer, older *side, err error) {
	var group sync.WaitGroup
	var newerErr, olderErr error
	group.Go(func() { newer, newerErr = o.openSide(ctx, o.Input, o.Config) })
	group.Go(func() { older, olderErr = o.openSide(ctx, o.Against, o.AgainstConfig) })
	group.Wait()
	if err := cmp.Or(newerErr, olderErr); err != nil { // always that of the same side
		return nil, nil, errors.Join(err, newer.close(), older.close())
	}
	return newer, older, nil
}

// imageCheck is the check of an image: that of the folder in which the command
// runs.
func (o *Options) imageCheck() (bufconfig.Check, error) {
	w, err := readOverride(o.Config, o.Dir)
	if err != nil || w != nil {
		return checkOf(w), err
	}
	w, err = readOverride(bufconfig.Name, o.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return bufconfig.Check{Version: bufconfig.V1}, nil
	}
	return checkOf(w), err
}

func checkOf(w *bufconfig.Workspace) bufconfig.Check {
	if w == nil {
		return bufconfig.Check{}
	}
	return w.Breaking
}

// A comparison is one run.
type comparison struct {
	o            Options
	newer, older *side
	pairs        []pair
	// closure holds the import paths that are compiled; nil means all.
	closure map[string]bool
	// mistakes keep the newer and the older side from being compiled.
	mistakes [2]lang.ErrorList
	result   Result
}

func (c *comparison) warnings() {
	w := c.newer.space
	if w == nil {
		return
	}
	for _, p := range w.Plugins {
		c.warn("plugin %s is not run: only the built-in rules are", p)
	}
	for _, p := range w.Policies {
		c.warn("policy %s is not applied: only the built-in rules are", p)
	}
}

func (c *comparison) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(c.result.Warnings, text) {
		c.result.Warnings = append(c.result.Warnings, text)
	}
}

// narrow finds out what has to be compiled.
func (c *comparison) narrow(ctx context.Context) error {
	c.result.Files = len(c.newer.files) + len(c.older.files)
	if c.o.Imports || c.newer.image != nil || c.older.image != nil {
		return nil
	}
	d, err := scan(ctx, c.newer, c.older)
	if err != nil {
		return err
	}
	// A dependency at another commit may change any file.
	if !c.o.Full && slices.Equal(c.newer.space.Locked, c.older.space.Locked) {
		c.closure = d.closure()
	}
	return nil
}

// targets leaves of the files of a module what is compiled.
func (c *comparison) targets(names []string) []string {
	if c.closure == nil {
		return names
	}
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !c.closure[n] })
}

// compare compares one module.
func (c *comparison) compare(ctx context.Context, p pair) error {
	if p.check.Disabled || p.check.DisableBuiltin {
		return nil
	}
	set, only, err := c.rules(p.check)
	if err != nil {
		return err
	}
	if len(p.older) == 0 {
		return nil // there is nothing that could break
	}
	news, olds := c.targets(p.newer), c.targets(p.older)
	if len(news)+len(olds) == 0 {
		return nil
	}
	for _, b := range c.batches(news, olds) {
		newer, older, err := c.compile(ctx, b)
		if err != nil {
			return err
		}
		if len(c.mistakes[0])+len(c.mistakes[1]) > 0 {
			continue
		}
		for _, f := range protorules.Breaking(newer, older, set) {
			if !p.ignores(f, only, newer, older) {
				c.result.Annotations = append(c.result.Annotations, c.annotation(f))
			}
		}
	}
	return nil
}

// rules returns the rules of a check, and the paths that single rules ignore.
func (c *comparison) rules(check bufconfig.Check) (set protorules.Set, only map[string][]string, err error) {
	set, warnings, err := protorules.Select(check.Version, check.Use, check.Except)
	if err != nil {
		return set, nil, fmt.Errorf("breaking: %w", err)
	}
	set.Imports = c.o.Imports
	for _, w := range warnings {
		c.warn("breaking: %s", w)
	}
	only = map[string][]string{}
	for id, paths := range check.IgnoreOnly {
		ids, warning, err := protorules.Expand(check.Version, id)
		if err != nil {
			return set, nil, fmt.Errorf("breaking.ignore_only: %w", err)
		}
		if warning != "" {
			c.warn("breaking.ignore_only: %s", warning)
		}
		for _, one := range ids {
			only[one] = append(only[one], paths...)
		}
	}
	return set, only, nil
}

// ignores reports whether the configuration leaves a finding out: its place on
// either side is enough, so that it works for files that are gone.
func (p *pair) ignores(f *rule.Finding, only map[string][]string, newer, older *protobuf.Image) bool {
	for _, at := range []struct {
		path  string
		image *protobuf.Image
	}{{f.New.Path, newer}, {f.Old.Path, older}} {
		if at.path == "" {
			continue
		}
		if containsAny(p.check.Ignore, at.path) || containsAny(only[f.Rule.ID], at.path) {
			return true
		}
		if file := at.image.File(at.path); p.check.IgnoreUnstable && file != nil && bufconfig.Unstable(string(file.Descriptor.Package())) {
			return true
		}
	}
	return false
}

func containsAny(dirs []string, path string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return bufconfig.Contains(d, path) })
}

// compile compiles both sides of a batch at once. What does not compile is added to
// the mistakes.
func (c *comparison) compile(ctx context.Context, b batch) (newer, older *protobuf.Image, err error) {
	c.result.Compiled += len(b.newer) + len(b.older)
	images := [2]*protobuf.Image{}
	lists := [2]lang.ErrorList{}
	errs := [2]error{}
	var group sync.WaitGroup
	for i, s := range c.sides(b) {
		group.Go(func() {
			images[i], errs[i] = s.compile(ctx, s.names)
			if errors.As(errs[i], &lists[i]) {
				errs[i] = s.withoutDeps(lists[i])
			}
		})
	}
	group.Wait()
	err = cmp.Or(errs[:]...) // always that of the same side
	for i := range lists {
		c.mistakes[i] = append(c.mistakes[i], lists[i]...)
	}
	return images[0], images[1], err
}

// mistaken returns what does not compile: of the newer side, or of the older one if
// the newer is well. What else was found says nothing then.
func (c *comparison) mistaken() []Annotation {
	var out []Annotation
	for i, s := range []*side{c.newer, c.older} {
		placed := slices.ContainsFunc(c.mistakes[i], func(m *lang.Error) bool { return m.Pos.Line > 0 })
		for _, m := range c.mistakes[i] {
			if m.Pos.Line == 0 && placed {
				continue // a name that two files have, by whoever links them: it was told with its place
			}
			a := Annotation{Type: compileType, Message: m.Msg, StartLine: m.Pos.Line, StartColumn: m.Pos.Col}
			a.EndLine, a.EndColumn = s.endOf(m.Pos)
			if m.Pos.Path != "" {
				a.Path = s.show(m.Pos.Path)
			}
			out = append(out, a)
		}
		if len(out) > 0 {
			break
		}
	}
	return out
}

// withoutDeps returns an error if mistakes are imports that a missing dependency
// would have: that is no mistake in the schemas.
func (s *side) withoutDeps(mistakes lang.ErrorList) error {
	if s.deps == nil || s.deps.Missing() == nil {
		return nil
	}
	for _, m := range mistakes {
		if m.Code == "PROTO_IMPORT" {
			return fmt.Errorf("%s:%d: %s: %w", s.show(m.Pos.Path), m.Pos.Line, m.Msg, s.deps.Missing())
		}
	}
	return nil
}

// endOf returns the line and column of the end of a place, of which compilers tell
// the offset only.
func (s *side) endOf(pos lang.Pos) (line, column int) {
	if pos.EndLine > 0 || !pos.IsValid() || s.image != nil {
		return pos.EndLine, pos.EndCol
	}
	text, err := s.open(pos.Path)
	if err != nil || pos.Start < 0 || pos.End < pos.Start || pos.End > len(text) {
		return pos.Line, pos.Col
	}
	lines := strings.Count(text[pos.Start:pos.End], "\n")
	if lines == 0 {
		return pos.Line, pos.Col + pos.End - pos.Start
	}
	return pos.Line + lines, pos.End - strings.LastIndexByte(text[:pos.End], '\n')
}

func (s *side) compile(ctx context.Context, targets []string) (*protobuf.Image, error) {
	if s.image != nil {
		return s.image.build(targets)
	}
	if len(targets) == 0 {
		return protobuf.NewImage(new(descriptorpb.FileDescriptorSet), nil)
	}
	return protobuf.CompileQuick(ctx, targets, s.open, protobuf.QuickOptions{Trusted: s.published, NoPlaces: s.published})
}

func (c *comparison) annotation(f *rule.Finding) Annotation {
	a := Annotation{Type: f.Rule.ID, Message: f.Message, Finding: f}
	if f.New.Path != "" {
		a.Path = c.newer.show(f.New.Path)
		a.StartLine, a.StartColumn, a.EndLine, a.EndColumn = f.New.Line, f.New.Col, f.New.EndLine, f.New.EndCol
	}
	return a
}

// sortAnnotations sorts as the released command does, and leaves out repetition.
func sortAnnotations(list []Annotation) []Annotation {
	compare := func(a, b Annotation) int {
		return cmp.Or(
			strings.Compare(a.Path, b.Path), cmp.Compare(a.StartLine, b.StartLine), cmp.Compare(a.StartColumn, b.StartColumn),
			strings.Compare(a.Type, b.Type), strings.Compare(a.Message, b.Message),
			cmp.Compare(a.EndLine, b.EndLine), cmp.Compare(a.EndColumn, b.EndColumn),
		)
	}
	slices.SortStableFunc(list, compare)
	return slices.CompactFunc(list, func(a, b Annotation) bool { return compare(a, b) == 0 })
}
