package witness

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

// A Message is one message of a schema.
type Message struct {
	Type string // of Protobuf, the full name of the message; empty otherwise
	JSON string
	Data []byte // as it is written, without a frame
}

var errNoMessage = errors.New("no message was found that the schema takes")

// Sample returns a random message of a schema. It is an error if the schema has none
// that is found in a bounded search, or is of no known language.
func Sample(schema lang.Schema, r *rand.Rand) (*Message, error) {
	switch e := NewPair(schema, schema).engine(rule.Readers).(type) {
	case *avroEngine:
		return e.sample(r)
	case *protoEngine:
		return e.sample(r)
	case *jsonEngine:
		return e.sample(r)
	}
	return nil, fmt.Errorf("the schema is a %T, expected one of Avro, Protobuf or JSON Schema", schema)
}

func (e *avroEngine) sample(r *rand.Rand) (*Message, error) {
	if len(e.spots) == 0 {
		return nil, errNoMessage
	}
	e.steps.left = messageSteps
	v := e.random(r)
	data, err := appendValue(nil, e.writer.Root, v)
	if err != nil {
		return nil, err
	}
	return &Message{JSON: string(appendJSON(nil, e.writer.Root, v, false)), Data: data}, nil
}

func (e *protoEngine) sample(r *rand.Rand) (*Message, error) {
	for range 10 {
		if len(e.pairs) == 0 {
			break
		}
		e.steps.left = messageSteps
		md := e.pairs[r.IntN(len(e.pairs))].w
		m, ok := newMessage(md, protoDepth, &e.steps)
		if !ok {
			continue
		}
		e.random(m, r, protoDepth)
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if text, ok := show(m); ok && err == nil {
			return &Message{Type: string(md.FullName()), JSON: text, Data: data}, nil
		}
	}
	return nil, errNoMessage
}

func (e *jsonEngine) sample(r *rand.Rand) (*Message, error) {
	for range 50 {
		e.steps.left = messageSteps
		d := e.random(e.writer.Root(), e.reader.Root(), r, jsonDepth).AppendJSON(nil)
		if e.writer.Validate(d) == nil {
			return &Message{JSON: string(d), Data: d}, nil
		}
	}
	return nil, errNoMessage
}

// Read holds real data of one side against the other: with [rule.Readers] older
// wrote it and newer reads it. Nil means that it crosses. The data has no frame;
// name is the full name of the message in Protobuf, and may be empty where the
// file has one message only. It is an error if the writer's own schema does not
// fit the data.
func (p *Pair) Read(dir rule.Breaks, name string, data []byte) (*rule.Witness, error) {
	if len(data) > maxBytes {
		return nil, fmt.Errorf("the message has %d bytes, and at most %d are looked at", len(data), maxBytes)
	}
	var w *rule.Witness
	var err error
	switch e := p.engine(dir).(type) {
	case *avroEngine:
		w, err = e.readData(data)
	case *protoEngine:
		w, err = e.readData(name, data)
	case *jsonEngine:
		if err = e.writer.Validate(data); err == nil {
			w, err = e.readData(data)
		}
	default:
		return nil, fmt.Errorf("the schemas are %T and %T, expected two of one language", p.newer, p.older)
	}
	if err != nil {
		return nil, fmt.Errorf("the data is not of its writer's schema: %w", err)
	}
	if w != nil {
		w.Writer = dir
	}
	return w, nil
}

func (e *avroEngine) readData(data []byte) (*rule.Witness, error) {
	e.steps.left = indexSteps
	d := &decoder{data, budget{indexSteps}}
	v, err := d.value(e.writer.Root)
	if err == nil && len(d.data) > 0 {
		err = fmt.Errorf("%d bytes are left over", len(d.data))
	}
	if err != nil {
		return nil, err
	}
	r := &reading{resolver: e.resolver}
	read := r.read(e.root(), v)
	if e.steps.left <= 0 {
		return nil, errTooLarge
	}
	if len(r.faults) == 0 {
		return nil, nil
	}
	return e.show(v, data, read, r.faults[0]), nil
}

func (e *protoEngine) readData(name string, data []byte) (*rule.Witness, error) {
	e.steps.left = indexSteps
	for _, p := range e.pairs {
		if string(p.w.FullName()) != name && (name != "" || e.writer.Messages().Len() != 1) {
			continue
		}
		m := dynamicpb.NewMessage(p.w)
		if err := proto.Unmarshal(data, m); err != nil {
			return nil, errors.New(plain(err))
		}
		if p.r == nil {
			return e.missing(p), nil
		}
		_, read, losses := e.crossData(data, m, p.r)
		for _, l := range losses {
			if !e.pardoned[l.kind] {
				return e.witness(m, data, read, l), nil
			}
		}
		return nil, nil
	}
	return nil, fmt.Errorf("there is no message %q", name)
}

func (e *jsonEngine) readData(data []byte) (*rule.Witness, error) {
	err := e.reader.Validate(data)
	var list lang.ErrorList
	if !errors.As(err, &list) || list[0].Code != jsonschema.CodeDocument {
		return nil, err
	}
	return &rule.Witness{JSON: string(data), Data: data, Err: list[0].Msg}, nil
}
