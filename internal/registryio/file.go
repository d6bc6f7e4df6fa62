package registryio

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/wireproof/wireproof/registry/api"
)

// The file of an export is JSON lines. The first says what it is, the last how
// many lines come before it and the SHA-256 of their bytes, ends of lines
// included; a file without it is not whole. Between them, in this order and each
// sorted:
//
//	{"context":{"name":".","maxId":17}}
//	{"schema":{"subject":"orders-value","version":1,"id":1,…,"deleted":true}}
//	{"config":{"scope":"orders-value","config":{"compatibilityLevel":"FULL"}}}
//	{"mode":{"scope":"","mode":"READWRITE"}}
//
// A schema is the protocol's own form without times. It comes after those that it
// refers to. The same registry gives the same file, byte for byte.
const (
	fileFormat  = "wireproof registry export"
	fileVersion = 1
	// maxLine bounds one line; a schema of the longest text, escaped, fits.
	maxLine = 16 << 20
)

type line struct {
	Header  *header     `json:"header,omitempty"`
	Context *Context    `json:"context,omitempty"`
	Schema  *api.Schema `json:"schema,omitempty"`
	Config  *Config     `json:"config,omitempty"`
	Mode    *Mode       `json:"mode,omitempty"`
	End     *end        `json:"end,omitempty"`
}

type header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Whole   bool   `json:"whole"` // every context is in it
	// EveryScope is missing where it is not known, as in older files.
	EveryScope bool `json:"everyScope,omitempty"` // settings of subjects without versions are in it
}

type end struct {
	Lines  int    `json:"lines"`
	SHA256 string `json:"sha256"`
}

// Write writes a dump as a file.
func Write(w io.Writer, d *Dump) error {
	buffered := bufio.NewWriter(w)
	sum := sha256.New()
	out := &lineWriter{enc: json.NewEncoder(io.MultiWriter(buffered, sum))}
	out.enc.SetEscapeHTML(false)
	out.write(line{Header: &header{fileFormat, fileVersion, d.Whole, d.EveryScope}})
	for i := range d.Contexts {
		out.write(line{Context: &d.Contexts[i]})
	}
	for i := range d.Schemas {
		out.write(line{Schema: &d.Schemas[i]})
	}
	for i := range d.Configs {
		out.write(line{Config: &d.Configs[i]})
	}
	for i := range d.Modes {
		out.write(line{Mode: &d.Modes[i]})
	}
	out.write(line{End: &end{out.lines, hex.EncodeToString(sum.Sum(nil))}})
	if out.err != nil {
		return fmt.Errorf("write the export: %w", out.err)
	}
	return buffered.Flush()
}

type lineWriter struct {
	enc   *json.Encoder
	lines int
	err   error
}

func (w *lineWriter) write(l line) {
	if w.err == nil {
		w.err = w.enc.Encode(l)
		w.lines++
	}
}

// Read reads a file that [Write] wrote. A file that was cut, changed or is of a
// later version is an error; what it holds is not judged.
func Read(r io.Reader) (*Dump, error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), maxLine)
	f := &fileReader{d: &Dump{}, sum: sha256.New()}
	for in.Scan() {
		if err := f.add(in.Bytes()); err != nil {
			return nil, fmt.Errorf("line %d of the export: %w", f.lines+1, err)
		}
	}
	switch {
	case errors.Is(in.Err(), bufio.ErrTooLong):
		return nil, fmt.Errorf("line %d of the export is longer than the %d bytes that one may have", f.lines+1, maxLine)
	case in.Err() != nil:
		return nil, fmt.Errorf("read the export: %w", in.Err())
	case f.lines == 0:
		return nil, errors.New("the export is empty")
	case !f.ended:
		return nil, fmt.Errorf("the export ends after line %d without the line that says that it is whole", f.lines)
	}
	return f.d, nil
}

type fileReader struct {
	d     *Dump
	sum   hash.Hash
	lines int
	ended bool
}

func (f *fileReader) add(text []byte) error {
	if f.ended {
		return errors.New("there is something after the end")
	}
	var l line
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		if f.lines == 0 {
			return fmt.Errorf("this is no export of a registry: %w", err)
		}
		return err
	}
	if dec.More() {
		return errors.New("there is something after the JSON value")
	}
	if (l.Header != nil) != (f.lines == 0) {
		return errors.New("the header belongs into the first line, and nothing else does")
	}
	switch {
	case l.Header != nil:
		if l.Header.Format != fileFormat {
			return fmt.Errorf("the format is %q, expected %q", l.Header.Format, fileFormat)
		}
		if l.Header.Version != fileVersion {
			return fmt.Errorf("the version of the format is %d; this program reads %d", l.Header.Version, fileVersion)
		}
		f.d.Whole, f.d.EveryScope = l.Header.Whole, l.Header.EveryScope
	case l.Context != nil:
		f.d.Contexts = append(f.d.Contexts, *l.Context)
	case l.Schema != nil:
		f.d.Schemas = append(f.d.Schemas, *l.Schema)
	case l.Config != nil:
		f.d.Configs = append(f.d.Configs, *l.Config)
	case l.Mode != nil:
		f.d.Modes = append(f.d.Modes, *l.Mode)
	case l.End != nil:
		return f.end(*l.End)
	default:
		return errors.New("it holds nothing that is known")
	}
	f.sum.Write(text)
	f.sum.Write([]byte("\n"))
	f.lines++
	return nil
}

func (f *fileReader) end(e end) error {
	if e.Lines != f.lines {
		return fmt.Errorf("the export has %d lines before its end, expected %d", f.lines, e.Lines)
	}
	if sum := hex.EncodeToString(f.sum.Sum(nil)); sum != e.SHA256 {
		return fmt.Errorf("the SHA-256 of the lines is %s, expected %s: the file was changed", sum, e.SHA256)
	}
	f.ended = true
	return nil
}
