// Package payload says in JSON what framed data says, with the schema that it was
// written with, and makes data of such JSON again: for people who look at messages
// and mend them.
//
// Avro is shown in its JSON encoding, in which a union names its branch; Protobuf in
// ProtoJSON; JSON as it is. What generated code would make of the data is another
// question, that of package sample.
package payload

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
)

// ErrNoSchemas is the error of framed data where there is no registry to ask.
var ErrNoSchemas = errors.New("the data names its schema by an id, and there is no registry to ask")

// A Document is data with what it says.
type Document struct {
	JSON []byte    // indented
	ID   uint32    // of the schema; 0 for JSON without a frame
	Type lang.Type // of the schema; empty for JSON without a frame
	Name string    // full name of the record or message; empty for JSON

	frame  []byte // what the data begins with
	encode func(doc []byte) ([]byte, error)
}

// Decode reads data with the schema that its frame names. Data without a frame is
// read if it is a JSON object or array. schemas may be nil where there is no
// registry: the error of framed data matches [ErrNoSchemas] then. Any error says
// why the data cannot be shown.
func Decode(ctx context.Context, schemas codec.SchemaSource, data []byte) (*Document, error) {
	if data == nil {
		return nil, errors.New("there is no payload: a tombstone")
	}
	id, value, err := codec.CutFrame(data)
	if err != nil {
		if start := bytes.TrimLeft(data, " \t\r\n"); len(start) > 0 && (start[0] == '{' || start[0] == '[') && json.Valid(data) {
			d := &Document{encode: compact}
			return d, d.show(data)
		}
		return nil, err
	}
	if schemas == nil {
		return nil, fmt.Errorf("schema id %d: %w", id, ErrNoSchemas)
	}
	writer, err := schemas.SchemaByID(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("schema id %d: %w", id, err)
	}
	d := &Document{ID: id, Type: cmp.Or(writer.Type, lang.Avro), frame: codec.AppendFrame(nil, id)}
	switch d.Type {
	case lang.Avro:
		err = d.avro(writer, value)
	case lang.Protobuf:
		err = d.protobuf(writer, value)
	default:
		err = d.json(writer, value)
	}
	if err != nil {
		return nil, fmt.Errorf("schema id %d: %w", id, err)
	}
	return d, nil
}

// Encode returns the data that says what doc says, with the same schema and frame.
// The error says what of doc does not fit the schema.
func (d *Document) Encode(doc []byte) ([]byte, error) {
	if !json.Valid(doc) {
		var v any
		return nil, fmt.Errorf("this is no JSON: %w", json.Unmarshal(doc, &v))
	}
	value, err := d.encode(doc)
	if err != nil {
		return nil, err
	}
	return append(bytes.Clone(d.frame), value...), nil
}

func (d *Document) show(doc []byte) error {
	var out bytes.Buffer
	if err := json.Indent(&out, doc, "", "  "); err != nil {
		return err
	}
	d.JSON = out.Bytes()
	return nil
}

func compact(doc []byte) ([]byte, error) {
	var out bytes.Buffer
	err := json.Compact(&out, doc)
	return out.Bytes(), err
}
