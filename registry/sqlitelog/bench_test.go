package sqlitelog_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/registry/sqlitelog"
)

func BenchmarkDurableRegister(b *testing.B) {
	registrytest.BenchmarkRegister(b, func(b *testing.B) registry.Log {
		log, err := sqlitelog.Open(b.Context(), filepath.Join(b.TempDir(), "log.db"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { log.Close() })
		return log
	})
}

// BenchmarkStart opens a log and a registry on it, as a server does.
func BenchmarkStart(b *testing.B) {
	for _, schemas := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("schemas=%d", schemas), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "log.db")
			fill(b, path, schemas)
			b.ReportAllocs()
			for b.Loop() {
				log, err := sqlitelog.Open(b.Context(), path)
				if err != nil {
					b.Fatal(err)
				}
				reg, err := registrytest.OpenReal(b.Context(), log)
				if err != nil {
					b.Fatal(err)
				}
				if got := reg.Stats().Versions; got != schemas {
					b.Fatalf("%d versions, want %d", got, schemas)
				}
				reg.Close()
				log.Close()
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
			Schema: &registry.StoredSchema{Type: "AVRO", Text: registrytest.AvroOf(n)},
		})
	}
	if _, err := log.Append(tb.Context(), 0, records); err != nil {
		tb.Fatal(err)
	}
}
