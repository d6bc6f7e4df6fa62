package eventtest

import (
	"fmt"
	"strings"
	"time"

	"github.com/wireproof/wireproof/event"
)

// lag settles what is published in two parts: what the bus tells of the group is
// then what is left, and the age is that of the first that is left.
func lag(f *fixture) {
	of, ok := f.bus.(event.Lagger)
	if !ok {
		f.Skip("the bus is no event.Lagger: the broker does not tell how far a group is behind")
	}
	const n, part = 10, 4
	topic, group := f.topic(1), f.bus.Group(f.name("group"))
	start := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	for i := range n {
		f.publish(&event.Message{Topic: topic, Key: []byte("one"), Payload: fmt.Append(nil, i), Time: start.Add(time.Duration(i) * time.Second)})
	}
	last := int64(-1) // offset of what was settled last
	faults := func(settled int) (out []string) {
		wrong := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
		lags, err := of.Lag(f.ctx, group.Name(), topic)
		if err != nil || len(lags) == 0 {
			f.Fatalf("%d are settled: lags %v, %v", settled, lags, err)
		}
		var messages int64
		for _, l := range lags {
			messages += l.Messages
			if l.Messages == 0 != l.Oldest.IsZero() || l.Topic != topic {
				wrong("%+v, want an oldest message where there is a lag, and nowhere else", l)
			}
			if want := start.Add(time.Duration(settled) * time.Second); l.Messages > 0 && !l.Oldest.Equal(want) {
				wrong("the oldest is of %v, want %v", l.Oldest, want)
			}
			if l.Messages == 0 && l.Committed > l.End || l.Messages > 0 && settled == 0 && l.Committed != -1 || l.Messages > 0 && settled > 0 && l.Committed <= last {
				wrong("committed is %d, the end %d, offset %d was settled", l.Committed, l.End, last)
			}
		}
		if messages != int64(n-settled) {
			wrong("the group is %d messages behind, want %d", messages, n-settled)
		}
		return out
	}
	// A server may take in what was settled later than it answers a question.
	check := func(settled int) {
		f.Helper()
		var wrong []string
		for until := time.Now().Add(f.Wait); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
			if wrong = faults(settled); len(wrong) == 0 {
				return
			}
		}
		f.Errorf("%d are settled: %s", settled, strings.Join(wrong, "; "))
	}
	settle := func(n int) {
		f.Helper()
		m := f.open(group, topic)
		for n > 0 {
			b := m.receive()
			ds := b.Deliveries[:min(n, len(b.Deliveries))]
			if err := b.Lane.Settle(ds); err != nil {
				f.Fatalf("settle: %v", err)
			}
			n, last = n-len(ds), ds[len(ds)-1].Offset
		}
		m.close()
	}
	check(0) // nobody has heard of the group
	settle(part)
	check(part)
	settle(n - part)
	check(n)
	if _, err := of.Lag(f.ctx, group.Name()); err == nil {
		f.Error("lag in no topic: no error")
	}
}
