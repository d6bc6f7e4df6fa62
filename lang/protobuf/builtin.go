package protobuf

import (
	"embed"
	"io/fs"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile/experimental/source"
)

// builtinFiles are the files that every registry of the protocol knows besides
// google/protobuf/*: names and numbers only, as is all that a schema needs. They
// stay bytes of the program until somebody imports them.
//
//go:embed builtin
var builtinFiles embed.FS

// builtin returns the text of a file that needs no reference.
func builtin(path string) (string, bool) {
	if !strings.HasPrefix(path, "google/type/") && !strings.HasPrefix(path, "confluent/") {
		return "", false
	}
	text, err := builtinFiles.ReadFile("builtin/" + path)
	return string(text), err == nil
}

// Builtins returns the import paths that [Parse] knows without a reference, other
// than google/protobuf/*, sorted.
func Builtins() []string {
	var out []string
	// The files are part of the program: there is no error.
	_ = fs.WalkDir(builtinFiles, ".", func(path string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			out = append(out, strings.TrimPrefix(path, "builtin/"))
		}
		return nil
	})
	slices.Sort(out)
	return out
}

// A builtinOpener gives the compiler the built-in files.
type builtinOpener struct{}

func (builtinOpener) Open(path string) (*source.File, error) {
	text, ok := builtin(path)
	if !ok {
		return nil, fs.ErrNotExist
	}
	return source.NewFile(path, text), nil
}
