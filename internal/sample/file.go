package sample

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/wireproof/wireproof/lang"
)

// Bounds of a file that is sampled.
const (
	maxLine    = 16 << 20
	maxMessage = 64 << 20
)

// File yields the messages of a file by its name:
//
//   - x.avro, an Avro container file, which holds its writer's schema;
//   - x.jsonl or x.ndjson, a line for each message: an object whose "payload" is a
//     framed message in base64, as dlq --output json prints it, or else a JSON
//     document;
//   - x.json, one JSON document;
//   - anything else is one framed message.
func File(name string, r io.Reader) iter.Seq2[Message, error] {
	switch filepath.Ext(name) {
	case ".avro":
		return container(name, r)
	case ".jsonl", ".ndjson":
		return lines(name, r)
	}
	return func(yield func(Message, error) bool) {
		data, err := io.ReadAll(io.LimitReader(r, maxMessage+1))
		if err == nil && len(data) > maxMessage {
			err = fmt.Errorf("%s is larger than the %d bytes that a message may have", name, maxMessage)
		}
		yield(Message{Where: name, Data: data, Plain: filepath.Ext(name) == ".json"}, err)
	}
}

func lines(name string, r io.Reader) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		s := bufio.NewScanner(r)
		s.Buffer(nil, maxLine)
		for n := 1; s.Scan(); n++ {
			line := bytes.TrimSpace(s.Bytes())
			if len(line) == 0 {
				continue
			}
			m := Message{Where: fmt.Sprintf("%s:%d", name, n), Data: bytes.Clone(line), Plain: true}
			var letter struct {
				Payload *string `json:"payload"`
			}
			if json.Unmarshal(line, &letter) == nil && letter.Payload != nil {
				data, err := base64.StdEncoding.DecodeString(*letter.Payload)
				if err == nil {
					m.Data, m.Plain = data, false
				}
			}
			if !yield(m, nil) {
				return
			}
		}
		if err := s.Err(); err != nil {
			yield(Message{}, fmt.Errorf("read %s: %w", name, err))
		}
	}
}

// container yields the records of a container file. The library decodes them and
// we need their bytes, so each is written again, which gives the same bytes but
// for the order of maps.
func container(name string, r io.Reader) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		in, err := ocf.NewReader(r)
		if err != nil {
			yield(Message{}, fmt.Errorf("%s: %w", name, err))
			return
		}
		defer in.Close()
		schema, err := avro.Parse(string(in.Metadata()["avro.schema"]))
		if err != nil {
			yield(Message{}, fmt.Errorf("%s: its schema: %w", name, err))
			return
		}
		writer := &lang.Source{Type: lang.Avro, Path: name, Text: string(in.Metadata()["avro.schema"])}
		for n := 1; ; n++ {
			var v any
			if err := in.Decode(&v); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				yield(Message{}, fmt.Errorf("%s: record %d: %w", name, n, err))
				return
			}
			data, err := schema.AppendEncode(nil, v)
			if err != nil {
				err = fmt.Errorf("%s: record %d: %w", name, n, err)
			}
			if !yield(Message{Where: fmt.Sprintf("%s, record %d", name, n), Data: data, Writer: writer}, err) || err != nil {
				return
			}
		}
	}
}
