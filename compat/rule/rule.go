// Package rule says what a compatibility rule and a finding are. It knows no
// language and no mode: tables of rules live in compat/avrorules and
// compat/protorules, and which findings fail a check is decided in compat.
package rule

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/wireproof/wireproof/lang"
)

// Breaks says whom a change breaks. It is a set.
type Breaks uint8

// Who can be broken.
const (
	// Readers on the new schema cannot read data written with the old one. This
	// is what BACKWARD forbids.
	Readers Breaks = 1 << iota
	// OldReaders, on the old schema, cannot read data written with the new one.
	// This is what FORWARD forbids.
	OldReaders
	// JSONReaders exchange the events as JSON text.
	JSONReaders
	// SourceCode that uses generated types no longer compiles.
	SourceCode
)

// A Severity says how bad a finding is.
type Severity string

// Severities. An Info says what changed and never fails a check.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// A Rule is one row of a table. Its ID is for ever.
type Rule struct {
	ID         string
	Doc        string // the first line is a title, then a blank line and prose with an example of before and after
	Fix        string // what to do about it, in one sentence
	Breaks     Breaks // everyone whom it may break
	Severity   Severity
	Categories []string // Buf's, for Protobuf rules
	ErrorType  string   // the registry protocol's name for it, or empty
}

// Title returns the first line of the documentation.
func (r *Rule) Title() string {
	title, _, _ := strings.Cut(r.Doc, "\n")
	return title
}

// A Finding is one incompatibility between two schemas.
type Finding struct {
	Rule    *Rule
	Breaks  Breaks // whom this one breaks: exactly one of Readers and OldReaders, or neither
	Message string // names the element, what it was and what it is
	Path    string // of the element, such as OrderPlaced.items[].sku; no line numbers
	New     lang.Pos
	Old     lang.Pos
	NewNote string // what stands at New, for under the carets; may be empty
	OldNote string
	Fix     string // empty means Rule.Fix
	// Edit mends it for certain; nil where a person has to decide. It changes the
	// text that New is in.
	Edit *Edit
	// Decoder says what decoders do with the data where that differs from the
	// verdict that the severity follows; empty otherwise.
	Decoder string
	// ErrorType, Pointer and Info are the registry protocol's words for it.
	ErrorType string
	Pointer   string // JSON pointer into the reader (Avro), path (Protobuf)
	Info      string
}

// Fingerprint identifies a finding in a subject across edits that only move
// lines: twelve hexadecimal digits of a hash over rule, subject, path and
// message.
func (f *Finding) Fingerprint(subject string) string {
	sum := sha256.Sum256([]byte(f.Rule.ID + "\x00" + subject + "\x00" + f.Path + "\x00" + f.Message))
	return hex.EncodeToString(sum[:6])
}

// An Edit replaces a span of the new side's text. Where Start equals End of the
// span, it inserts.
type Edit struct {
	Pos  lang.Pos
	Text string
}

// A Witness is the smallest message that shows a finding: one side wrote it, and
// the other cannot read it or reads something else.
type Witness struct {
	Writer  Breaks // whose data it is: Readers means the old side wrote, OldReaders the new side
	JSON    string // the message as its writer sees it
	Data    []byte // the message as its writer encodes it, without a frame
	Read    string // what the reader gets, as JSON; empty if it gets an error
	Err     string // the reader's error, empty if it reads another value in silence
	Comment string // what to look at, in a short clause; may be empty
}
