package registrytest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// OpenReal opens a registry with all languages and rules, as a server does.
func OpenReal(ctx context.Context, log registry.Log) (*registry.Registry, error) {
	return registry.Open(ctx, log, all.Lenient(), registry.Rules(compat.Default()), registry.Options{})
}

// AvroOf returns a small Avro schema, another one for each n.
func AvroOf(n int) string {
	return fmt.Sprintf(`{"type":"record","name":"Event%d","namespace":"com.example","fields":[{"name":"id","type":"string"},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"amount","type":"double","default":0}]}`, n)
}

// BenchmarkRegister registers new schemas, each on a subject of its own, with 1,
// 20 and 200 clients at once. The figure that counts is durable/s. newStore is as
// for [TestLog].
func BenchmarkRegister(b *testing.B, newStore func(b *testing.B) registry.Log) {
	for _, writers := range []int{1, 20, 200} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			reg, err := OpenReal(b.Context(), newStore(b))
			if err != nil {
				b.Fatal(err)
			}
			defer reg.Close()
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for n := int(next.Add(1)); n <= b.N; n = int(next.Add(1)) {
						what := registry.Registration{Subject: fmt.Sprintf("s%d-value", n), Request: api.RegisterRequest{Schema: AvroOf(n)}}
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
