package protofast

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestVarintsCross(t *testing.T) {
	for shift := range 64 {
		for _, v := range []uint64{1 << shift, 1<<shift - 1, math.MaxUint64 >> shift} {
			want := protowire.AppendVarint(nil, v)
			if got := AppendUvarint(nil, v); !bytes.Equal(got, want) {
				t.Errorf("%d: appended %x, want %x", v, got, want)
			}
			got, n := Uvarint(string(want), 0)
			if got != v || n != len(want) {
				t.Errorf("%d: read %d and %d bytes", v, got, n)
			}
			for cut := range want {
				if _, n := Uvarint(string(want[:cut]), 0); n >= 0 {
					t.Errorf("%d cut off at %d was read", v, cut)
				}
			}
		}
	}
}

func TestCloseMovesLongBodies(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 16383, 16384, 1 << 21} {
		body := strings.Repeat("x", n)
		dst := append([]byte("head"), 0)
		dst = Close(append(dst, body...), 5)
		got, end := Bytes(string(dst), 4)
		if got != body || end != len(dst) {
			t.Errorf("a body of %d bytes: %d bytes came back, %d of %d read", n, len(got), end, len(dst))
		}
	}
}

// FuzzSkip holds that fields are skipped exactly as protowire skips them.
func FuzzSkip(f *testing.F) {
	f.Add([]byte{0x08, 0x96, 0x01})
	f.Add([]byte{0x0b, 0x13, 0x14, 0x0c})
	f.Add([]byte{0x0b, 0x14})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, data []byte) {
		num, _, want := protowire.ConsumeField(data)
		if num > protowire.MaxValidNumber {
			want = -1 // refused by google's decoder before it skips
		}
		tag, n := Tag(string(data), 0)
		if n >= 0 {
			n = Skip(string(data), n, tag)
		}
		if (want < 0) != (n < 0) || want >= 0 && n != want {
			t.Fatalf("Skip stops at %d, protowire at %d", n, want)
		}
	})
}

func TestTextMustBeUTF8(t *testing.T) {
	for _, s := range []string{"", "plain", "é", strings.Repeat("long ", 40), strings.Repeat("long ", 40) + "é"} {
		if got, n := Text(string(AppendString(nil, s)), 0); got != s || n < 0 {
			t.Errorf("%q: read %q", s, got)
		}
	}
	for _, s := range []string{"\xff", "\xc3", strings.Repeat("x", 100) + "\xed\xa0\x80"} {
		_, n := Text(string(AppendString(nil, s)), 0)
		if err := Fail("a.M", "f", 3, n); !errors.Is(err, ErrUTF8) || err.Error() != "a.M.f at offset 3: "+ErrUTF8.Error() {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestErrorsNameTheirCause(t *testing.T) {
	for cause, data := range map[error]string{
		ErrTruncated: "\x80", ErrVarint: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", ErrTag: "\x00",
	} {
		_, n := Tag(data, 0)
		if err := Inside("a.Outer", "m", 1, Fail("a.M", "", 0, n)); !errors.Is(err, cause) {
			t.Errorf("%x: %v, want %v", data, err, cause)
		}
	}
	if err := TooDeep("a.M"); !errors.Is(err, ErrDepth) {
		t.Error(err)
	}
}

func TestTimesCross(t *testing.T) {
	for _, n := range [][2]int64{{0, 0}, {1, 0}, {0, 1}, {-1, -5}, {math.MinInt64, math.MaxInt32}} {
		ts := &timestamppb.Timestamp{Seconds: n[0], Nanos: int32(n[1])}
		want, err := proto.Marshal(ts)
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendTimestamp(nil, ts); !bytes.Equal(got, want) {
			t.Errorf("%v: %x, want %x", ts, got, want)
		}
		if got := AppendDuration(nil, &durationpb.Duration{Seconds: n[0], Nanos: int32(n[1])}); !bytes.Equal(got, want) {
			t.Errorf("duration %v: %x, want %x", ts, got, want)
		}
		var back timestamppb.Timestamp
		if err := MergeTimestamp(&back, string(want)); err != nil || !proto.Equal(&back, ts) {
			t.Errorf("%v came back as %v, %v", ts, &back, err)
		}
	}
	var d durationpb.Duration
	unknown := "\x08\x02\x1a\x01x"
	if err := MergeDuration(&d, unknown); err != nil || string(AppendDuration(nil, &d)) != unknown {
		t.Errorf("unknown fields: %v, %v", &d, err)
	}
	if err := MergeDuration(&d, "\x08"); err == nil {
		t.Error("a value that is cut off was read")
	}
	if got := AppendTimestamp([]byte("x"), nil); string(got) != "x" {
		t.Errorf("nil appends %q", got)
	}
}

func TestKeysAreSorted(t *testing.T) {
	got := Keys(map[int32]bool{3: true, -1: true, 2: false}, nil)
	if len(got) != 3 || got[0] != -1 || got[1] != 2 || got[2] != 3 {
		t.Errorf("got %v", got)
	}
}

func TestReflectionFallsBackCleanly(t *testing.T) {
	ts := timestamppb.New(timestamppb.Now().AsTime())
	data, err := AppendMessage([]byte("x"), ts)
	if err != nil || data[0] != 'x' {
		t.Fatal(err)
	}
	var back timestamppb.Timestamp
	if err := MergeMessage(&back, string(data[1:])); err != nil || !proto.Equal(ts, &back) {
		t.Errorf("got %v, %v", &back, err)
	}
}

// What went wrong stays in sight, however deep the message that it is in.
func TestErrorsOfDeepMessagesAreShort(t *testing.T) {
	err := Fail("a.Tree", "text", 3, badUTF8)
	for range MaxDepth {
		err = Inside("a.Tree", "child", 0, err)
	}
	text := err.Error()
	if len(text) > 1000 || !errors.Is(err, ErrUTF8) || !strings.HasSuffix(text, ErrUTF8.Error()) || !strings.HasPrefix(text, "a.Tree.child at offset 0: ") {
		t.Errorf("an error of %d bytes: %.200s", len(text), text)
	}
}
