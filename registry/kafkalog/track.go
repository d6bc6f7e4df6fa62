package kafkalog

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// A track is what this server knows about the topic as such, apart from what its
// records say. It is fed with whatever is read and takes what continues it.
type track struct {
	logger *slog.Logger

	mu  sync.Mutex // guards the fields below
	pos int64      // everything before was seen
	end int64      // after the last message that counts
	// dirty are the keys whose last message was given up: servers that read what
	// is not committed believe it.
	dirty map[string]bool
	// spellings are the bytes of keys that this package spells differently, by
	// its own bytes. To compaction they are other keys.
	spellings map[string]map[string]bool
	skipped   int // messages that say nothing to us
}

func newTrack(logger *slog.Logger) *track {
	return &track{logger: logger, dirty: map[string]bool{}, spellings: map[string]map[string]bool{}}
}

// observe takes a page that was read from a place on.
func (t *track) observe(from int64, p page) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from > t.pos {
		return
	}
	for _, m := range p.messages {
		if m.offset >= t.pos {
			t.see(m)
		}
	}
	t.pos = max(t.pos, p.next)
}

func (t *track) see(m found) {
	if m.aborted {
		t.dirty[string(m.key)] = true
		return
	}
	t.end = m.offset + 1
	delete(t.dirty, string(m.key))
	if _, err := decode(m.message); err != nil {
		t.skipped++
		t.logger.Warn("a record of the topic was skipped", "offset", m.offset, "error", err)
		return
	}
	key, err := decodeKey(m.key)
	if err != nil {
		return
	}
	ours, theirs := key.canonical(), string(m.key)
	switch {
	case ours == theirs:
	case m.value == nil:
		delete(t.spellings[ours], theirs)
	default:
		if t.spellings[ours] == nil {
			t.spellings[ours] = map[string]bool{}
		}
		t.spellings[ours][theirs] = true
	}
}

// dirtyKeys returns the keys that have to be written again.
func (t *track) dirtyKeys() map[string]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.dirty)
}

// places returns up to where the topic was seen, and where what counts ends.
func (t *track) places() (pos, end int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pos, t.end
}

// withSpellings puts tombstones for other spellings of a key before a tombstone
// for it. Compaction forgets a tombstone, and would bring an older message under
// another spelling back.
func (t *track) withSpellings(messages []message) []message {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.spellings) == 0 {
		return messages
	}
	var out []message
	for _, m := range messages {
		if m.value == nil {
			for _, other := range slices.Sorted(maps.Keys(t.spellings[string(m.key)])) {
				if slices.ContainsFunc(messages, func(m message) bool { return string(m.key) == other }) {
					continue
				}
				out = append(out, message{key: []byte(other), time: m.time})
			}
		}
		out = append(out, m)
	}
	return out
}

// contains reports whether a scope, as CLEAR_SUBJECT has it, holds a subject.
func contains(scope, subject string) bool {
	switch {
	case scope == "" || scope == ":.__GLOBAL:":
		return true
	case strings.HasPrefix(scope, ":.") && strings.HasSuffix(scope, ":"):
		return strings.HasPrefix(subject, scope)
	}
	return scope == subject
}

// backoff is how long to wait before another try.
func backoff(try int) time.Duration {
	return min(5*time.Millisecond<<min(try, 6), 250*time.Millisecond)
}
