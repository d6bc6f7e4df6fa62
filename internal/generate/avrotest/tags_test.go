package avrotest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	hamba "github.com/hamba/avro/v2"

	kindsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/kinds/v1"
)

// Other libraries use the types through their tags, and agree with our methods.
func TestTagsServeOtherLibraries(t *testing.T) {
	t.Parallel()
	v := &kindsv1.Plain{
		ID: "p", Count: -5, Size: 1 << 33, Ratio: 0.5, Weight: -0.25, Ok: true, Raw: []byte{1}, At: time.UnixMilli(1700000000123).UTC(),
		ExactAt: time.UnixMicro(-1).UTC(), Day: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC), Mood: kindsv1.MoodSad, Hash: kindsv1.Hash{1, 2, 3, 4},
		Note: ptr("n"), Tags: []string{"a", "b"}, Extra: map[string]int64{"k": 3}, Inner: kindsv1.PlainInner{X: 1}, More: []kindsv1.PlainInner{{X: 2}}, Maybe: &kindsv1.PlainInner{X: 3},
	}
	data := encode(t, v)
	s := oracle(t, kindsv1.PlainSchema())
	theirs, err := s.Encode(v)
	if err != nil || string(theirs) != data {
		t.Errorf("twmb/avro writes %x, %v; want %x", theirs, err, data)
	}
	var got kindsv1.Plain
	if _, err := s.Decode([]byte(data), &got); err != nil {
		t.Errorf("twmb/avro: %v", err)
	}
	if diff := cmp.Diff(v, &got); diff != "" {
		t.Errorf("twmb/avro reads (-want +got):\n%s", diff)
	}
	h := hamba.MustParse(kindsv1.PlainSchema().Text)
	got = kindsv1.Plain{}
	if err := hamba.Unmarshal(h, []byte(data), &got); err != nil {
		t.Errorf("hamba/avro: %v", err)
	}
	if diff := cmp.Diff(v, &got); diff != "" {
		t.Errorf("hamba/avro reads (-want +got):\n%s", diff)
	}
	theirs, err = hamba.Marshal(h, v)
	if err == nil {
		err = new(kindsv1.Plain).DecodeAvro(string(theirs))
	}
	if err != nil { // hamba writes blocks with their sizes, so its bytes differ
		t.Errorf("hamba/avro writes %x, %v", theirs, err)
	}
}
