package kafkalog

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// A message is a record of the topic. A nil value is a tombstone.
type message struct {
	key, value []byte
	time       int64 // milliseconds since 1970
}

// The key types of the topic.
const (
	schemaType  = "SCHEMA"
	configType  = "CONFIG"
	modeType    = "MODE"
	contextType = "CONTEXT"
	deleteType  = "DELETE_SUBJECT"
	clearType   = "CLEAR_SUBJECT"
	noopType    = "NOOP"
	assocType   = "ASSOC"
)

// The highest id of a context has no counterpart in the format. It is written as
// a context of a tenant of our own: Confluent's server keeps it and, as it serves
// the default tenant only, never shows it.
const (
	defaultTenant  = "default"
	idTenant       = "wireproof"
	defaultContext = "."
)

// A topicKey is the key of a message, in the order of fields that is the
// identity of the key for compaction.
type topicKey struct {
	Type    string `json:"keytype"`
	Tenant  string `json:"tenant,omitempty"`
	Context string `json:"context,omitempty"`
	Subject string `json:"subject,omitempty"`
	Version int    `json:"version,omitempty"`
	Magic   int    `json:"magic"`
}

type schemaValue struct {
	Subject    string          `json:"subject"`
	Version    int             `json:"version"`
	ID         int             `json:"id"`
	MD5        []byte          `json:"md5,omitempty"`
	Type       string          `json:"schemaType,omitempty"`
	References []api.Reference `json:"references,omitempty"`
	Metadata   *api.Metadata   `json:"metadata,omitempty"`
	RuleSet    *api.RuleSet    `json:"ruleSet,omitempty"`
	Text       string          `json:"schema"`
	Deleted    bool            `json:"deleted"`
}

type configValue struct {
	Subject string `json:"subject,omitempty"`
	api.Config
}

type modeValue struct {
	Subject string `json:"subject,omitempty"`
	Mode    string `json:"mode"`
}

type contextValue struct {
	Tenant  string `json:"tenant"`
	Context string `json:"context"`
	MaxID   int    `json:"maxId,omitempty"`
}

type subjectValue struct { // of DELETE_SUBJECT and CLEAR_SUBJECT
	Subject string `json:"subject,omitempty"`
	Version int    `json:"version,omitempty"`
}

// nullSubject is what servers before 6.1 wrote for the settings and the mode of
// the server. Both forms are one key to a reader, and two to compaction.
var nullSubject = map[string]string{
	configType: `{"keytype":"CONFIG","subject":null,"magic":0}`,
	modeType:   `{"keytype":"MODE","subject":null,"magic":0}`,
}

// encode returns the messages that state a record, the last of which is enough
// for a reader.
func encode(r *registry.Record) ([]message, error) {
	key := topicKey{Subject: r.Subject}
	var value any
	switch r.Kind {
	case registry.SchemaRecord:
		s := r.Schema
		if s == nil {
			return nil, errors.New("a schema record holds no schema")
		}
		key.Type, key.Version, key.Magic = schemaType, r.Version, 1
		value = schemaValue{r.Subject, r.Version, r.ID, s.MD5, s.Type, s.References, s.Metadata, s.RuleSet, s.Text, s.Deleted}
	case registry.PurgeRecord:
		key.Type, key.Version, key.Magic = schemaType, r.Version, 1
	case registry.ConfigRecord:
		if key.Type = configType; r.Config != nil {
			value = configValue{r.Subject, *r.Config}
		}
	case registry.ModeRecord:
		if key.Type = modeType; r.Mode != "" {
			value = modeValue{r.Subject, r.Mode}
		}
	case registry.IDRecord:
		context := contextOf(r.Subject)
		key = topicKey{Type: contextType, Tenant: idTenant, Context: context}
		value = contextValue{idTenant, context, r.ID}
	case registry.ContextRecord:
		context := contextOf(r.Subject)
		key = topicKey{Type: contextType, Tenant: defaultTenant, Context: context}
		if !r.Gone {
			value = contextValue{Tenant: defaultTenant, Context: context}
		}
	case registry.DeleteSubjectRecord:
		key.Type, value = deleteType, subjectValue{r.Subject, r.Version}
	case registry.ClearRecord:
		key.Type, value = clearType, subjectValue{Subject: r.Subject}
	default:
		return nil, fmt.Errorf("a record of kind %q has no form in the topic", r.Kind)
	}
	return messagesOf(key, value, r.Time)
}

func messagesOf(key topicKey, value any, time int64) ([]message, error) {
	m := message{time: time}
	var err error
	if m.key, err = marshal(key); err != nil {
		return nil, err
	}
	if value != nil {
		m.value, err = marshal(value)
		return []message{m}, err
	}
	if old, ok := nullSubject[key.Type]; ok && key.Subject == "" {
		// Otherwise the old form comes back once this tombstone is forgotten.
		return []message{{key: []byte(old), time: time}, m}, nil
	}
	return []message{m}, nil
}

// contextOf returns the protocol's name of the context in a qualified name.
func contextOf(subject string) string {
	if rest, ok := strings.CutPrefix(subject, ":."); ok {
		if name, _, ok := strings.Cut(rest, ":"); ok {
			return "." + name
		}
	}
	return defaultContext
}

// scopeOf is the inverse of contextOf.
func scopeOf(context string) string {
	if context == defaultContext {
		return ""
	}
	return ":" + context + ":"
}

// errUnreadable is matched by errors about messages that say nothing to us.
var errUnreadable = errors.New("unreadable")

func unreadable(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errUnreadable, fmt.Errorf(format, args...))
}

// decodeKey reads a key of any server.
func decodeKey(data []byte) (topicKey, error) {
	var key topicKey
	if err := json.Unmarshal(data, &key); err != nil {
		return key, unreadable("the key is not JSON of the expected shape: %w", err)
	}
	switch key.Type {
	case schemaType:
		if key.Version < 1 {
			return key, unreadable("the key of a schema has version %d; expected 1 or more", key.Version)
		}
		if key.Magic == 1 {
			return key, nil
		}
	case configType, modeType, contextType, deleteType, clearType, noopType, assocType:
	default:
		return key, unreadable("key type %q is not known", key.Type)
	}
	if key.Magic != 0 {
		return key, unreadable("a key of type %s has magic %d", key.Type, key.Magic)
	}
	return key, nil
}

// canonical returns the bytes that this package writes for the same key.
func (k topicKey) canonical() string {
	k.Subject = strings.TrimPrefix(k.Subject, ":.:")
	k.Magic = 0
	if k.Type == schemaType {
		k.Magic = 1
	} else {
		k.Version = 0
	}
	data, err := marshal(k)
	if err != nil {
		return "" // strings and numbers always marshal
	}
	return string(data)
}

// decode returns what a message states, which may be nothing. The error matches
// errUnreadable.
func decode(m message) ([]registry.Record, error) {
	key, err := decodeKey(m.key)
	if err != nil {
		return nil, err
	}
	gone := len(m.value) == 0 || string(m.value) == "null"
	r := registry.Record{Subject: key.Subject, Time: m.time}
	switch key.Type {
	case schemaType:
		if r.Version = key.Version; gone {
			r.Kind = registry.PurgeRecord
			break
		}
		err = decodeSchema(m.value, &r)
	case configType:
		if r.Kind = registry.ConfigRecord; !gone {
			var v configValue
			err = read(m.value, &v)
			r.Config = &v.Config
		}
	case modeType:
		if r.Kind = registry.ModeRecord; !gone {
			var v modeValue
			if err = read(m.value, &v); err == nil && v.Mode == "" {
				err = unreadable("the value holds no mode")
			}
			r.Mode = v.Mode
		}
	case contextType:
		return decodeContext(key, m, gone)
	case deleteType, clearType:
		if gone {
			return nil, nil
		}
		var v subjectValue
		err = read(m.value, &v)
		if r.Kind = registry.ClearRecord; key.Type == deleteType {
			r.Kind, r.Version = registry.DeleteSubjectRecord, v.Version
		}
	default: // NOOP and ASSOC
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []registry.Record{r}, nil
}

func decodeSchema(value []byte, r *registry.Record) error {
	var v schemaValue
	if err := read(value, &v); err != nil {
		return err
	}
	r.Kind, r.ID = registry.SchemaRecord, v.ID
	r.Schema = &registry.StoredSchema{
		Type: cmp.Or(v.Type, "AVRO"), Text: v.Text, References: v.References, Metadata: v.Metadata,
		RuleSet: v.RuleSet, Deleted: v.Deleted, MD5: v.MD5,
	}
	return nil
}

// decodeContext accepts the highest id in the record of any tenant.
func decodeContext(key topicKey, m message, gone bool) ([]registry.Record, error) {
	context := cmp.Or(key.Context, defaultContext)
	if !strings.HasPrefix(context, ".") || strings.Contains(context, ":") {
		return nil, unreadable("%q is not the name of a context", context)
	}
	var v contextValue
	if !gone {
		if err := read(m.value, &v); err != nil {
			return nil, err
		}
	}
	var out []registry.Record
	scope := scopeOf(context)
	if scope != "" && cmp.Or(key.Tenant, defaultTenant) == defaultTenant {
		out = append(out, registry.Record{Kind: registry.ContextRecord, Subject: scope, Time: m.time, Gone: gone})
	}
	if v.MaxID > 0 || key.Tenant == idTenant && !gone {
		out = append(out, registry.Record{Kind: registry.IDRecord, Subject: scope, ID: v.MaxID, Time: m.time})
	}
	return out, nil
}

func read(value []byte, v any) error {
	if err := json.Unmarshal(value, v); err != nil {
		return unreadable("the value is not JSON of the expected shape: %w", err)
	}
	return nil
}
