package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/wireproof/wireproof/registry"
)

// Log returns a log that counts what goes through it. It is a
// [registry.Watcher] if l is one.
func (m *Metrics) Log(l registry.Log) registry.Log {
	counted := &countedLog{l, m}
	if w, ok := l.(registry.Watcher); ok {
		return &watchedLog{counted, w}
	}
	return counted
}

type countedLog struct {
	log registry.Log
	m   *Metrics
}

type watchedLog struct {
	*countedLog
	registry.Watcher
}

// Append implements [registry.Log].
func (c *countedLog) Append(ctx context.Context, at registry.Offset, records []registry.Record) (registry.Offset, error) {
	start := time.Now()
	next, err := c.log.Append(ctx, at, records)
	c.observe("append", start, err)
	if err == nil {
		c.m.written(records)
	}
	return next, err
}

// ReadFrom implements [registry.Log].
func (c *countedLog) ReadFrom(ctx context.Context, at registry.Offset) ([]registry.Record, registry.Offset, error) {
	start := time.Now()
	records, next, err := c.log.ReadFrom(ctx, at)
	c.observe("read", start, err)
	return records, next, err
}

func (c *countedLog) observe(operation string, start time.Time, err error) {
	result := "error"
	switch {
	case err == nil:
		result = "ok"
	case errors.Is(err, registry.ErrConflict):
		result = "conflict"
	case errors.Is(err, registry.ErrNotLeader):
		result = "not_leader"
	}
	c.m.log.WithLabelValues(operation, result).Observe(time.Since(start).Seconds())
}

// written counts what records state about versions.
func (m *Metrics) written(records []registry.Record) {
	for _, r := range records {
		switch {
		case r.Kind == registry.PurgeRecord:
			m.purged.Inc()
		case r.Kind == registry.SchemaRecord && r.Schema != nil && r.Schema.Deleted:
			m.versions.WithLabelValues(schemaType(r.Schema.Type), "delete").Inc()
		case r.Kind == registry.SchemaRecord && r.Schema != nil:
			m.versions.WithLabelValues(schemaType(r.Schema.Type), "register").Inc()
		}
	}
}

func schemaType(name string) string {
	switch name {
	case "", "AVRO":
		return "avro"
	case "JSON":
		return "json"
	case "PROTOBUF":
		return "protobuf"
	}
	return "other"
}
