package avrotest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/wireproof/wireproof/codec/decimal"
	eventsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/events/v1"
	kindsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/kinds/v1"
	sharedv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/shared/v1"
)

func ptr[T any](v T) *T { return &v }

var noon = time.Date(2026, 2, 28, 12, 30, 15, 123456789, time.UTC)

// everything returns a value with something in every field, and no map with
// more than one entry, so that its encoding is one.
func everything() *kindsv1.Everything {
	return &kindsv1.Everything{
		Flag: true, Small: -70, Large: 1 << 40, Single: 1.5, Double: -2.25, Raw: []byte{0, 255}, Text: strings.Repeat("long ", 40),
		Colour: kindsv1.ColourDarkBlue, Digest: kindsv1.Digest{1, 2, 3, 4},
		Price: decimal.MustParse("-1234567.89"), Huge: decimal.MustParse("-1234567890123456789012345678901234567890"),
		Packed: decimal.MustParse("-5.125"), AnyScale: decimal.MustParse("3.14159"),
		CustomerID: "6f1c2b9e-0000-4000-8000-0123456789ab",
		Day:        time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC), Opens: 90 * time.Second, Closes: 1500 * time.Microsecond,
		AtMs: noon.Truncate(time.Millisecond), AtUs: noon.Truncate(time.Microsecond), AtNs: noon,
		LocalMs: noon.Truncate(time.Millisecond), LocalUs: noon.Truncate(time.Microsecond), LocalNs: noon,
		Span: kindsv1.Span{11: 9}, MaybeText: ptr(""), MaybeSmall: ptr(int32(5)), MaybeAt: ptr(time.UnixMilli(-1).UTC()),
		MaybePrice: ptr(decimal.MustParse("0.01")), MaybeDigest: &kindsv1.Digest{9}, MaybeColour: ptr(kindsv1.ColourGreen),
		MaybeRaw: []byte{}, MaybeTexts: []string{"a"}, MaybeCounts: map[string]int32{}, MaybePart: &kindsv1.Part{ID: 1},
		Texts: []string{"", "b"}, Digests: []kindsv1.Digest{{5}}, Holes: []*int64{nil, ptr(int64(-9))},
		Grid: [][]int32{nil, {1, 2}, {3}}, Nulls: make([]struct{}, 3),
		Parts:  []kindsv1.Part{{ID: 7, Names: map[string]string{"en": "seven"}}, {}},
		Counts: map[string]int64{"x": -1}, Nested: map[string]map[string][]kindsv1.Colour{"o": {"i": {1, 2}}},
		PartsByName: map[string]kindsv1.Part{"p": {ID: 3}}, JustOne: "one",
		Value: kindsv1.EverythingValueMap{Value: map[string]kindsv1.EverythingValueValue{"k": kindsv1.EverythingValueValueInt{Value: 4}}},
		Values: []kindsv1.EverythingValuesItem{
			kindsv1.EverythingValuesItemInt{Value: 1}, kindsv1.EverythingValuesItemString{Value: "s"}, kindsv1.EverythingValuesItemLong{Value: noon.Truncate(time.Millisecond)},
		},
	}
}

// variants returns everything with each branch of its union.
func variants() []*kindsv1.Everything {
	var out []*kindsv1.Everything
	for _, v := range []kindsv1.EverythingValue{
		nil, kindsv1.EverythingValueBoolean{Value: true}, kindsv1.EverythingValueLong{Value: -1}, kindsv1.EverythingValueDouble{Value: 0.5},
		kindsv1.EverythingValueString{Value: "s"}, kindsv1.EverythingValueBytes{Value: []byte("b")}, &kindsv1.Part{ID: 2},
		kindsv1.ColourGreen, kindsv1.Digest{1}, kindsv1.EverythingValueArray{Value: []string{"a", "b"}},
		kindsv1.EverythingValueMap{Value: map[string]kindsv1.EverythingValueValue{"null": nil}},
	} {
		e := everything()
		e.Value = v
		out = append(out, e)
	}
	return out
}

func contract() *eventsv1.ContractSigned {
	p := sharedv1.Party{ID: sharedv1.PartyID{15: 7}, Role: sharedv1.RoleInBetween}
	return &eventsv1.ContractSigned{
		Buyer: p, Witness: &p, Subject: eventsv1.ContractSignedSubjectParty{Value: p}, Parties: []sharedv1.Party{p, {}},
	}
}

// tree returns a random tree.
func tree(rng *rand.Rand, depth int) kindsv1.Tree {
	t := kindsv1.Tree{Value: rng.Int64() >> rng.IntN(64)}
	if depth == 0 {
		return t
	}
	if rng.IntN(2) == 0 {
		t.Left = ptr(tree(rng, depth-1))
	}
	for range rng.IntN(3) {
		t.Children = append(t.Children, tree(rng, depth-1))
	}
	for i := range rng.IntN(3) {
		if t.ByName == nil {
			t.ByName = map[string]kindsv1.Tree{}
		}
		t.ByName[fmt.Sprint(i)] = tree(rng, depth-1)
	}
	switch rng.IntN(3) {
	case 0:
		t.Either = ptr(tree(rng, depth-1))
	case 1:
		t.Either = &kindsv1.Leaf{Of: ptr(tree(rng, depth-1))}
	}
	return t
}
