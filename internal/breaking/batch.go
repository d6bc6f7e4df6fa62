package breaking

import (
	"bytes"
	"cmp"
	"slices"
)

// batchSize is how many bytes of text one compilation has at most, unless a package
// is larger. What a compilation needs in memory is about twenty times that; files
// that many import are compiled once for each batch, which costs little at this
// size.
const batchSize = 8 << 20

// A batch is what is compiled and compared at a time: the import paths of both
// sides.
type batch struct{ newer, older []string }

// batches cuts the files of a module so that everything that is compared with one
// another is in one batch: whole packages, since elements are paired by their full
// names or by the path of their file, and all files with extensions, which are
// paired by what they extend.
func (c *comparison) batches(news, olds []string) []batch {
	all := batch{news, olds}
	if c.o.Imports || c.newer.image != nil || c.older.image != nil || c.size(all) <= c.batchSize() {
		return []batch{all}
	}
	g := grouping{}
	for _, s := range c.sides(all) {
		for _, name := range s.names {
			f := s.files[name]
			g.join("file "+name, "package "+f.header.pkg)
			if s.extends(f) {
				g.join("package "+f.header.pkg, "extensions")
			}
		}
	}
	groups := map[string]*batch{}
	add := func(name string, to func(*batch) *[]string) {
		root := g.root("file " + name)
		if groups[root] == nil {
			groups[root] = &batch{}
		}
		list := to(groups[root])
		*list = append(*list, name)
	}
	for _, name := range news {
		add(name, func(b *batch) *[]string { return &b.newer })
	}
	for _, name := range olds {
		add(name, func(b *batch) *[]string { return &b.older })
	}
	var list []*batch
	for _, b := range groups {
		list = append(list, b)
	}
	// Neighbours by name import one another more often than others.
	slices.SortFunc(list, func(a, b *batch) int { return cmp.Compare(a.first(), b.first()) })
	var out []batch
	size := 0
	for _, b := range list {
		n := c.size(*b)
		if len(out) == 0 || size+n > c.batchSize() {
			out, size = append(out, batch{}), 0
		}
		last := &out[len(out)-1]
		last.newer, last.older = append(last.newer, b.newer...), append(last.older, b.older...)
		size += n
	}
	return out
}

func (c *comparison) batchSize() int { return cmp.Or(c.o.BatchSize, batchSize) }

func (b *batch) first() string {
	if len(b.newer) == 0 || len(b.older) > 0 && b.older[0] < b.newer[0] {
		return b.older[0]
	}
	return b.newer[0]
}

type sideNames struct {
	*side
	names []string
}

func (c *comparison) sides(b batch) []sideNames {
	return []sideNames{{c.newer, b.newer}, {c.older, b.older}}
}

// size returns the bytes of text of a batch.
func (c *comparison) size(b batch) int {
	n := 0
	for _, s := range c.sides(b) {
		for _, name := range s.names {
			n += s.files[name].header.size
		}
	}
	return n
}

// extends reports whether a file may declare extensions; one that cannot be read
// may.
func (s *side) extends(f *file) bool {
	text, err := s.source.read(f.path, nil)
	return err != nil || bytes.Contains(text, []byte("extend"))
}

// A grouping joins names into groups; the value of a name is another of its group,
// nearer to the one that stands for it.
type grouping map[string]string

func (g grouping) root(name string) string {
	for {
		up, ok := g[name]
		if !ok || up == name {
			return name
		}
		if upper, ok := g[up]; ok {
			g[name] = upper
		}
		name = up
	}
}

func (g grouping) join(a, b string) {
	if a, b = g.root(a), g.root(b); a != b {
		g[a] = b
	}
}
