package wireproof_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	maxFileLines = 600
	maxFuncLines = 80
	maxTestLines = 120 // of a test, which tells a story or holds a table
)

// Each package says what it is, each exported name what it promises, and no file
// or function outgrows what a reader can hold.
func TestStyle(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case "testdata", ".git", "gen", "bench", "initfiles":
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		checkFile(t, filepath.ToSlash(p), documented)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}

func checkFile(t *testing.T, p string, documented map[string]bool) {
	text, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text[:min(len(text), 400)], []byte("DO NOT EDIT")) {
		return
	}
	if lines := bytes.Count(text, []byte("\n")); lines > maxFileLines {
		t.Errorf("%s has %d lines; a file has at most %d", p, lines, maxFileLines)
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, p, text, parser.ParseComments)
	if err != nil {
		t.Error(err)
		return
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			lines := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1
			limit := maxFuncLines
			if strings.HasSuffix(p, "_test.go") {
				limit = maxTestLines
			}
			if lines > limit {
				t.Errorf("%s: %s has %d lines; a function has at most %d", p, fn.Name.Name, lines, limit)
			}
		}
	}
	if strings.HasSuffix(p, "_test.go") {
		return
	}
	dir := filepath.ToSlash(filepath.Dir(p))
	documented[dir] = documented[dir] || f.Doc != nil
	checkDocs(t, p, fset, f)
}

func checkDocs(t *testing.T, p string, fset *token.FileSet, f *ast.File) {
	missing := func(n ast.Node, name string) {
		t.Errorf("%s:%d: exported %s has no doc comment", p, fset.Position(n.Pos()).Line, name)
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && receiverExported(d) && !wellKnown[d.Name.Name] {
				missing(d, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
						missing(s, s.Name.Name)
					}
				case *ast.ValueSpec:
					if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						missing(s, s.Names[0].Name)
					}
				}
			}
		}
	}
}

// wellKnown are methods whose contract is that of an interface everybody knows.
var wellKnown = map[string]bool{
	"Error": true, "Unwrap": true, "Is": true, "String": true, "ServeHTTP": true,
	"MarshalJSON": true, "UnmarshalJSON": true, "MarshalText": true, "UnmarshalText": true, "LogValue": true,
	"Len": true, "Less": true, "Swap": true, "Read": true, "Write": true,
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}
