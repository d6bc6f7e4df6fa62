package claimcheck

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/wrap"
)

// atOnce is how many payloads of one call of Publish are stored at a time.
const atOnce = 8

// Publisher returns a publisher that stores each payload of more than threshold
// bytes in store and hands the message, with a reference in its place, to next.
// A threshold of 0 stores every payload that is not empty.
//
// If a payload cannot be stored, none of the messages of the call is published.
// Messages with a reference and an empty payload, such as those of a dead letter
// that a program publishes again, pass as they are. Close closes next; the store
// is the caller's.
func Publisher(next event.Publisher, store Store, threshold int) (event.Publisher, error) {
	if next == nil || store == nil {
		return nil, errors.New("claimcheck: Publisher wants a publisher and a store, one of them is nil")
	}
	if threshold < 0 {
		return nil, fmt.Errorf("claimcheck: a threshold of %d bytes, want 0 or more", threshold)
	}
	return &publisher{next, store, threshold}, nil
}

type publisher struct {
	next      event.Publisher
	store     Store
	threshold int
}

// Close is as [event.Publisher] says.
func (p *publisher) Close(ctx context.Context) error { return p.next.Close(ctx) }

// Publish is as [event.Publisher] says.
func (p *publisher) Publish(ctx context.Context, ms ...*event.Message) error {
	out := make([]*event.Message, len(ms))
	large := map[string]claim{}
	for i, m := range ms {
		out[i] = m
		if m == nil {
			continue // next says what is wrong with it
		}
		_, has := m.Headers.Get(Header)
		switch {
		case len(m.Payload) > p.threshold:
			ref := NewRef(m.Payload, time.Now())
			if _, twice := large[ref.Key()]; !twice {
				large[ref.Key()] = claim{i, m.Payload}
			}
			x := *m
			x.Payload, x.Headers = []byte{}, m.Headers.With(Header, []byte(ref.String()))
			out[i] = &x
		case has && (m.Payload == nil || len(m.Payload) > 0): // it was copied with the headers of another message
			x := *m
			x.Headers = without(m.Headers)
			out[i] = &x
		}
	}
	if i, err := p.put(ctx, large); err != nil {
		return wrap.Refused(ms, i, err)
	}
	return wrap.Publish(ctx, p.next, out, ms)
}

// A claim is a payload to be stored, and the first message that has it.
type claim struct {
	index   int
	payload []byte
}

// put stores what is large. The error is that of the first message whose payload
// was not stored, which index names.
func (p *publisher) put(ctx context.Context, large map[string]claim) (index int, err error) {
	var (
		mu   sync.Mutex // guards index and err
		wg   sync.WaitGroup
		room = make(chan struct{}, atOnce)
	)
	for key, c := range large {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			failure := p.store.Put(ctx, key, c.payload)
			mu.Lock()
			defer mu.Unlock()
			if failure != nil && (err == nil || c.index < index) {
				index = c.index
				err = fmt.Errorf("claimcheck: store a payload of %d bytes, so nothing is published: %w", len(c.payload), failure)
			}
		})
	}
	wg.Wait()
	return index, err
}

// without returns h without references.
func without(h event.Headers) event.Headers {
	out := make(event.Headers, 0, len(h))
	for _, x := range h {
		if x.Key != Header {
			out = append(out, x)
		}
	}
	return out
}

// RefOf returns the reference of a message. It has none, which is no error, if its
// payload is null or not empty, or the header is not there.
func RefOf(m *event.Message) (ref Ref, ok bool, err error) {
	if m.Payload == nil || len(m.Payload) > 0 {
		return Ref{}, false, nil
	}
	text, has := m.Headers.Get(Header)
	if !has {
		return Ref{}, false, nil
	}
	ref, err = ParseRef(string(text))
	return ref, err == nil, err
}
