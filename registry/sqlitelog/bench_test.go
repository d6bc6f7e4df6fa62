package sqlitelog_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/sqlitelog"
)

// avroOf returns a small schema that no other call returns.
func avroOf(n int) string {
	return fmt.Sprintf(`{"type":"record","name":"Event%d","namespace":"com.example","fields":[{"name":"id","type":"string"},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"amount","type":"double","default":0}]}`, n)
}

func openReal(tb testing.TB, path string) (*registry.Registry, func()) {
	tb.Helper()
	log, err := sqlitelog.Open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	reg, err := registry.Open(tb.Context(), log, all.Languages(), registry.Rules(compat.Default()), registry.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return reg, func() { reg.Close(); log.Close() }
}

// BenchmarkDurableRegister registers new schemas, each on a subject of its own,
// with so many clients at once. The figure that counts is durable/s.
func BenchmarkDurableRegister(b *testing.B) {
	for _, writers := range []int{1, 20, 200} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			reg, done := openReal(b, filepath.Join(b.TempDir(), "log.db"))
			defer done()
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for {
						n := int(next.Add(1))
						if n > b.N {
							return
						}
						what := registry.Registration{Subject: fmt.Sprintf("s%d-value", n), Request: api.RegisterRequest{Schema: avroOf(n)}}
						if _, err := reg.Register(context.Background(), what); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "durable/s")
		})
	}
}

// BenchmarkStart opens a log and a registry on it, as a server does.
func BenchmarkStart(b *testing.B) {
	for _, schemas := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("schemas=%d", schemas), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "log.db")
			fill(b, path, schemas)
			b.ReportAllocs()
			for b.Loop() {
				reg, done := openReal(b, path)
				if got := reg.Stats().Versions; got != schemas {
					b.Fatalf("%d versions, want %d", got, schemas)
				}
				done()
			}
		})
	}
}

// fill writes what a registry would write.
func fill(tb testing.TB, path string, schemas int) {
	tb.Helper()
	log, err := sqlitelog.Open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	defer log.Close()
	var records []registry.Record
	for n := range schemas {
		records = append(records, registry.Record{
			Kind: registry.SchemaRecord, Subject: fmt.Sprintf("s%d-value", n), Version: 1, ID: n + 1, Time: 1_700_000_000_000,
			Schema: &registry.StoredSchema{Type: "AVRO", Text: avroOf(n)},
		})
	}
	if _, err := log.Append(tb.Context(), 0, records); err != nil {
		tb.Fatal(err)
	}
}
