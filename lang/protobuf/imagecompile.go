package protobuf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/bufbuild/protocompile/experimental/fdp"
	"github.com/bufbuild/protocompile/experimental/incremental"
	"github.com/bufbuild/protocompile/experimental/incremental/queries"
	"github.com/bufbuild/protocompile/experimental/ir"
	"github.com/bufbuild/protocompile/experimental/source"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang"
)

// Limits of one file of an image. They are wider than those of a schema in a
// registry, since the files are our own.
const (
	maxImageText  = 32 << 20
	maxImageDepth = 256
)

// ImageOptions say how an image is compiled. The zero value is good.
type ImageOptions struct {
	// Parallelism is how many files are compiled at once; 0 means as many as
	// there are processors.
	Parallelism int
}

// CompileImage compiles the targets, which are import paths, and what they import.
// Texts are asked of open, each once; for a path that it does not have, it returns
// an error that matches [fs.ErrNotExist], and then the file is one that everybody
// knows (google/protobuf/*.proto and [Builtins]), or it is a mistake. open may be
// called by several goroutines.
//
// The error is a [lang.ErrorList] with every mistake, unless open or ctx failed.
func CompileImage(ctx context.Context, targets []string, open func(path string) (text string, err error), opts ImageOptions) (*Image, error) {
	opener := &imageOpener{open: open, texts: map[string]string{}}
	irs, err := opener.compile(ctx, targets, opts)
	if err != nil {
		return nil, err
	}
	target := make(map[string]bool, len(targets))
	for _, path := range targets {
		target[path] = true
	}
	registry := new(protoregistry.Files)
	files := make([]*ImageFile, 0, len(irs))
	for described := range describeAll(irs, opts) {
		d, err := linkFile(described, registry)
		if err != nil {
			return nil, err
		}
		path := d.Path()
		files = append(files, &ImageFile{Path: path, Shown: path, Text: opener.text(path), IsImport: !target[path], Descriptor: d})
	}
	return newImage(files), nil
}

// A describedFile is the descriptor of a file, not yet linked with others.
type describedFile struct {
	path string
	file *descriptorpb.FileDescriptorProto
	err  error
}

// describeAll describes compiled files, several at once, and yields them in their
// order. It forgets each file, so that the compiler's own model can go.
func describeAll(irs []*ir.File, opts ImageOptions) iter.Seq[describedFile] {
	workers := opts.Parallelism
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	return func(yield func(describedFile) bool) {
		results := make([]chan describedFile, len(irs))
		for i := range results {
			results[i] = make(chan describedFile, 1)
		}
		ahead := make(chan struct{}, 4*workers) // no more descriptors than that wait to be linked
		done := make(chan struct{})
		defer close(done)
		var next atomic.Int64
		for range workers {
			go func() {
				for {
					select {
					case ahead <- struct{}{}:
					case <-done:
						return
					}
					i := int(next.Add(1)) - 1
					if i >= len(irs) {
						return
					}
					results[i] <- describe(irs[i])
					irs[i] = nil
				}
			}()
		}
		for _, r := range results {
			one := <-r
			<-ahead
			if !yield(one) {
				return
			}
		}
	}
}

func describe(file *ir.File) describedFile {
	p, err := fdp.DescriptorProto(file)
	if err == nil {
		err = rereadOptions(p)
	}
	return describedFile{file.Path(), p, err}
}

// linkFile turns what was compiled into a descriptor. Its imports are in registry,
// and so is it then.
func linkFile(of describedFile, registry *protoregistry.Files) (protoreflect.FileDescriptor, error) {
	err := of.err
	var d protoreflect.FileDescriptor
	if err == nil {
		d, err = protodesc.NewFile(of.file, registry)
	}
	if err == nil {
		err = registry.RegisterFile(d)
	}
	if err != nil {
		return nil, lang.ErrorList{{Pos: lang.Pos{Path: of.path}, Code: "PROTO_INVALID", Msg: err.Error(), Err: err}}
	}
	return d, nil
}

// An imageOpener gives the compiler the texts of an image and keeps them.
type imageOpener struct {
	open func(path string) (string, error)

	mu     sync.Mutex
	texts  map[string]string
	failed error // of open, other than that a file is not there
}

// Open implements the compiler's interface.
func (o *imageOpener) Open(path string) (*source.File, error) {
	text, err := o.open(path)
	if err == nil {
		err = checkImageText(path, text)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return o.builtin(path)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		if o.failed == nil {
			o.failed = err
		}
		return nil, fs.ErrNotExist
	}
	o.texts[path] = text
	return source.NewFile(path, text), nil
}

func (o *imageOpener) builtin(path string) (*source.File, error) {
	file, err := (&source.Openers{builtinOpener{}, source.WKTs()}).Open(path)
	if err != nil {
		return nil, fs.ErrNotExist
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.texts[path] = file.Text()
	return file, nil
}

func (o *imageOpener) text(path string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.texts[path]
}

// compile returns the compiled files, each after what it imports.
func (o *imageOpener) compile(ctx context.Context, targets []string, opts ImageOptions) ([]*ir.File, error) {
	query := queries.Link{Opener: o, Session: new(ir.Session), Workspace: source.NewWorkspace(targets...)}
	results, rep, err := incremental.Run(ctx, incremental.New(parallel(opts)...), query)
	if err != nil {
		return nil, err
	}
	if o.failed != nil {
		return nil, o.failed
	}
	if bad := new(input).diagnose(rep); len(bad) > 0 {
		return nil, bad
	}
	if fatal := results[0].Fatal; fatal != nil {
		return nil, lang.ErrorList{{Code: "PROTO_INVALID", Msg: fatal.Error(), Err: fatal}}
	}
	irs := slices.DeleteFunc(slices.Clone(results[0].Value), func(f *ir.File) bool { return f == nil })
	return slices.Collect(ir.TopoSort(irs)), nil
}

func parallel(opts ImageOptions) []incremental.ExecutorOption {
	if opts.Parallelism <= 0 {
		return nil
	}
	return []incremental.ExecutorOption{incremental.WithParallelism(int64(opts.Parallelism))}
}

// checkImageText refuses what the compiler would not survive.
func checkImageText(path, text string) error {
	if len(text) > maxImageText {
		return lang.ErrorList{{Pos: lang.Pos{Path: path}, Code: "PROTO_LIMIT_SIZE",
			Msg: fmt.Sprintf("the file has %d bytes, more than the limit of %d", len(text), maxImageText)}}
	}
	depth := 0
	for sc := (scanner{text: text}); ; {
		tok := sc.next()
		if tok.kind == tokEnd {
			return nil
		}
		if tok.kind != tokSymbol {
			continue
		}
		switch tok.text {
		case "{", "[", "(", "<":
			depth++
		case "}", "]", ")", ">":
			depth--
		}
		if depth > maxImageDepth {
			return lang.ErrorList{at(path, text, tok, "PROTO_LIMIT_DEPTH", fmt.Sprintf("brackets are nested more than %d deep", maxImageDepth))}
		}
	}
}
