// Package sample reads real messages with the schemas of a work tree, and counts
// how many would break: data is the last word on whether a change is safe.
//
// A message is framed as codec writes it, and a [codec.SchemaSource] brings the
// schema that it was written with; or it comes from a file that says how it was
// written (see [File]). Nothing is changed, and no offset is moved.
package sample

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/codec/avrowire"
	"github.com/wireproof/wireproof/lang"
)

// A Message is data with what is known about it.
type Message struct {
	Where string // such as orders[0]@17, or line 3 of a file
	Data  []byte // framed, unless Writer is set or Plain
	// Writer is the schema that the data was written with, if it is known without
	// a registry. The data has no frame then.
	Writer *lang.Source
	Plain  bool // the data is a JSON document without a frame
}

// A Target is a schema of the work tree that messages are read with.
type Target struct {
	Name    string // full name of the record or message
	Subject string
	Schema  lang.Schema
}

// A Report says how many messages were read.
type Report struct {
	Read    int // without a fault
	Skipped int // tombstones, and data of types that no target reads
	Faults  []Fault
}

// Broken returns how many messages could not be read.
func (r Report) Broken() int {
	n := 0
	for _, f := range r.Faults {
		n += f.Count
	}
	return n
}

// A Fault is what keeps messages from being read, and how many.
type Fault struct {
	Subject string
	Writer  string // the schema that they were written with, such as id 7
	Err     string
	Count   int
	First   string // where the first of them is
}

// Check reads the messages. An error of the source of schemas, or of messages,
// ends it: what was not read must not look like what was. A message that cannot
// be told apart, such as one without a frame, is a fault.
func Check(ctx context.Context, messages iter.Seq2[Message, error], schemas codec.SchemaSource, targets []Target) (Report, error) {
	c := &checker{schemas: schemas, targets: targets, readers: map[string]*reader{}, at: map[[3]string]int{}}
	for m, err := range messages {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = c.message(ctx, m)
		}
		if err != nil {
			return c.report, err
		}
	}
	slices.SortStableFunc(c.report.Faults, func(a, b Fault) int { return cmp.Compare(b.Count, a.Count) })
	return c.report, nil
}

type checker struct {
	schemas codec.SchemaSource
	targets []Target
	readers map[string]*reader // by id, or by the text of the writer
	report  Report
	at      map[[3]string]int // faults, by subject, writer and error
}

// A reader knows how to read data of one schema.
type reader struct {
	writer string
	read   func(data []byte) (subject string, err error)
}

var errSkipped = errors.New("no target reads this type")

func (c *checker) message(ctx context.Context, m Message) error {
	if m.Data == nil {
		c.report.Skipped++ // a tombstone
		return nil
	}
	r, data, err := c.reader(ctx, m)
	var undecodable *lang.Error
	switch {
	case errors.Is(err, codec.ErrNotFramed), errors.Is(err, codec.ErrUnknownID), errors.As(err, &undecodable):
		c.fault(m, "", "", err)
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", m.Where, err)
	}
	subject, err := r.read(data)
	switch {
	case errors.Is(err, errSkipped):
		c.report.Skipped++
	case err != nil:
		c.fault(m, subject, r.writer, err)
	default:
		c.report.Read++
	}
	return nil
}

// maxFaults is how many different faults are told apart.
const maxFaults = 100

func (c *checker) fault(m Message, subject, writer string, err error) {
	text := err.Error()
	var wire *avrowire.Error
	if errors.As(err, &wire) {
		text = strings.TrimPrefix(wire.Path+": "+wire.Msg, ": ") // the offset differs from message to message
	}
	key := [3]string{subject, writer, text}
	i, ok := c.at[key]
	if !ok && len(c.report.Faults) >= maxFaults {
		key, text = [3]string{}, "other faults"
		i, ok = c.at[key]
	}
	if !ok {
		i = len(c.report.Faults)
		c.at[key] = i
		c.report.Faults = append(c.report.Faults, Fault{Subject: subject, Writer: writer, Err: text, First: m.Where})
	}
	c.report.Faults[i].Count++
}

// reader finds out how to read m, and where its data starts.
func (c *checker) reader(ctx context.Context, m Message) (*reader, []byte, error) {
	key, label := "", ""
	data := m.Data
	var writer lang.Source
	switch {
	case m.Plain:
		key, label = "plain", "JSON"
	case m.Writer != nil:
		key, label, writer = "text "+m.Writer.Text, "the schema of the file", *m.Writer
	default:
		id, value, err := codec.CutFrame(m.Data)
		if err != nil {
			return nil, nil, err
		}
		key, label, data = fmt.Sprint("id ", id), fmt.Sprint("id ", id), value
		if c.readers[key] == nil {
			if c.schemas == nil {
				return nil, nil, errors.New("the message names a schema by id, and there is no registry to ask")
			}
			if writer, err = c.schemas.SchemaByID(ctx, id); err != nil {
				return nil, nil, err
			}
		}
	}
	if c.readers[key] == nil {
		read, err := c.prepare(m.Plain, writer)
		if err != nil {
			return nil, nil, err
		}
		c.readers[key] = &reader{label, read}
	}
	return c.readers[key], data, nil
}

func (c *checker) prepare(plain bool, writer lang.Source) (func([]byte) (string, error), error) {
	if plain {
		return c.plain, nil
	}
	switch cmp.Or(writer.Type, lang.Avro) {
	case lang.Avro:
		return c.avro(writer)
	case lang.Protobuf:
		return c.protobuf(writer)
	}
	return c.json(writer)
}

// find returns the target for a type: the one of its name, else the only one of
// the language.
func (c *checker) find(name string, typ lang.Type, aliases func(Target) []string) (Target, bool) {
	var same []Target
	for _, t := range c.targets {
		if cmp.Or(t.Schema.Source().Type, lang.Avro) != typ {
			continue
		}
		if t.Name == name || aliases != nil && slices.Contains(aliases(t), name) {
			return t, true
		}
		same = append(same, t)
	}
	if len(same) == 1 && simple(same[0].Name) == simple(name) {
		return same[0], true
	}
	return Target{}, false
}

func simple(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
