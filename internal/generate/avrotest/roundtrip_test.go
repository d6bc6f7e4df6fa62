package avrotest_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/codec/avrowire"
	"github.com/wireproof/wireproof/codec/decimal"
	eventsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/events/v1"
	kindsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/kinds/v1"
	sharedv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/shared/v1"
)

// value is a pointer to a generated record.
type value[T any] interface {
	*T
	AppendAvro([]byte) ([]byte, error)
	DecodeAvro(string) error
}

func encode[T any, P value[T]](t *testing.T, v P) string {
	t.Helper()
	b, err := v.AppendAvro([]byte("before"))
	if err != nil {
		t.Fatalf("AppendAvro = %v", err)
	}
	data, ok := strings.CutPrefix(string(b), "before")
	if !ok {
		t.Fatalf("AppendAvro changed what was there: %q", b)
	}
	return data
}

// check holds the laws of every value: it comes back as it was, no part of its
// encoding is one, and neither is anything longer.
func check[T any, P value[T]](t *testing.T, v P) {
	t.Helper()
	data := encode[T, P](t, v)
	var got T
	if err := P(&got).DecodeAvro(data); err != nil {
		t.Fatalf("DecodeAvro = %v", err)
	}
	if diff := cmp.Diff((*T)(v), &got); diff != "" {
		t.Errorf("came back otherwise (-want +got):\n%s", diff)
	}
	for n := range len(data) {
		var e *avrowire.Error
		if err := P(new(T)).DecodeAvro(data[:n]); !errors.As(err, &e) || e.Offset > n {
			t.Fatalf("DecodeAvro of %d of %d bytes = %v, want an Error with an offset", n, len(data), err)
		}
	}
	if err := P(new(T)).DecodeAvro(data + "\x00"); err == nil {
		t.Error("DecodeAvro accepts a byte after the value")
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, v := range variants() {
		check(t, v)
	}
	zero := &kindsv1.Everything{AtNs: time.Unix(0, 0).UTC(), LocalNs: time.Unix(0, 0).UTC(), Raw: []byte{}, Day: time.Unix(0, 0).UTC()}
	zero.AtMs, zero.AtUs, zero.LocalMs, zero.LocalUs = zero.Day, zero.Day, zero.Day, zero.Day
	check(t, zero)
	check(t, contract())
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		x := tree(rng, 4)
		data := encode(t, &x)
		var got kindsv1.Tree
		if err := got.DecodeAvro(data); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(x, got); diff != "" {
			t.Errorf("tree came back otherwise:\n%s", diff)
		}
	}
}

func TestUnionOfForeignTypes(t *testing.T) {
	t.Parallel()
	for _, s := range []eventsv1.ContractSignedSubject{
		eventsv1.ContractSignedSubjectRole{Value: sharedv1.RoleSeller}, eventsv1.ContractSignedSubjectPartyID{Value: sharedv1.PartyID{1}},
		eventsv1.ContractSignedSubjectString{Value: "x"}, eventsv1.ContractSignedSubjectLong{Value: 1},
	} {
		c := contract()
		c.Subject = s
		check(t, c)
	}
}

func TestRefusedValues(t *testing.T) {
	t.Parallel()
	for path, spoil := range map[string]func(*kindsv1.Everything){
		"colour":              func(e *kindsv1.Everything) { e.Colour = 3 },
		"price":               func(e *kindsv1.Everything) { e.Price = decimal.MustParse("0.001") },
		"huge":                func(e *kindsv1.Everything) { e.Huge = decimal.MustParse("1" + strings.Repeat("0", 40)) },
		"packed":              func(e *kindsv1.Everything) { e.Packed = decimal.MustParse("1000000000000") },
		"at_ns":               func(e *kindsv1.Everything) { e.AtNs = time.Time{} },
		"day":                 func(e *kindsv1.Everything) { e.Day = time.Unix(math.MaxInt64/2, 0) },
		"opens":               func(e *kindsv1.Everything) { e.Opens = 24 * time.Hour },
		"closes":              func(e *kindsv1.Everything) { e.Closes = -time.Nanosecond },
		"at_ms":               func(e *kindsv1.Everything) { e.AtMs = time.Unix(math.MaxInt64/1000+1, 0) },
		"at_us":               func(e *kindsv1.Everything) { e.AtUs = time.Unix(math.MinInt64/1000000-1, 0) },
		"local_ms":            func(e *kindsv1.Everything) { e.LocalMs = time.Unix(math.MinInt64/1000-1, 0) },
		"local_us":            func(e *kindsv1.Everything) { e.LocalUs = time.UnixMicro(math.MaxInt64).Add(time.Microsecond) },
		"maybe_at":            func(e *kindsv1.Everything) { e.MaybeAt = ptr(time.Unix(1<<62, 0)) },
		"any_scale":           func(e *kindsv1.Everything) { e.AnyScale = decimal.MustParse("1" + strings.Repeat("0", 9999)) },
		"value":               func(e *kindsv1.Everything) { e.Value = (*kindsv1.Part)(nil) },
		"values[0]":           func(e *kindsv1.Everything) { e.Values[0] = nil },
		`nested["o"]["i"][1]`: func(e *kindsv1.Everything) { e.Nested["o"]["i"][1] = -1 },
		"maybe_colour":        func(e *kindsv1.Everything) { e.MaybeColour = ptr(kindsv1.Colour(99)) },
	} {
		e := everything()
		spoil(e)
		dst := []byte("before")
		got, err := e.AppendAvro(dst)
		var ae *avrowire.Error
		if !errors.As(err, &ae) || ae.Path != path || ae.Offset != -1 {
			t.Errorf("%s: AppendAvro = %v, want an Error with that path", path, err)
		}
		if string(got) != "before" {
			t.Errorf("%s: AppendAvro returned %q, want dst as it was", path, got)
		}
	}
	if _, err := (*kindsv1.Everything)(nil).AppendAvro(nil); err == nil {
		t.Error("a nil record was encoded")
	}
	if _, err := (&kindsv1.Order{Choice: new(kindsv1.Line)}).AppendAvro(nil); err != nil {
		t.Errorf("the zero Order is not encoded: %v", err)
	}
}

func TestDecodeErrorNamesThePlace(t *testing.T) {
	t.Parallel()
	e := everything()
	data := encode(t, e)
	_, err := e.AppendAvro(nil)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(data, "seven")
	forged := data[:at-1] + "\x7f" + data[at:]
	err = kindsv1.EverythingType().Decode(forged, new(kindsv1.Everything))
	var ae *avrowire.Error
	if !errors.As(err, &ae) || !strings.HasPrefix(ae.Path, `parts[0].names["en"]`) || ae.Offset < at {
		t.Errorf("Decode = %v, want an error at parts[0].names", err)
	}
	err = kindsv1.EverythingType().Decode(data[:1], new(kindsv1.Everything))
	if !errors.As(err, &ae) || ae.Path != "small" {
		t.Errorf("Decode = %v, want an error at small", err)
	}
}

func TestCyclesAndDepth(t *testing.T) {
	t.Parallel()
	cycle := &kindsv1.Tree{}
	cycle.Left = cycle
	if _, err := cycle.AppendAvro(nil); err == nil || !strings.Contains(err.Error(), "contain itself") {
		t.Errorf("AppendAvro of a cycle = %v", err)
	}
	deep := strings.Repeat("\x00\x02", 1<<20) // value 0, left is a Tree, and so on
	if err := new(kindsv1.Tree).DecodeAvro(deep); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("DecodeAvro of a million levels = %v", err)
	}
	if err := kindsv1.TreeType().Decode(deep, new(kindsv1.Tree)); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("Decode of a million levels = %v", err)
	}
}

func TestEnum(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(map[kindsv1.Colour]kindsv1.Colour{kindsv1.ColourRed: kindsv1.ColourDarkBlue})
	if err != nil || string(b) != `{"RED":"DARK_BLUE"}` {
		t.Errorf("Marshal = %s, %v", b, err)
	}
	var c kindsv1.Colour
	if err := c.UnmarshalText([]byte("GREEN")); err != nil || c != kindsv1.ColourGreen {
		t.Errorf("UnmarshalText = %v, %v", c, err)
	}
	if err := c.UnmarshalText([]byte("green")); err == nil || c != kindsv1.ColourGreen {
		t.Errorf("UnmarshalText of what is no symbol = %v, %v", c, err)
	}
	if _, err := kindsv1.Colour(7).MarshalText(); err == nil || kindsv1.Colour(7).String() != "Colour(7)" {
		t.Errorf("a number without symbol: %v, %v", kindsv1.Colour(7), err)
	}
}

func TestTimesKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	e := everything()
	east := time.FixedZone("east", 9*3600)
	local := time.Date(2026, 1, 1, 3, 4, 5, 0, east)
	e.AtMs, e.LocalMs, e.Day = local, local, local
	var got kindsv1.Everything
	if err := got.DecodeAvro(encode(t, e)); err != nil {
		t.Fatal(err)
	}
	if !got.AtMs.Equal(local) {
		t.Errorf("timestamp %v, want the instant %v", got.AtMs, local)
	}
	if want := time.Date(2026, 1, 1, 3, 4, 5, 0, time.UTC); got.LocalMs != want {
		t.Errorf("local timestamp %v, want what the clock showed, %v", got.LocalMs, want)
	}
	if want := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); got.Day != want {
		t.Errorf("date %v, want what the calendar showed, %v", got.Day, want)
	}
}
