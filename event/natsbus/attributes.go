package natsbus

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/headertext"
	"github.com/wireproof/wireproof/event/internal/wildcard"
)

// serverPrefix begins the headers that mean something to the server.
const serverPrefix = "Nats-"

var limits = headertext.Limits{Reserved: []string{serverPrefix, "Status", "Description"}}

// encode translates m. It shares m's payload.
func encode(m *event.Message) (*nats.Msg, error) {
	out := &nats.Msg{Subject: m.Topic, Data: m.Payload, Header: nats.Header{}}
	if err := headertext.Encode(m, limits, func(name, value string) { out.Header[name] = []string{value} }); err != nil {
		return nil, err
	}
	return out, nil
}

// decode sets what in says in m, but for its topic and the time at which the
// server stored it. Headers that are damaged are left as they are, for the handler
// to judge: nothing else could be done with the message.
func decode(in *nats.Msg, m *event.Message) {
	m.Payload = in.Data
	if len(in.Header) == 0 {
		if m.Payload == nil {
			m.Payload = []byte{}
		}
		return
	}
	attrs := make(map[string]string, len(in.Header))
	var more event.Headers // other programs may repeat a header
	for k, vs := range in.Header {
		if len(k) >= len(serverPrefix) && strings.EqualFold(k[:len(serverPrefix)], serverPrefix) || len(vs) == 0 {
			continue
		}
		attrs[k] = vs[0]
		for _, v := range vs[1:] {
			more = append(more, event.Header{Key: k, Value: []byte(v)})
		}
	}
	_ = headertext.Decode(attrs, m) // which leaves all attributes as headers
	slices.SortStableFunc(more, func(a, b event.Header) int { return strings.Compare(a.Key, b.Key) })
	m.Headers = append(m.Headers, more...)
}

// size is what a message takes of the server's max_payload.
func size(m *nats.Msg) int {
	n := len(m.Data) + len("NATS/1.0\r\n\r\n")
	for k, vs := range m.Header {
		for _, v := range vs {
			n += len(k) + len(v) + len(": \r\n")
		}
	}
	return n
}

// fits reports why a message is too large for a server that takes most bytes.
func fits(m *nats.Msg, most int64) error {
	room := int64(roomForOurs)
	if wildcard.Aside(m.Subject) != "" {
		room = 0 // kept for it
	}
	if n := int64(size(m)); n > most-room {
		return fmt.Errorf("it takes %d bytes with its headers; expected at most %d, which is the server's max_payload less room for a dead letter: raise max_payload or send less", n, most-room)
	}
	return nil
}
