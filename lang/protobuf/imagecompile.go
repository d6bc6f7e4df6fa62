package protobuf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/bufbuild/protocompile/experimental/fdp"
	"github.com/bufbuild/protocompile/experimental/incremental"
	"github.com/bufbuild/protocompile/experimental/incremental/queries"
	"github.com/bufbuild/protocompile/experimental/ir"
	"github.com/bufbuild/protocompile/experimental/source"
	"google.golang.org/protobuf/proto"
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
	for i, file := range irs {
		d, err := linkFile(file, registry)
		if err != nil {
			return nil, err
		}
		irs[i] = nil // so that the compiler's own model can go
		path := d.Path()
		files = append(files, &ImageFile{Path: path, Shown: path, Text: opener.text(path), IsImport: !target[path], Descriptor: d})
	}
	return newImage(files), nil
}

// linkFile turns what was compiled into a descriptor. Its imports are in registry,
// and so is it then.
func linkFile(file *ir.File, registry *protoregistry.Files) (protoreflect.FileDescriptor, error) {
	broken := func(err error) error {
		return lang.ErrorList{{Pos: lang.Pos{Path: file.Path()}, Code: "PROTO_INVALID", Msg: err.Error(), Err: err}}
	}
	// Options come out as unknown fields; reading the bytes gives them their names.
	wire, err := fdp.DescriptorProtoBytes(file)
	if err != nil {
		return nil, broken(err)
	}
	p := new(descriptorpb.FileDescriptorProto)
	if err := proto.Unmarshal(wire, p); err != nil {
		return nil, broken(err)
	}
	d, err := protodesc.NewFile(p, registry)
	if err != nil {
		return nil, broken(err)
	}
	if err := registry.RegisterFile(d); err != nil {
		return nil, broken(err)
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
