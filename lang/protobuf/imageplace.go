package protobuf

import (
	"context"
	"encoding/binary"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/bufbuild/protocompile/experimental/fdp"
	"github.com/bufbuild/protocompile/experimental/incremental"
	"github.com/bufbuild/protocompile/experimental/incremental/queries"
	"github.com/bufbuild/protocompile/experimental/ir"
	"github.com/bufbuild/protocompile/experimental/source"
	"github.com/bufbuild/protocompile/experimental/source/length"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang"
)

// An Anchor is a place in a file: that of the first of its paths which the source
// info of the file has, or the start of the file. The zero Anchor is no place.
type Anchor struct {
	File  *ImageFile
	Paths []AnchorPath
}

// An AnchorPath is the path of an element in its file's descriptor, as protoc
// numbers it. Option is zero, or else the length of the part that names a whole
// option: where the exact path has no place, that of the nearest part of the
// option serves.
type AnchorPath struct {
	Path   protoreflect.SourcePath
	Option int
}

// Locate returns the positions of anchors, which are of files of the image. Source
// info is made here, and only for the files of the anchors, so it is best called
// once with all of them. Lines and columns are those of protoc's source info as
// Buf prints it: a tab goes to the next multiple of four, and a wide character
// counts twice.
func (im *Image) Locate(anchors []Anchor) []lang.Pos {
	var want []*ImageFile
	for _, a := range anchors {
		if a.File != nil && len(a.Paths) > 0 && !slices.Contains(want, a.File) {
			want = append(want, a.File)
		}
	}
	im.places.load(im, want)
	out := make([]lang.Pos, len(anchors))
	for i, a := range anchors {
		if a.File != nil {
			out[i] = im.places.pos(a)
		}
	}
	return out
}

// A placeCache holds the source info of the files that somebody asked about.
type placeCache struct {
	mu    sync.Mutex
	files map[*ImageFile]*filePlaces
}

// filePlaces are the locations of one file. The text may be another than that of
// the file, see breakLines, but has the same length.
type filePlaces struct {
	locations []*descriptorpb.SourceCodeInfo_Location
	byPath    map[string]*descriptorpb.SourceCodeInfo_Location
	broken    *source.File // what was compiled
	shown     *source.File // what the author sees; nil without a text
}

func newFilePlaces(info *descriptorpb.SourceCodeInfo, broken, shown *source.File) *filePlaces {
	p := &filePlaces{locations: info.GetLocation(), broken: broken, shown: shown,
		byPath: make(map[string]*descriptorpb.SourceCodeInfo_Location, len(info.GetLocation()))}
	for _, l := range p.locations {
		key := pathKey(l.GetPath())
		if _, ok := p.byPath[key]; !ok {
			p.byPath[key] = l
		}
	}
	return p
}

func pathKey(path []int32) string {
	key := make([]byte, 0, 4*len(path))
	for _, n := range path {
		key = binary.LittleEndian.AppendUint32(key, uint32(n))
	}
	return string(key)
}

func (c *placeCache) load(im *Image, want []*ImageFile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files == nil {
		c.files = map[*ImageFile]*filePlaces{}
	}
	texts := map[string]*source.File{}
	var compile []incremental.Query[*ir.File]
	opener, session := &placeOpener{im, texts}, new(ir.Session)
	for _, f := range want {
		if c.files[f] != nil {
			continue
		}
		if f.Text == "" {
			c.files[f] = newFilePlaces(f.info, nil, nil)
			continue
		}
		text, ok := breakLines(f.Text)
		if !ok {
			c.files[f] = newFilePlaces(nil, nil, nil)
			continue
		}
		path := f.Descriptor.Path()
		texts[path] = source.NewFile(path, text)
		compile = append(compile, queries.IR{Opener: opener, Session: session, Path: path})
	}
	if len(compile) == 0 {
		return
	}
	results, _, err := incremental.Run(context.Background(), incremental.New(), compile...)
	if err != nil {
		return // it compiled before; without places every position is the start
	}
	for _, r := range results {
		if r.Fatal != nil || r.Value == nil {
			continue
		}
		d, err := fdp.DescriptorProto(r.Value, fdp.IncludeSourceCodeInfo(true), fdp.GenerateExtraOptionLocations(true))
		if err != nil {
			continue
		}
		f := im.byImport[r.Value.Path()]
		c.files[f] = newFilePlaces(d.GetSourceCodeInfo(), texts[r.Value.Path()], source.NewFile(r.Value.Path(), f.Text))
	}
}

// A placeOpener gives the compiler the texts of an image, some of them changed.
type placeOpener struct {
	image *Image
	texts map[string]*source.File
}

// Open implements the compiler's interface.
func (o *placeOpener) Open(path string) (*source.File, error) {
	if f := o.texts[path]; f != nil {
		return f, nil
	}
	if f := o.image.byImport[path]; f != nil && f.Text != "" {
		return source.NewFile(path, f.Text), nil
	}
	if file, err := (&source.Openers{builtinOpener{}, source.WKTs()}).Open(path); err == nil {
		return file, nil
	}
	return nil, fs.ErrNotExist
}

// Source info costs the square of the length of a line. Longer lines are broken
// where that changes neither the meaning nor any offset.
const (
	longLine    = 2 << 10
	longestLine = 32 << 10 // one that cannot be broken has no places
)

// breakLines puts newlines in the place of spaces between the tokens of lines that
// are long. It reports whether no line is endless.
func breakLines(text string) (string, bool) {
	if longest(text) <= longLine {
		return text, true
	}
	out := []byte(text)
	start, end := 0, 0 // of the line so far, of the last token
	for sc := (scanner{text: text}); ; {
		tok := sc.next()
		gap := text[end:tok.start]
		if i := strings.LastIndexByte(gap, '\n'); i >= 0 {
			start = end + i + 1
		} else if tok.start-start > longLine && gap != "" && strings.Trim(gap, " \t") == "" {
			out[tok.start-1] = '\n'
			start = tok.start
		}
		if tok.kind == tokEnd {
			break
		}
		end = tok.end()
	}
	return string(out), longest(string(out)) <= longestLine
}

func longest(text string) int {
	most := 0
	for line := range strings.Lines(text) {
		most = max(most, len(line))
	}
	return most
}

func (c *placeCache) pos(a Anchor) lang.Pos {
	start := lang.Pos{Path: a.File.Shown, Line: 1, Col: 1, EndLine: 1, EndCol: 1}
	c.mu.Lock()
	places := c.files[a.File]
	c.mu.Unlock()
	if places == nil {
		return start
	}
	for _, p := range a.Paths {
		if l := places.find(p); l != nil {
			return places.pos(a.File.Shown, l)
		}
	}
	return start
}

func (p *filePlaces) find(a AnchorPath) *descriptorpb.SourceCodeInfo_Location {
	if l := p.byPath[pathKey(a.Path)]; l != nil || a.Option == 0 {
		return l
	}
	// The option may have been written as a whole, or in parts that lie deeper.
	var best *descriptorpb.SourceCodeInfo_Location
	for _, l := range p.locations {
		switch path := l.GetPath(); {
		case len(path) >= a.Option && isPrefix(path, a.Path) && len(path) > len(best.GetPath()):
			best = l
		case isPrefix(a.Path, path):
			return l
		}
	}
	return best
}

func isPrefix(prefix, path []int32) bool {
	return len(prefix) <= len(path) && slices.Equal(prefix, path[:len(prefix)])
}

func (p *filePlaces) pos(shown string, l *descriptorpb.SourceCodeInfo_Location) lang.Pos {
	span := l.GetSpan()
	if len(span) == 3 {
		span = []int32{span[0], span[1], span[0], span[2]}
	}
	if len(span) != 4 {
		return lang.Pos{Path: shown, Line: 1, Col: 1, EndLine: 1, EndCol: 1}
	}
	pos := lang.Pos{Path: shown, Line: plusOne(span[0]), Col: plusOne(span[1]), EndLine: plusOne(span[2]), EndCol: plusOne(span[3])}
	if p.shown == nil {
		return pos
	}
	pos.Start, pos.End = offsetOf(p.broken, pos.Line, pos.Col), offsetOf(p.broken, pos.EndLine, pos.EndCol)
	from, to := p.shown.Location(pos.Start, length.TermWidth), p.shown.Location(pos.End, length.TermWidth)
	pos.Line, pos.Col, pos.EndLine, pos.EndCol = from.Line, from.Column, to.Line, to.Column
	return pos
}

// plusOne counts from one. Descriptors may hold any number.
func plusOne(n int32) int { return int(min(max(n, 0), math.MaxInt32-1)) + 1 }

// offsetOf is the inverse of the compiler's own measure of columns.
func offsetOf(f *source.File, line, column int) int {
	start, end := f.LineOffsets(line)
	// The first offset whose column is not below the wanted one: columns never
	// fall along a line.
	lo, hi := start, end
	for text := f.Text(); lo < hi; {
		mid := (lo + hi) / 2
		for mid > lo && !utf8.RuneStart(text[mid]) {
			mid--
		}
		if f.Location(mid, length.TermWidth).Column >= column {
			hi = mid
			continue
		}
		_, n := utf8.DecodeRuneInString(text[mid:])
		lo = mid + n
	}
	return lo
}
