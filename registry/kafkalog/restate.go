package kafkalog

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// A statement is what counts of a key.
type statement struct {
	found
	key topicKey
}

// restate returns messages that say once more what counts of the dirty keys. A
// deletion of a whole subject that was given up has changed more in the memory
// of a server that believed it than its own key: so all it touched is stated.
func (l *Log) restate(ctx context.Context, dirty map[string]bool) ([]message, error) {
	var scopes []string
	for raw := range dirty {
		if key, err := decodeKey([]byte(raw)); err == nil && (key.Type == deleteType || key.Type == clearType) {
			scopes = append(scopes, key.Subject)
		}
	}
	counts := map[string]*statement{}
	_, err := l.scan(ctx, 0, func(m found) {
		if m.aborted {
			return
		}
		key, err := decodeKey(m.key)
		touched := err == nil && key.Type == schemaType && slices.ContainsFunc(scopes, func(s string) bool { return contains(s, key.Subject) })
		if dirty[string(m.key)] || touched {
			counts[string(m.key)] = &statement{m, key}
		}
		if err == nil && m.value != nil && (key.Type == deleteType || key.Type == clearType) {
			for _, s := range counts {
				s.meet(key, m.value)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var out []message
	for _, raw := range slices.Sorted(maps.Keys(dirty)) {
		if counts[raw] == nil {
			out = append(out, message{key: []byte(raw), time: time.Now().UnixMilli()})
		}
	}
	for _, s := range slices.SortedFunc(maps.Values(counts), func(a, b *statement) int { return cmp.Compare(a.offset, b.offset) }) {
		out = append(out, s.message)
	}
	return out, nil
}

// meet lets a later deletion of the subject change what is stated of a version:
// stated again after it, the version would come back.
func (s *statement) meet(key topicKey, value []byte) {
	if s.key.Type != schemaType || s.value == nil {
		return
	}
	var v schemaValue
	var deletion subjectValue
	if json.Unmarshal(s.value, &v) != nil || json.Unmarshal(value, &deletion) != nil {
		return
	}
	switch {
	case key.Type == clearType && v.Deleted && contains(key.Subject, s.key.Subject):
		s.value = nil
	case key.Type == deleteType && key.Subject == s.key.Subject && s.key.Version <= deletion.Version && !v.Deleted:
		v.Deleted = true
		if data, err := marshal(v); err == nil {
			s.value = data
		}
	}
}
