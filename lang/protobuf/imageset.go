package protobuf

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/experimental/fdp"
	"github.com/bufbuild/protocompile/experimental/ir"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/wireproof/wireproof/lang"
)

// maxLineCost bounds the lines of a file for which source info is made: the tokens
// of each, times its length. Every token of a line is found by walking through it.
const maxLineCost = 100 << 20

// CompileSources compiles files as [CompileImage] does, and returns what a plugin
// of protoc is given: the descriptors of the targets and of everything that they
// import, with source info and comments, each after what it imports and otherwise
// in the order of the targets. Custom options are extension fields, of dynamic
// types that the files themselves declare. Nothing of the result is shared.
func CompileSources(ctx context.Context, targets []string, open func(path string) (text string, err error), opts ImageOptions) (*descriptorpb.FileDescriptorSet, error) {
	opener := &imageOpener{open: open, texts: map[string]string{}}
	irs, err := opener.compile(ctx, targets, opts)
	if err != nil {
		return nil, err
	}
	files := make(map[string]*descriptorpb.FileDescriptorProto, len(irs))
	for i, file := range irs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d, err := describeSource(file, opener.text(file.Path()))
		if err != nil {
			return nil, err
		}
		files[d.GetName()] = d
		irs[i] = nil
	}
	set := importsFirst(targets, files)
	return set, nameOptions(set)
}

func describeSource(file *ir.File, text string) (*descriptorpb.FileDescriptorProto, error) {
	bad := func(code string, err error) error {
		return lang.ErrorList{{Pos: lang.Pos{Path: file.Path()}, Code: code, Msg: err.Error(), Err: err}}
	}
	if line, tooLong := costlyLine(text); tooLong {
		return nil, bad("PROTO_LIMIT_SIZE", fmt.Errorf("line %d has too many tokens in one line; break it into lines", line))
	}
	d, err := fdp.DescriptorProto(file, fdp.IncludeSourceCodeInfo(true), fdp.GenerateExtraOptionLocations(true))
	if err != nil {
		return nil, bad("PROTO_INVALID", err)
	}
	return d, nil
}

// costlyLine returns the number of the line with which the lines of a text cost
// more than maxLineCost.
func costlyLine(text string) (line int, tooLong bool) {
	if longest(text) <= longLine {
		return 0, false
	}
	cost, start, tokens, number := 0, 0, 0, 1
	for sc := (scanner{text: text}); ; {
		tok := sc.next()
		gap := text[start:tok.start]
		if i := strings.LastIndexByte(gap, '\n'); i >= 0 {
			end := strings.IndexByte(gap, '\n')
			cost += tokens * end
			if cost > maxLineCost {
				return number, true
			}
			number += strings.Count(gap, "\n")
			start, tokens = start+i+1, 0
		}
		if tok.kind == tokEnd {
			return number, cost+tokens*(len(text)-start) > maxLineCost
		}
		tokens++
	}
}

// importsFirst orders files as protoc does: a walk over imports, in the order in
// which they are written.
func importsFirst(targets []string, files map[string]*descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorSet {
	set := &descriptorpb.FileDescriptorSet{}
	seen := make(map[string]bool, len(files))
	var add func(path string)
	add = func(path string) {
		f := files[path]
		if f == nil || seen[path] {
			return
		}
		seen[path] = true
		for _, p := range slices.Concat(f.GetDependency(), f.GetOptionDependency()) {
			add(p)
		}
		set.File = append(set.File, f)
	}
	for _, path := range targets {
		add(path)
	}
	return set
}

// nameOptions reads again what the compiler gives as unknown fields: options, and
// custom options by their declarations in the files.
func nameOptions(set *descriptorpb.FileDescriptorSet) error {
	plain := &descriptorpb.FileDescriptorSet{}
	if err := reparse(set, plain, nil); err != nil {
		return fmt.Errorf("options: %w", err)
	}
	files, err := protodesc.NewFiles(plain)
	if err != nil {
		return lang.ErrorList{{Code: "PROTO_INVALID", Msg: err.Error(), Err: err}}
	}
	if err := reparse(set, set, files); err != nil {
		return fmt.Errorf("custom options: %w", err)
	}
	return nil
}

// sourceTypes are the extensions that the files declare, and those of source info,
// where the compiler notes imports that nothing uses. Other extensions stay bytes,
// whatever this program links.
type sourceTypes struct{ *dynamicpb.Types }

// FindExtensionByNumber implements the interface of a resolver.
func (t sourceTypes) FindExtensionByNumber(message protoreflect.FullName, field protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	if message == "google.protobuf.SourceCodeInfo" {
		return protoregistry.GlobalTypes.FindExtensionByNumber(message, field)
	}
	return t.Types.FindExtensionByNumber(message, field)
}

// reparse fills to with the bytes of from, which may be the same message. Extensions
// are those of files, which may be nil.
func reparse(from, to proto.Message, files *protoregistry.Files) error {
	wire, err := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(from)
	if err != nil {
		return err
	}
	return proto.UnmarshalOptions{AllowPartial: true, Resolver: sourceTypes{dynamicpb.NewTypes(files)}}.Unmarshal(wire, to)
}
