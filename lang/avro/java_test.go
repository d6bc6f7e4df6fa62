package avro_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/test/javaoracle"
)

// Where we differ from Java Avro 1.12 on purpose, and why.
var javaDiffers = map[string]string{
	"json/comment_after": "Java takes comments, but not behind the schema; a reader of files has no reason to care",
	"references/nested": "Java knows the root types of references only, and would define what is inside " +
		"them again, in a text that it then cannot parse with its references",
	"references/bad_default": "the same, in a text that is refused unless it is read leniently",
}

// stricter recognizes what we do not put up with in a lenient parse either,
// though Java does: an empty name, and a symbol that is no string.
func stricter(err error) bool {
	return strings.Contains(err.Error(), ` is "", expected a letter`) || strings.Contains(err.Error(), "one of the symbols is")
}

// What parses here parses in Java, to the same forms and fingerprints, and what
// Java refuses is refused here.
func TestAgreesWithJava(t *testing.T) {
	java := javaoracle.Start(t)
	compareFixtures(t, avro.Parse, java.Parse)
}

// The same for schemas that a registry has already.
func TestAgreesWithLenientJava(t *testing.T) {
	java := javaoracle.Start(t)
	compareFixtures(t, avro.ParseLenient, java.ParseLenient)
}

type theirParser func(text string, references ...string) (javaoracle.Schema, error)

func compareFixtures(t *testing.T, mine parser, java theirParser) {
	t.Helper()
	for _, f := range append(fixtures(t), ownSchemas(t)...) {
		var refs []string
		for _, ref := range f.src.References {
			refs = append(refs, ref.Source.Text)
		}
		theirs, javaErr := java(f.src.Text, refs...)
		var refusal *javaoracle.Refusal
		if javaErr != nil && !errors.As(javaErr, &refusal) {
			t.Fatal(javaErr)
		}
		ours, err := mine(f.src)
		if err != nil && javaErr == nil && stricter(err) {
			continue
		}
		why, isKnown := javaDiffers[f.name]
		if (err == nil) != (javaErr == nil) {
			if !isKnown {
				t.Errorf("%s:\nours %v\nJava %v", f.name, err, javaErr)
			}
			continue
		}
		if err != nil {
			continue
		}
		if mine := formsOf(ours); (mine == theirs) == isKnown {
			t.Errorf("%s: %s\nours %+v\nJava %+v", f.name, why, mine, theirs)
		}
	}
}

// isOddity recognizes refusals by Java that have no ground in the specification:
// a property that is a whole number beyond 64 bits, and a default of a type that
// is defined further down.
func isOddity(msg string) bool {
	return strings.Contains(msg, "Can't set a property to null") ||
		strings.Contains(msg, "Invalid default") && strings.Contains(msg, "UnresolvedSchema")
}

func formsOf(s *avro.Schema) javaoracle.Schema {
	return javaoracle.Schema{
		Canonical: s.Canonical(), Parsing: s.Parsing(),
		CRC64:  fmt.Sprintf("%016x", s.Fingerprint()),
		MD5:    fmt.Sprintf("%x", s.FingerprintMD5()),
		SHA256: fmt.Sprintf("%x", s.FingerprintSHA256()),
	}
}

// The same for what becomes of the fixtures when values in them are dropped and
// exchanged at random, from a fixed seed.
func TestAgreesWithJavaOnMutants(t *testing.T) {
	java := javaoracle.Start(t)
	compareMutants(t, avro.Parse, java.Parse)
}

func TestAgreesWithLenientJavaOnMutants(t *testing.T) {
	java := javaoracle.Start(t)
	compareMutants(t, avro.ParseLenient, java.ParseLenient)
}

func compareMutants(t *testing.T, mine parser, java theirParser) {
	t.Helper()
	m := newMutator(t, 20)
	accepted := 0
	for range 3000 {
		text := m.next()
		theirs, javaErr := java(text)
		var refusal *javaoracle.Refusal
		if javaErr != nil && !errors.As(javaErr, &refusal) {
			t.Fatal(javaErr)
		}
		ours, err := mine(lang.Source{Text: text})
		switch {
		case javaErr != nil && isOddity(refusal.Msg) && err == nil:
		case err != nil && javaErr == nil && stricter(err):
		case (err == nil) != (javaErr == nil):
			t.Errorf("%s\nours %v\nJava %v", text, err, javaErr)
		case err == nil:
			accepted++
			if mine := formsOf(ours); mine != theirs {
				t.Errorf("%s\nours %+v\nJava %+v", text, mine, theirs)
			}
		}
	}
	if accepted < 300 {
		t.Errorf("only %d mutants are schemas", accepted)
	}
}
