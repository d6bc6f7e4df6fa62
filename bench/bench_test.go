package bench_test

import (
	"testing"

	"github.com/wireproof/wireproof/bench"
	"github.com/wireproof/wireproof/registry/registrytest"
)

func serdes(t testing.TB) []bench.Serde {
	t.Helper()
	all, err := bench.Serdes(t.Context(), registrytest.New(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Whoever wrote an event, everybody reads it: the comparison is of like with like.
func TestEverybodyReadsEverybody(t *testing.T) {
	t.Parallel()
	all := serdes(t)
	for _, writer := range all {
		data, err := writer.Encode()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s, %s: %d bytes", writer.Event, writer.Name, len(data))
		for _, reader := range all {
			if reader.Event != writer.Event {
				continue
			}
			if err := reader.Decode(data); err != nil {
				t.Errorf("%s: %s cannot read what %s wrote: %v", writer.Event, reader.Name, writer.Name, err)
			}
		}
	}
}

// Budgets that do not depend on the machine.
func TestAllocations(t *testing.T) {
	for _, s := range serdes(t) {
		if !s.Ours || s.Name != "wireproof, generated" {
			continue
		}
		data, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(1000, func() { _, _ = s.Encode() }); n != 0 {
			t.Errorf("%s: Encode makes %v allocations, want 0", s.Event, n)
		}
		t.Logf("%s: Decode makes %v allocations", s.Event, testing.AllocsPerRun(1000, func() { _ = s.Decode(data) }))
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, s := range serdes(b) {
		b.Run(s.Event+"/"+s.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Encode()
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, s := range serdes(b) {
		data, err := s.Encode()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(s.Event+"/"+s.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Decode(data)
			}
		})
	}
}
