package gate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wireproof/wireproof/lang"
)

// A Place is a span of a text, with what is needed to show it.
type Place struct {
	Label string // of the version that holds it; empty for the work tree
	Path  string
	// Line and Col count from 1, and Col and EndCol count bytes; EndCol is
	// exclusive. A Line of 0 means that only the file is known.
	Line, Col       int
	EndLine, EndCol int
	Text            string // the line, without its end
	Note            string // what stands there
}

// String returns the place as people and editors read it.
func (p Place) String() string {
	out := p.Path
	switch {
	case p.Label != "" && (p.Path == "" || p.Path == p.Label):
		out = shortLabel(p.Label)
	case p.Label != "":
		out = shortLabel(p.Label) + " " + p.Path
	}
	if p.Line > 0 {
		out += ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col)
	}
	return out
}

// placeOf finds the text around pos in src or in what it refers to.
func placeOf(src lang.Source, pos lang.Pos, note string) Place {
	p := Place{Path: cmp.Or(pos.Path, src.Path), Line: pos.Line, Col: pos.Col, EndLine: pos.Line, EndCol: pos.Col, Note: note}
	text, ok := textOf(src, p.Path, 0)
	if !ok || !pos.IsValid() || pos.Start < 0 || pos.Start > len(text) {
		return p
	}
	lineStart := strings.LastIndexByte(text[:pos.Start], '\n') + 1
	if strings.Count(text[:lineStart], "\n") == pos.Line-1 {
		p.Col = pos.Start - lineStart + 1 // Buf counts columns in another way
	}
	p.Text, _, _ = strings.Cut(text[lineStart:], "\n")
	p.Text = strings.TrimSuffix(p.Text, "\r")
	end := min(max(pos.End, pos.Start), len(text))
	p.EndLine = pos.Line + strings.Count(text[pos.Start:end], "\n")
	p.EndCol = end - (strings.LastIndexByte(text[:end], '\n') + 1) + 1
	return p
}

// maxReferences bounds the walk through references, which may be a graph.
const maxReferences = 64

func textOf(src lang.Source, name string, depth int) (string, bool) {
	if src.Path == name {
		return src.Text, true
	}
	if depth == maxReferences {
		return "", false
	}
	for _, ref := range src.References {
		if ref.Source == nil {
			continue
		}
		if text, ok := textOf(*ref.Source, name, depth+1); ok {
			return text, true
		}
	}
	return "", false
}

func under(root, name string) string {
	if root == "" || root == "." {
		return name
	}
	return path.Join(root, name)
}

// isTree reports whether the version is a file in a tree, whose path means
// something.
func (v Version) isTree() bool {
	return strings.HasPrefix(v.Label, "git:") || strings.HasPrefix(v.Label, "dir:")
}

// short names a version in a list: v3 rather than orders-value v3.
func (v Version) short() string {
	if _, number, ok := strings.Cut(v.Label, " v"); ok && number != "" && strings.Trim(number, "0123456789") == "" {
		return "v" + number
	}
	return shortLabel(v.Label)
}

// hashDigits is how much of a commit's name is enough for people.
const hashDigits = 10

// shortLabel cuts the full name of a commit. Names that people gave are kept.
func shortLabel(label string) string {
	hash, ok := strings.CutPrefix(label, "git:")
	if !ok || len(hash) < 40 || strings.Trim(hash, "0123456789abcdef") != "" {
		return label
	}
	return "git:" + hash[:hashDigits]
}

// longLine is where a JSON schema on one line stops being readable.
const longLine = 100

// readable lays out an Avro or JSON schema that is all on one line, as
// registries keep them, so that there is a line to show.
func readable(v Version) Version {
	text := strings.TrimSpace(v.Source.Text)
	if v.Source.Type == lang.Protobuf || len(text) <= longLine || strings.Contains(text, "\n") {
		return v
	}
	var out bytes.Buffer
	if json.Indent(&out, []byte(text), "", "  ") == nil {
		v.Source.Text = out.String()
		v.laidOut = true
	}
	return v
}

// problem says why src could not be read.
func (c *check) problem(s Subject, label string, src lang.Source, err error) Problem {
	p := Problem{Subject: s.Name, Err: err}
	for _, e := range mistakesOf(err) {
		at := placeOf(src, e.Pos, e.Code+": "+e.Msg)
		at.Label = label
		if label == "" || (Version{Label: label}).isTree() {
			at.Path = under(c.in.SchemaRoot, at.Path)
		}
		p.Places = append(p.Places, at)
	}
	return p
}

// mistakesOf returns the mistakes in a schema that an error tells of.
func mistakesOf(err error) lang.ErrorList {
	var list lang.ErrorList
	var one *lang.Error
	if !errors.As(err, &list) && errors.As(err, &one) {
		list = lang.ErrorList{one}
	}
	return list
}

// Clean puts dots in the place of what could write to a terminal behind the reader's
// back: schemas, and what is in messages, come from others. Tabs become spaces.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == utf8.RuneError {
			return ' '
		}
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '·'
		}
		return r
	}, text)
}
