package avrorules

import (
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// Indexes find fields and branches by name. A schema of a megabyte can have tens
// of thousands of either, and a scan for each would make one request to a
// registry last for minutes.
type indexes struct {
	fields   map[*avro.Type]map[string]*avro.Field
	branches map[*avro.Type]*branchIndex
}

func newIndexes() indexes {
	return indexes{map[*avro.Type]map[string]*avro.Field{}, map[*avro.Type]*branchIndex{}}
}

func (x indexes) fieldsOf(record *avro.Type) map[string]*avro.Field {
	byName, ok := x.fields[record]
	if !ok {
		byName = make(map[string]*avro.Field, len(record.Fields))
		for _, f := range record.Fields {
			byName[f.Name] = f
		}
		x.fields[record] = byName
	}
	return byName
}

// A branchIndex knows the branches of one union.
type branchIndex struct {
	unnamed []*avro.Type            // at most one for each kind
	byName  map[string][]*avro.Type // by simple name, and by alias, which is a full name
	at      map[*avro.Type]lang.Pos
}

func (x indexes) branchesOf(union *avro.Type) *branchIndex {
	if have, ok := x.branches[union]; ok {
		return have
	}
	b := &branchIndex{byName: map[string][]*avro.Type{}, at: map[*avro.Type]lang.Pos{}}
	for i, branch := range union.Branches {
		if i < len(union.BranchPos) {
			b.at[branch] = union.BranchPos[i]
		}
		if !isNamed(branch) {
			b.unnamed = append(b.unnamed, branch)
			continue
		}
		for _, name := range append([]string{simpleName(branch)}, branch.Aliases...) {
			if !slices.Contains(b.byName[name], branch) {
				b.byName[name] = append(b.byName[name], branch)
			}
		}
	}
	x.branches[union] = b
	return b
}

// candidates returns the branches that might read writer, in the order in which
// they are to be tried. All others have another kind or another name.
func (b *branchIndex) candidates(writer *avro.Type) []*avro.Type {
	if !isNamed(writer) {
		return b.unnamed
	}
	out := b.byName[simpleName(writer)]
	if strings.Contains(writer.Name, ".") {
		out = append(out[:len(out):len(out)], b.byName[writer.Name]...)
	}
	return out
}

// has reports whether t is a branch.
func (b *branchIndex) has(t *avro.Type) bool {
	_, ok := b.at[t]
	return ok
}

// branchPos is where a branch of a union is written.
func (x indexes) branchPos(union, branch *avro.Type) lang.Pos {
	if pos, ok := x.branchesOf(union).at[branch]; ok {
		return pos
	}
	return union.Pos
}

// alike returns the part of reader that was meant to read a branch: a reader of
// the same kind, or the branch of the same kind, and for named types of the same
// name. It is nil if there is none, and then the branch is missing rather than
// different.
func (x indexes) alike(reader, writer *avro.Type) *avro.Type {
	if reader.Kind == writer.Kind {
		return reader
	}
	if reader.Kind != avro.Union {
		return nil
	}
	for _, c := range x.branchesOf(reader).candidates(writer) {
		if c.Kind == writer.Kind {
			return c
		}
	}
	return nil
}

// A crumb is one step of the way from the root to a place. Paths are put together
// only for a finding: most of a walk reports nothing.
type crumb struct {
	up             *crumb
	name, location string // one of them may be empty
}

func (c *crumb) step(name, location string) *crumb { return &crumb{c, name, location} }

// maxSteps bounds the paths in findings. Only a text that was made to do harm
// has longer ones, and it could have one for each of its fields.
const maxSteps = 200

// path returns the way in the words of people.
func (c *crumb) path() string { return c.join(func(c *crumb) string { return cut(c.name) }) }

// pointer returns the way as a JSON pointer.
func (c *crumb) pointer() string {
	if p := c.join(func(c *crumb) string { return c.location }); p != "" {
		return p
	}
	return "/"
}

func (c *crumb) join(part func(*crumb) string) string {
	var parts []string
	for ; c != nil; c = c.up {
		if text := part(c); text != "" {
			parts = append(parts, text)
		}
		if len(parts) == maxSteps {
			parts = append(parts, "…")
			break
		}
	}
	slices.Reverse(parts)
	return strings.Join(parts, "")
}

// longName is how much of a name a message shows.
const longName = 120

// cut shortens a name that nobody could read anyway.
func cut(name string) string {
	if len(name) <= longName {
		return name
	}
	return strings.ToValidUTF8(name[:longName], "") + "…"
}
