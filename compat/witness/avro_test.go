package witness_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	twmb "github.com/twmb/avro"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/witness"
	"github.com/wireproof/wireproof/internal/randavro"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// soak is whether the long runs are asked for.
func soak() bool { return os.Getenv("WIREPROOF_SOAK") == "1" }

// avroPairs is how many pairs the shortened law of Avro takes.
const avroPairs = 1500

// count is how many pairs are tried, in short and in full.
func count(short, full uint64) uint64 {
	if soak() {
		return full
	}
	return short
}

// messages is how many a pair without findings has to cross.
func messages() int {
	if soak() {
		return 10_000
	}
	return 300
}

func parseAvro(path, text string) (*avro.Schema, error) {
	return avro.Parse(lang.Source{Type: lang.Avro, Path: path, Text: text})
}

// unreadable reports whether a finding claims data that cannot be read.
func unreadable(f *rule.Finding) bool {
	return f.Rule.Severity == rule.Error && f.Breaks&(rule.Readers|rule.OldReaders) != 0
}

// TestAvroWitnesses holds both laws over random pairs: each finding that claims
// unreadable data has a witness, which twmb/avro reads as its writer and refuses as its
// reader; and where there is none, every message crosses, and twmb/avro can resolve it.
func TestAvroWitnesses(t *testing.T) {
	t.Parallel()
	tally := newTally()
	inShards(t, count(avroPairs, 6_000), func(t *testing.T, seed uint64) {
		newText, oldText := randavro.Schema(seed, 1), randavro.Schema(seed, 2)
		newer, err := parseAvro("new.avsc", newText)
		older, err2 := parseAvro("old.avsc", oldText)
		if err != nil || err2 != nil {
			return // a name was changed where another place uses it
		}
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			pair, claims := witness.NewPair(newer, older), 0
			for _, f := range avrorules.Check(newer, older, dir) {
				w, ok := pair.Build(f)
				if unreadable(f) {
					claims++
					if !ok {
						t.Fatalf("seed %d, direction %d: no witness for %s: %s\nnew %s\nold %s", seed, dir, f.Rule.ID, f.Message, newText, oldText)
					}
				}
				if ok {
					tally.addTo(tally.with, f.Rule.ID)
					againstTwmb(t, fmt.Sprintf("seed %d: %s: %s", seed, f.Rule.ID, f.Message), w, newText, oldText, unreadable(f))
				}
			}
			w, err := witness.Prove(newer, older, dir, messages(), seed)
			if err != nil {
				t.Fatal(err)
			}
			if (w != nil) != (claims > 0) {
				t.Fatalf("seed %d, direction %d: %d findings, and the proof gives %+v\nnew %s\nold %s", seed, dir, claims, w, newText, oldText)
			}
			if w == nil {
				tally.add(&tally.crossed)
				resolves(t, seed, dir, newText, oldText)
			}
		}
	})
	tally.log(t, 8)
}

// resolves holds that twmb/avro can read a compatible pair.
func resolves(t *testing.T, seed uint64, dir rule.Breaks, newText, oldText string) {
	t.Helper()
	if dir == rule.OldReaders {
		newText, oldText = oldText, newText
	}
	writer, err := twmb.Parse(oldText)
	reader, err2 := twmb.Parse(newText)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if _, err := twmb.Resolve(writer, reader); err != nil {
		t.Errorf("seed %d, direction %d: nothing was found, and twmb/avro says %v\nwriter %s\nreader %s", seed, dir, err, oldText, newText)
	}
}

// againstTwmb holds a witness against twmb/avro.
func againstTwmb(t *testing.T, name string, w *rule.Witness, newText, oldText string, refused bool) {
	t.Helper()
	writerText, readerText := oldText, newText
	if w.Writer == rule.OldReaders {
		writerText, readerText = newText, oldText
	}
	writer, err := twmb.Parse(writerText)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := twmb.Parse(readerText)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	rest, err := writer.Decode(w.Data, &v)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%s: the writer reads its data with %v, %d bytes left\n%+v\n%s", name, err, len(rest), w, writerText)
	}
	if refused {
		if _, err := twmb.Resolve(writer, reader); err == nil {
			t.Errorf("%s: twmb/avro reads the data\n%+v\nwriter %s\nreader %s", name, w, writerText, readerText)
		}
	}
}
