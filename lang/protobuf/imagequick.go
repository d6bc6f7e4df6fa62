package protobuf

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/bufbuild/protocompile/experimental/source"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// QuickOptions say how an image is compiled by [CompileQuick].
type QuickOptions struct {
	ImageOptions
	// Trusted skips the check of custom options.
	Trusted bool
	// NoPlaces is for somebody who asks for no positions but the file: the image
	// keeps no texts, and every position is the start of its file.
	NoPlaces bool
}

// CompileQuick is [CompileImage] for somebody who asks for no custom options: the
// descriptors do not have them. Most files need no compiler then, and cost a
// fraction; those that do, and whatever is wrong, get it. Unless opts.Trusted is
// set, custom options are checked all the same.
func CompileQuick(ctx context.Context, targets []string, open func(path string) (text string, err error), opts QuickOptions) (*Image, error) {
	q := &quick{open: open, opts: opts, nodes: map[string]*quickNode{}, files: new(protoregistry.Files), types: map[protoreflect.FullName]protoreflect.ExtensionType{}}
	if err := q.load(ctx, targets); err != nil {
		return nil, err
	}
	for round := 0; round < quickRounds && !q.broken; round++ {
		q.waiting = nil
		done := true
		for _, path := range targets {
			done = q.link(path) && done
		}
		if done {
			return q.image(targets), nil
		}
		if len(q.waiting) == 0 {
			break // a cycle
		}
		if err := q.compile(ctx); err != nil {
			break
		}
	}
	im, err := CompileImage(ctx, targets, open, opts.ImageOptions)
	if err == nil && opts.NoPlaces {
		for _, f := range im.files {
			f.Text = ""
		}
	}
	return im, err
}

// quickRounds bounds how often the compiler is asked: files that need it may turn
// up behind one another.
const quickRounds = 4

// A quick links the files of one image.
type quick struct {
	open   func(path string) (string, error)
	opts   QuickOptions
	broken bool // only the compiler can say more

	mu    sync.Mutex // guards nodes while they are read
	nodes map[string]*quickNode

	files   *protoregistry.Files
	waiting []string // files that the compiler has to describe
	types   map[protoreflect.FullName]protoreflect.ExtensionType
}

type linkState uint8

const (
	unlinked linkState = iota
	linking
	linked
)

// A quickNode is a file.
type quickNode struct {
	path, text string
	tree       *fileNode                         // nil if the compiler has to read it
	described  *descriptorpb.FileDescriptorProto // by the compiler
	native     protoreflect.FileDescriptor       // of the linked program
	imports    []string
	state      linkState
	linked     protoreflect.FileDescriptor
}

// load reads the targets and everything that they import.
func (q *quick) load(ctx context.Context, targets []string) error {
	workers := q.opts.Parallelism
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	frontier := slices.Clone(targets)
	for len(frontier) > 0 {
		var next []string
		wave, ctx := errgroup.WithContext(ctx)
		wave.SetLimit(workers)
		for _, path := range frontier {
			if q.nodes[path] != nil {
				continue
			}
			n := &quickNode{path: path}
			q.nodes[path] = n
			wave.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := q.read(n); err != nil {
					return err
				}
				q.mu.Lock()
				next = append(next, n.imports...)
				q.mu.Unlock()
				return nil
			})
		}
		if err := wave.Wait(); err != nil {
			return err
		}
		frontier = next
	}
	return nil
}

// read reads the text of a file and, if it is plain, its tree.
func (q *quick) read(n *quickNode) error {
	text, err := q.open(n.path)
	if errors.Is(err, fs.ErrNotExist) {
		var ok bool
		if text, ok = builtin(n.path); !ok {
			n.native = wellKnown(n.path)
			if file, err := source.WKTs().Open(n.path); err == nil {
				n.text = file.Text()
			}
			return nil
		}
	} else if err != nil {
		return err
	}
	n.text = text
	if checkImageText(n.path, text) != nil {
		return nil
	}
	tree, plain, err := (&parser{text: text, quick: true}).plainFile(n.path)
	if err != nil || !plain {
		if tree != nil {
			for _, i := range tree.imports {
				n.imports = append(n.imports, i.path)
			}
		}
		return nil
	}
	n.tree = tree
	for _, i := range tree.imports {
		n.imports = append(n.imports, i.path)
	}
	return nil
}

// link links a file after what it imports, and reports whether it could. Files that
// the compiler has to describe are waiting then.
func (q *quick) link(path string) bool {
	n := q.nodes[path]
	if n == nil || n.state == linking || q.broken {
		q.broken = true
		return false
	}
	if n.state == linked {
		return true
	}
	n.state = linking
	ready := true
	for _, i := range n.imports {
		ready = q.link(i) && ready
	}
	n.state = unlinked
	switch {
	case n.native != nil:
		return q.register(n, n.native)
	case n.tree == nil && n.described == nil:
		q.wait(n)
		return false
	case !ready:
		return false
	}
	p := n.described
	if p == nil {
		var ok bool
		if p, ok = q.build(n); !ok {
			n.tree = nil
			q.wait(n)
			return false
		}
	}
	d, err := protodesc.NewFile(p, q.files)
	if err != nil {
		q.broken = true
		return false
	}
	n.tree = nil
	return q.register(n, d)
}

func (q *quick) wait(n *quickNode) {
	if !slices.Contains(q.waiting, n.path) {
		q.waiting = append(q.waiting, n.path)
	}
}

func (q *quick) register(n *quickNode, d protoreflect.FileDescriptor) bool {
	if q.files.RegisterFile(d) != nil {
		q.broken = true // a name is there twice
		return false
	}
	n.state, n.linked = linked, d
	return true
}

func (q *quick) build(n *quickNode) (*descriptorpb.FileDescriptorProto, bool) {
	b := &plainBuilder{symbols: newSymbols(n.tree, q.files), proto3: n.tree.version == "proto3"}
	check := &customOptions{quick: q, text: n.text, symbols: b.symbols}
	b.custom = check.valid
	if q.opts.Trusted {
		b.custom = func(proto.Message, []*optionNode) bool { return true }
	}
	return b.file(n.path, n.tree)
}

// compile asks the compiler for what is waiting.
func (q *quick) compile(ctx context.Context) error {
	im, err := CompileImage(ctx, q.waiting, q.open, q.opts.ImageOptions)
	if err != nil {
		return err
	}
	for _, f := range im.Files() {
		n := q.nodes[f.Path]
		if n == nil {
			n = &quickNode{path: f.Path, text: f.Text}
			q.nodes[f.Path] = n
		} else if !slices.Contains(q.waiting, f.Path) && n.tree != nil || n.state == linked || n.native != nil {
			continue
		}
		p := protodesc.ToFileDescriptorProto(f.Descriptor)
		n.described, n.imports = p, p.GetDependency()
	}
	return nil
}

// image collects what was linked.
func (q *quick) image(targets []string) *Image {
	target := make(map[string]bool, len(targets))
	for _, path := range targets {
		target[path] = true
	}
	var files []*ImageFile
	seen := map[string]bool{}
	var add func(path string)
	add = func(path string) {
		n := q.nodes[path]
		if seen[path] || n == nil || n.linked == nil {
			return
		}
		seen[path] = true
		f := &ImageFile{Path: path, Shown: path, Text: n.text, IsImport: !target[path], Descriptor: n.linked}
		if q.opts.NoPlaces {
			f.Text = ""
		}
		files = append(files, f)
		for _, i := range n.imports {
			add(i)
		}
	}
	for _, path := range targets {
		add(path)
	}
	return newImage(files)
}

// customOptions checks the custom options of one file.
type customOptions struct {
	*quick
	text    string
	symbols *symbols
	nested  map[string]bool // the last parts of all names in the file
}

// valid reports whether the custom options of an element are right for certain. It
// knows only what is written in full, or what only one package can mean.
func (c *customOptions) valid(m proto.Message, options []*optionNode) bool {
	var text strings.Builder
	for _, o := range options {
		name, parts, ok := strings.Cut(strings.TrimPrefix(o.name, "("), ")")
		x := c.extension(name)
		if !ok || x == nil || x.ContainingMessage().FullName() != m.ProtoReflect().Descriptor().FullName() {
			return false
		}
		if opts, ok := x.Options().(*descriptorpb.FieldOptions); ok && len(opts.GetTargets()) > 0 {
			return false
		}
		_, value, ok := strings.Cut(c.text[o.at.start:o.at.end], "=")
		if !ok || !appendOption(&text, x, parts, strings.TrimSpace(value)) {
			return false
		}
	}
	err := prototext.UnmarshalOptions{Resolver: c}.Unmarshal([]byte(text.String()), m.ProtoReflect().New().Interface())
	return err == nil
}

// appendOption writes an option in the text format; parts are the fields inside of
// it that are set, each after a dot.
func appendOption(text *strings.Builder, x protoreflect.FieldDescriptor, parts, value string) bool {
	text.WriteString("[" + string(x.FullName()) + "]: ")
	depth := 0
	for part := range strings.SplitSeq(strings.TrimPrefix(parts, "."), ".") {
		if parts == "" {
			break
		}
		if x.Kind() != protoreflect.MessageKind || x.IsList() || x.IsMap() {
			return false
		}
		if x = x.Message().Fields().ByName(protoreflect.Name(part)); x == nil {
			return false
		}
		text.WriteString("{ " + part + ": ")
		depth++
	}
	text.WriteString(value + strings.Repeat(" }", depth) + "\n")
	return !x.IsMap() && plainValue(x, value)
}

// plainValue reports whether a value is of the right kind, as far as the check of
// its text is more generous than the compiler.
func plainValue(x protoreflect.FieldDescriptor, value string) bool {
	if value == "" {
		return false
	}
	c := value[0]
	switch x.Kind() {
	case protoreflect.MessageKind:
		return c == '{'
	case protoreflect.BoolKind:
		return value == "true" || value == "false"
	case protoreflect.EnumKind:
		return x.Enum().Values().ByName(protoreflect.Name(value)) != nil
	case protoreflect.StringKind, protoreflect.BytesKind:
		return c == '"' || c == '\''
	case protoreflect.GroupKind:
		return false
	}
	return strings.Trim(value, "0123456789") == "" && (len(value) == 1 || c != '0') && len(value) < 10
}

// extension finds what the name of an option means; nil if it is not certain.
func (c *customOptions) extension(name string) protoreflect.FieldDescriptor {
	full, rooted := strings.CutPrefix(name, ".")
	if !rooted {
		if c.nested == nil {
			c.nested = map[string]bool{}
			for local := range c.symbols.local {
				c.nested[local[strings.LastIndexByte(local, '.')+1:]] = true
			}
		}
		first, _, _ := strings.Cut(name, ".")
		found := ""
		for scope := c.symbols.pkg; ; scope = scope[:max(strings.LastIndexByte(scope, '.'), 0)] {
			if _, ok := c.symbols.find(join(scope, first)); ok {
				if found != "" {
					return nil
				}
				found = join(scope, name)
			}
			if scope == "" {
				break
			}
		}
		if full = found; found == "" || c.nested[first] {
			return nil
		}
	}
	d, err := c.files.FindDescriptorByName(protoreflect.FullName(full))
	x, ok := d.(protoreflect.FieldDescriptor)
	if err != nil || !ok || !x.IsExtension() || !c.symbols.visible[d.ParentFile().Path()] {
		return nil
	}
	return x
}

// FindExtensionByName implements the resolver of the text format.
func (c *customOptions) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	if t, ok := c.types[name]; ok {
		return t, nil
	}
	d, err := c.files.FindDescriptorByName(name)
	x, ok := d.(protoreflect.ExtensionDescriptor)
	if err != nil || !ok {
		return nil, protoregistry.NotFound
	}
	t := dynamicpb.NewExtensionType(x)
	c.types[name] = t
	return t, nil
}

// FindExtensionByNumber implements the resolver of the text format, which does not
// ask for it.
func (c *customOptions) FindExtensionByNumber(protoreflect.FullName, protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	return nil, protoregistry.NotFound
}

// FindMessageByName implements the resolver of the text format.
func (c *customOptions) FindMessageByName(protoreflect.FullName) (protoreflect.MessageType, error) {
	return nil, protoregistry.NotFound
}

// FindMessageByURL implements the resolver of the text format: an Any is left to the
// compiler.
func (c *customOptions) FindMessageByURL(string) (protoreflect.MessageType, error) {
	return nil, protoregistry.NotFound
}
