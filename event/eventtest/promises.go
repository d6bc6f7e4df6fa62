package eventtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/wireproof/wireproof/event"
)

func everythingArrives(f *fixture) {
	const n = 1000
	topic := f.topic(4)
	g := f.group(topic)
	f.numbered(topic, n, 37)
	ds := f.open(g, topic).take(n, true)
	f.all(ds, n)
	for _, d := range ds {
		if d.Topic != topic || d.Attempt != 1 {
			f.Fatalf("delivery has topic %q and attempt %d, want %q and 1", d.Topic, d.Attempt, topic)
		}
	}
}

func keyOrder(f *fixture) {
	const n = 2000
	topic := f.topic(4)
	g := f.group(topic)
	f.numbered(topic, n, 23)
	f.inOrder(f.open(g, topic).take(n, true))
}

// inOrder fails unless the numbers of each key ascend, and the offsets of each
// partition.
func (f *fixture) inOrder(ds []*event.Delivery) {
	f.Helper()
	last := map[string]int{}
	offsets := map[int32]int64{}
	for _, d := range ds {
		n, err := strconv.Atoi(string(d.Payload))
		if err != nil {
			f.Fatalf("payload %q is not a number", d.Payload)
		}
		if p, ok := last[string(d.Key)]; ok && n <= p {
			f.Fatalf("key %s: %d was delivered after %d", d.Key, n, p)
		}
		last[string(d.Key)] = n
		if p, ok := offsets[d.Partition]; ok && d.Offset <= p {
			f.Fatalf("partition %d: offset %d was delivered after %d", d.Partition, d.Offset, p)
		}
		offsets[d.Partition] = d.Offset
	}
}

func unsettledComesAgain(f *fixture) {
	const n = 50
	topic := f.topic(2)
	g := f.group(topic)
	f.numbered(topic, n, 7)
	first := f.open(g, topic)
	f.all(first.take(n, false), n)
	first.close()
	f.all(f.open(g, topic).take(n, true), n)
}

func settledStaysAway(f *fixture) {
	const n = 50
	topic := f.topic(2)
	g := f.group(topic)
	f.numbered(topic, n, 7)
	first := f.open(g, topic)
	first.take(n, true)
	first.close()
	f.numbered(topic, 5, 1) // what follows shows that nothing came before it
	for _, d := range f.open(g, topic).take(5, true) {
		if i, _ := strconv.Atoi(string(d.Payload)); i >= 5 || string(d.Key) != "k0" {
			f.Errorf("message %s of key %s was settled and is delivered again", d.Payload, d.Key)
		}
	}
}

func twoGroups(f *fixture) {
	const n = 100
	topic := f.topic(2)
	groups := []event.Group{f.group(topic), f.group(topic)}
	f.numbered(topic, n, 7)
	for _, g := range groups {
		f.all(f.open(g, topic).take(n, true), n)
	}
}

// lateGroup opens a group for the first time after another one has settled what
// it gets.
func lateGroup(f *fixture) {
	const n = 50
	topic := f.topic(2)
	f.numbered(topic, n, 7)
	for range 2 {
		f.all(f.open(f.bus.Group(f.name("group")), topic).take(n, true), n)
	}
}

func bytesAsTheyWent(f *fixture) {
	topic := f.topic(1)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	headers := event.Headers{
		{Key: "binary", Value: every}, {Key: "again", Value: []byte("1")}, {Key: "empty", Value: []byte{}},
		{Key: "again", Value: []byte("2")}, {Key: "Käse/ö", Value: []byte("UTF-8 ✓")},
	}
	sent := []*event.Message{
		{Topic: topic, Key: every, Payload: every, Headers: headers, Type: "no transport carries it"},
		{Topic: topic, Key: nil, Payload: []byte("no key")},
		{Topic: topic, Key: []byte{}, Payload: []byte("empty key")},
		{Topic: topic, Key: []byte("tombstone"), Payload: nil},
		{Topic: topic, Key: []byte("empty payload"), Payload: []byte{}},
	}
	g := f.group(topic)
	f.publish(sent...)
	got := f.open(g, topic).take(len(sent), true)
	for _, want := range sent {
		if !slices.ContainsFunc(got, func(d *event.Delivery) bool { return sameMessage(want, &d.Message) }) {
			f.Errorf("nothing like %+v was delivered", *want)
		}
	}
}

// sameMessage compares what a transport must keep of a; nil and empty differ, except
// that a transport may not know the difference in a header's value.
func sameMessage(a, b *event.Message) bool {
	same := func(x, y []byte) bool { return bytes.Equal(x, y) && (x == nil) == (y == nil) }
	return b.Type == "" && same(a.Key, b.Key) && same(a.Payload, b.Payload) &&
		slices.EqualFunc(a.Headers, b.Headers, func(x, y event.Header) bool {
			return x.Key == y.Key && bytes.Equal(x.Value, y.Value)
		})
}

func largePayload(f *fixture) {
	topic := f.topic(1)
	big := make([]byte, f.MaxPayload)
	for i := range big {
		big[i] = byte(f.rand.Uint32())
	}
	g := f.group(topic)
	f.publish(&event.Message{Topic: topic, Key: []byte("big"), Payload: big})
	d := f.open(g, topic).take(1, true)[0]
	if !bytes.Equal(d.Payload, big) {
		f.Errorf("%d bytes were delivered that differ from the %d published", len(d.Payload), len(big))
	}
}

func publishError(f *fixture) {
	topic := f.topic(1)
	if err := f.bus.Close(f.ctx); err != nil {
		f.Fatalf("close: %v", err)
	}
	m := &event.Message{Topic: topic, Payload: []byte("x")}
	err := f.bus.Publish(f.ctx, m, m)
	var pe *event.PublishError
	if !errors.As(err, &pe) {
		f.Fatalf("publish on a closed bus: %v, want an *event.PublishError", err)
	}
	if len(pe.Failed) != 2 || pe.Failed[0].Index != 0 || pe.Failed[1].Index != 1 || pe.Failed[0].Message != m {
		f.Errorf("publish error names %+v, want both messages", pe.Failed)
	}
	if err := f.bus.Close(f.ctx); err != nil {
		f.Errorf("second close: %v, want none", err)
	}
}

func receiveEnds(f *fixture) {
	m := f.open(f.bus.Group(f.name("group")), f.topic(1))
	ctx, cancel := context.WithCancel(f.ctx)
	done := make(chan error, 1)
	go func() {
		_, err := m.src.Receive(ctx)
		done <- err
	}()
	cancel()
	select {
	case err := <-done:
		if !isEnd(err) {
			f.Errorf("receive after its context ended: %v, want the context's error", err)
		}
	case <-f.ctx.Done():
		f.Error("receive did not return after its context ended")
	}
}

func outlive(f *fixture) {
	const n = 20
	topic := f.topic(1)
	g := f.group(topic)
	f.numbered(topic, n, 3)
	first := f.open(g, topic)
	f.all(first.take(n, false), n)
	first.close()
	if err := f.bus.Close(f.ctx); err != nil {
		f.Fatalf("close: %v", err)
	}
	f.bus = f.Reconnect(f.T)
	again := f.bus
	f.Cleanup(func() { _ = again.Close(context.WithoutCancel(f.ctx)) })
	f.all(f.open(f.bus.Group(g.Name()), topic).take(n, true), n)
}

// pauseOneLane pauses the first lane that delivers: what is published to another
// lane still arrives, and after Resume everything of the paused one.
func pauseOneLane(f *fixture) {
	const n = 400
	topic := f.topic(2)
	g := f.group(topic)
	f.numbered(topic, n/2, 50)
	m := f.open(g, topic)
	first := m.receive()
	first.Lane.Pause()
	for i := n / 2; i < n; i++ {
		f.publish(&event.Message{Topic: topic, Key: fmt.Appendf(nil, "k%d", i%50), Payload: fmt.Appendf(nil, "%d", i)})
	}
	got := first.Deliveries
	for other := false; !other; {
		b := m.receive()
		got = append(got, b.Deliveries...)
		other = b.Lane != first.Lane
	}
	first.Lane.Resume()
	if rest := n - len(got); rest > 0 {
		got = append(got, m.take(rest, true)...)
	}
	f.all(got, n)
}

// closeWaits closes the bus while publishers are at work: whatever they were told
// is stored, is.
func closeWaits(f *fixture) {
	topic := f.topic(2)
	g := f.group(topic)
	var mu sync.Mutex
	stored := map[string]bool{}
	begun := make(chan struct{}, 4)
	var publishers sync.WaitGroup
	for p := range 4 {
		publishers.Go(func() {
			for i := range 1 << 20 {
				m := &event.Message{Topic: topic, Key: fmt.Appendf(nil, "k%d", p), Payload: fmt.Appendf(nil, "%d-%d", p, i)}
				if err := f.bus.Publish(f.ctx, m); err != nil {
					return
				}
				mu.Lock()
				stored[string(m.Payload)] = true
				mu.Unlock()
				if i == 20 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range 4 {
		select {
		case <-begun:
		case <-f.ctx.Done():
			f.Fatal("the publishers did not get 20 messages stored")
		}
	}
	if err := f.bus.Close(f.ctx); err != nil {
		f.Fatalf("close: %v", err)
	}
	publishers.Wait()
	f.bus = f.Reconnect(f.T)
	again := f.bus
	f.Cleanup(func() { _ = again.Close(context.WithoutCancel(f.ctx)) })
	m := f.open(f.bus.Group(g.Name()), topic)
	for len(stored) > 0 {
		for _, d := range m.take(1, true) {
			delete(stored, string(d.Payload))
		}
	}
}

func browse(f *fixture) {
	const n = 100
	br, ok := f.bus.(event.Browser)
	if !ok {
		return
	}
	topic := f.topic(2)
	if f.BrowseDeadLetters {
		origin := topic
		topic = event.DeadLetterTopic(origin, f.name("group"))
		if err := f.bus.(event.TopicMaker).MakeTopic(f.ctx, topic, origin); err != nil {
			f.Fatalf("make the dead-letter topic: %v", err)
		}
	}
	g := f.group(topic)
	f.numbered(topic, n, 7)
	var ds []*event.Delivery
	next := map[int32]int64{}
	err := br.Browse(f.ctx, topic, nil, func(d *event.Delivery) bool {
		ds = append(ds, d)
		next[d.Partition] = d.Offset + 1
		return true
	})
	if err != nil {
		f.Fatalf("browse: %v", err)
	}
	f.all(ds, n)
	f.inOrder(ds)
	err = br.Browse(f.ctx, topic, next, func(d *event.Delivery) bool {
		f.Errorf("browse from the end gives partition %d offset %d", d.Partition, d.Offset)
		return true
	})
	if err != nil {
		f.Errorf("browse from the end: %v", err)
	}
	calls := 0
	err = br.Browse(f.ctx, topic, nil, func(*event.Delivery) bool { calls++; return calls < 3 })
	if err != nil || calls != 3 {
		f.Errorf("browse that is stopped after 3: %d calls, error %v", calls, err)
	}
	if err := br.Browse(f.ctx, f.name("nothing"), nil, func(*event.Delivery) bool { return true }); err != nil {
		f.Errorf("browse of a topic that does not exist: %v, want no messages", err)
	}
	f.all(f.open(g, topic).take(n, true), n)
}
