// Package cloudevents puts the attributes of CloudEvents 1.0 beside a payload, in
// binary mode: one header for each attribute, and the payload as it is. Any
// CloudEvents library reads them, in any language.
//
// It is an envelope and nothing more: our own consumers do not need it, and decide
// by the schema id in the payload. Structured mode, where the payload is a JSON
// document around the event, is neither written nor read.
//
// How headers are spelled differs by transport, so whoever reads says so too; see
// [Binding].
package cloudevents

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Binding is how a protocol binding of CloudEvents spells attributes as
// headers.
type Binding struct {
	prefix  string
	percent bool // values are percent-encoded, as in the HTTP binding
}

// The bindings, by the transport that each is specified for. [Kafka] is the
// default, also where there is none, as for Redis. An outbox takes that of the
// transport that its relay publishes through.
var (
	Kafka  = Binding{prefix: "ce_"}
	NATS   = Binding{prefix: "ce-", percent: true}
	AMQP   = Binding{prefix: "cloudEvents:"}
	PubSub = Binding{prefix: "ce-"}
)

// contentType is the header that carries datacontenttype in every binding.
const contentType = "content-type"

// checkName reports what is wrong with the name of an attribute (CloudEvents 1.0,
// "Naming Conventions").
func checkName(name string) error {
	if name == "" {
		return errors.New("it has no name")
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return fmt.Errorf("its name is %q, want lower-case letters and digits only", name)
		}
	}
	return nil
}

// checkValue reports what is wrong with a string of an attribute (CloudEvents
// 1.0, "Type System": no control characters, no invalid Unicode).
func checkValue(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%q is not UTF-8", s)
	}
	for _, r := range s {
		if r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe {
			return fmt.Errorf("%q has the character %U, which an attribute must not have", s, r)
		}
	}
	return nil
}

// escaped returns s as the HTTP binding writes it (section 3.1.3.2).
func escaped(s string) string {
	plain := func(c byte) bool { return c > 0x20 && c < 0x7f && c != '"' && c != '%' }
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// unescaped is the reverse of escaped. A percent sign that begins no escape
// stands for itself, as readers of the HTTP binding take it.
func unescaped(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, ok1 := hexDigit(s[i+1])
			lo, ok2 := hexDigit(s[i+2])
			if ok1 && ok2 {
				b.WriteByte(hi<<4 | lo)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}
