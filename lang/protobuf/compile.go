package protobuf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/bufbuild/protocompile/experimental/fdp"
	"github.com/bufbuild/protocompile/experimental/incremental"
	"github.com/bufbuild/protocompile/experimental/incremental/queries"
	"github.com/bufbuild/protocompile/experimental/ir"
	"github.com/bufbuild/protocompile/experimental/report"
	"github.com/bufbuild/protocompile/experimental/source"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang"
)

// An input is a file with everything that it may import.
type input struct {
	name  string // import path of the file
	shown string // its path in positions
	texts map[string]string

	main *parsedText // what the file itself parses to, once it was
}

type parsedText struct {
	tree  *fileNode
	plain bool
	err   error
}

// parsed is parsePlain of the file itself, done once.
func (in *input) parsed() (tree *fileNode, plain bool, err error) {
	if in.main == nil {
		tree, plain, err := parsePlain(in.shown, in.texts[in.name])
		in.main = &parsedText{tree, plain, err}
	}
	return in.main.tree, in.main.plain, in.main.err
}

// gather flattens the references of src and applies the limits.
func gather(src lang.Source) (*input, error) {
	in := &input{name: src.Path, shown: src.Path, texts: map[string]string{}}
	if !isImportPath(in.name) {
		in.name = "schema.proto"
	}
	total := 0
	var bad lang.ErrorList
	var add func(name, shown string, s *lang.Source)
	add = func(name, shown string, s *lang.Source) {
		body := s.Text
		if d, ok := fromDescriptor(body); ok {
			body = d.plainText() // nobody asks for the options of another file
		}
		if have, ok := in.texts[name]; ok {
			if have != body {
				bad = append(bad, &lang.Error{Pos: lang.Pos{Path: shown}, Code: "PROTO_REFERENCE_CLASH",
					Msg: fmt.Sprintf("two references give different texts for the import path %q", name)})
			}
			return
		}
		in.texts[name] = body
		if total += len(body); total > maxTotal || len(in.texts) > maxFiles {
			bad = append(bad, &lang.Error{Pos: lang.Pos{Path: shown}, Code: "PROTO_LIMIT_SIZE",
				Msg: fmt.Sprintf("the file and what it imports have more than %d bytes or %d files", maxTotal, maxFiles)})
			return
		}
		if err := checkLimits(shown, body); err != nil {
			bad = append(bad, err)
		}
		for _, r := range s.References {
			if r.Source != nil && len(bad) == 0 {
				add(r.Name, r.Name, r.Source)
			}
		}
	}
	add(in.name, in.shown, &src)
	return in, bad.Err()
}

// isImportPath reports whether p can stand in an import statement: relative,
// clean, with forward slashes, and a .proto file.
func isImportPath(p string) bool {
	return strings.HasSuffix(p, ".proto") && fs.ValidPath(p) && path.Clean(p) == p && !strings.ContainsAny(p, "\\\"'\x00")
}

// CompileSet compiles src as [Parse] does and returns the descriptors of the
// file and of its imports, each after what it imports, with source info: what a
// generator needs. The text must be our own, see the package comment. The caller
// owns the result.
func CompileSet(src lang.Source) (*descriptorpb.FileDescriptorSet, error) {
	in, err := gather(src)
	if err != nil {
		return nil, err
	}
	return in.compile(true)
}

// compile runs the compiler on everything that the file reaches. The executor is
// new each time: one that is kept leaks what it compiled.
func (in *input) compile(sourceInfo bool) (*descriptorpb.FileDescriptorSet, error) {
	files := make(map[string]*source.File, len(in.texts))
	for name, text := range in.texts {
		files[name] = source.NewFile(name, text)
	}
	query := queries.FDS{
		// Part of a map key, hence the pointer.
		Opener:    &source.Openers{source.NewMap(files), builtinOpener{}, source.WKTs()},
		Session:   new(ir.Session),
		Workspace: source.NewWorkspace(in.name),
	}
	query.Options.Apply(fdp.IncludeSourceCodeInfo(sourceInfo))
	results, rep, err := incremental.Run(context.Background(), incremental.New(incremental.WithParallelism(1)), query)
	if err != nil {
		return nil, in.broken(err)
	}
	if bad := in.diagnose(rep); len(bad) > 0 {
		return nil, bad
	}
	if results[0].Fatal != nil {
		return nil, in.broken(results[0].Fatal)
	}
	// Options come out as unknown fields; reading the bytes again gives them
	// their names.
	wire, err := proto.Marshal(results[0].Value)
	if err != nil {
		return nil, in.broken(err)
	}
	set := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(wire, set); err != nil {
		return nil, in.broken(err)
	}
	return set, nil
}

// broken reports what the compiler could not say about a place in the text.
func (in *input) broken(err error) error {
	return lang.ErrorList{{Pos: lang.Pos{Path: in.shown}, Code: "PROTO_INVALID", Msg: err.Error(), Err: err}}
}

func (in *input) diagnose(rep *report.Report) lang.ErrorList {
	var bad lang.ErrorList
	tables := map[string]*lines{}
	for i := range rep.Diagnostics {
		d := &rep.Diagnostics[i]
		if d.Level() > report.Error {
			continue
		}
		if len(bad) > maxMistakes {
			break
		}
		e := &lang.Error{Code: codeOf(d), Msg: strings.Join(strings.Fields(d.Message()), " ")}
		if notes := d.Notes(); len(notes) > 0 {
			e.Msg += " (" + strings.Join(strings.Fields(strings.Join(notes, "; ")), " ") + ")"
		}
		e.Pos.Path = in.shown
		if span := d.Primary(); span.File != nil {
			name := span.Path()
			table := tables[name]
			if table == nil {
				table = newLines(in.showPath(name), span.File.Text())
				tables[name] = table
			}
			e.Pos = table.pos(span.Start, span.End)
		}
		bad = append(bad, e)
	}
	sort.SliceStable(bad, func(i, j int) bool {
		a, b := bad[i].Pos, bad[j].Pos
		if a.Path != b.Path {
			return a.Path == in.shown || b.Path != in.shown && a.Path < b.Path
		}
		return a.Start < b.Start
	})
	return withMore(bad)
}

func (in *input) showPath(name string) string {
	if name == in.name {
		return in.shown
	}
	return name
}

// codeOf names the kind of a mistake. The compiler tags only some; the others
// are told by the opening of their text, and share one code where that is not
// stable enough.
func codeOf(d *report.Diagnostic) string {
	msg := d.Message()
	switch {
	case d.Level() == report.ICE:
		return "PROTO_COMPILER"
	case strings.Contains(msg, "imported file"), strings.Contains(msg, "import") && strings.Contains(msg, "not exist"):
		return "PROTO_IMPORT"
	case d.Tag() == "protobuf:unknown_symbol", strings.HasPrefix(msg, "cannot find"):
		return "PROTO_UNKNOWN_NAME"
	case strings.Contains(msg, "duplicate"), strings.Contains(msg, "already"), strings.Contains(msg, "multiple times"):
		return "PROTO_DUPLICATE"
	case strings.HasPrefix(msg, "unexpected"), strings.HasPrefix(msg, "missing"), strings.HasPrefix(msg, "encountered"):
		return "PROTO_SYNTAX"
	}
	return "PROTO_INVALID"
}

// link turns descriptors into the linked form of the file.
func (in *input) link(set *descriptorpb.FileDescriptorSet) (protoreflect.FileDescriptor, error) {
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, in.broken(err)
	}
	file, err := files.FindFileByPath(in.name)
	if err != nil {
		return nil, in.broken(errors.Join(err, errors.New("the compiler gave no descriptor for the file")))
	}
	return file, nil
}
