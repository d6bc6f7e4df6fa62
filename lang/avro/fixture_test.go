package avro_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	twmb "github.com/twmb/avro"
	"golang.org/x/tools/txtar"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

var update = flag.Bool("update", false, "rewrite the expected parts of testdata/*.txtar")

// A fixture is one schema of an archive: NAME.avsc, with what is expected of it
// in NAME.want. Files ref/FULLNAME.avsc are references of every schema there.
type fixture struct {
	name string // archive/NAME
	src  lang.Source
	want string
}

// fixtures returns the schemas of every archive in testdata.
func fixtures(t testing.TB) []fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives in testdata (%v)", err)
	}
	var out []fixture
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, schemasOf(archive, strings.TrimSuffix(filepath.Base(path), ".txtar"))...)
	}
	return out
}

func schemasOf(archive *txtar.Archive, theme string) []fixture {
	var refs []lang.Reference
	wants := map[string]string{}
	var out []fixture
	for _, f := range archive.Files {
		text := string(f.Data)
		stem, isSchema := strings.CutSuffix(f.Name, ".avsc")
		if full, isRef := strings.CutPrefix(stem, "ref/"); isRef {
			refs = append(refs, lang.Reference{Name: full, Source: &lang.Source{Type: lang.Avro, Path: f.Name, Text: text}})
		} else if isSchema {
			out = append(out, fixture{theme + "/" + stem, lang.Source{Type: lang.Avro, Path: f.Name, Text: text}, ""})
		} else {
			wants[strings.TrimSuffix(f.Name, ".want")] = text
		}
	}
	for i := range out {
		out[i].src.References = refs
		out[i].want = wants[strings.TrimSuffix(out[i].src.Path, ".avsc")]
	}
	return out
}

// report is what a .want file says about a schema.
func report(src lang.Source) string {
	var b strings.Builder
	s, err := avro.Parse(src)
	if err != nil {
		var list lang.ErrorList
		if !errors.As(err, &list) {
			return "not a list of errors: " + err.Error()
		}
		for _, e := range list {
			fmt.Fprintln(&b, e)
		}
		return b.String()
	}
	for _, e := range s.Lint {
		fmt.Fprintf(&b, "lint %s\n", e)
	}
	fmt.Fprintf(&b, "canonical %s\n", s.Canonical())
	if s.Normalized() != s.Canonical() {
		fmt.Fprintf(&b, "normalized %s\n", s.Normalized())
	}
	fmt.Fprintf(&b, "parsing %s\n", s.Parsing())
	fmt.Fprintf(&b, "crc64 %016x\n", s.Fingerprint())
	return b.String()
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	if *update {
		rewrite(t)
	}
	for _, f := range fixtures(t) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(f.want, report(f.src)); diff != "" {
				t.Errorf("%s: -want +got\n%s", f.name, diff)
			}
		})
	}
}

// rewrite puts a fresh .want behind every schema.
func rewrite(t *testing.T) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for _, f := range schemasOf(archive, "") {
			want[f.src.Path] = report(f.src)
		}
		var files []txtar.File
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, ".want") {
				continue
			}
			files = append(files, f)
			if w, ok := want[f.Name]; ok {
				files = append(files, txtar.File{Name: strings.TrimSuffix(f.Name, ".avsc") + ".want", Data: []byte(w)})
			}
		}
		archive.Files = files
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// laws checks what holds for every schema that parses.
func laws(t *testing.T, src lang.Source, s *avro.Schema) {
	t.Helper()
	lawsFor(t, avro.Parse, src, s)
}

// A parser is Parse or ParseLenient.
type parser func(lang.Source) (*avro.Schema, error)

func lawsFor(t *testing.T, parse parser, src lang.Source, s *avro.Schema) {
	t.Helper()
	for what, text := range map[string]string{"canonical": s.Canonical(), "normalized": s.Normalized()} {
		again, err := parse(lang.Source{Type: lang.Avro, Path: what, Text: text, References: src.References})
		if err != nil {
			t.Fatalf("the %s form of %s does not parse: %v\n%s", what, src.Text, err, text)
		}
		if again.Parsing() != s.Parsing() || again.Fingerprint() != s.Fingerprint() {
			t.Errorf("the %s form means something else:\n%s\n%s", what, s.Parsing(), again.Parsing())
		}
		if what == "canonical" && again.Canonical() != text {
			t.Errorf("canonical of canonical:\n%s\n%s", text, again.Canonical())
		}
		if again.Normalized() != s.Normalized() {
			t.Errorf("the normalized form of the %s form:\n%s\n%s", what, s.Normalized(), again.Normalized())
		}
	}
	inlined, err := parse(lang.Source{Type: lang.Avro, Text: s.Inlined()})
	if err != nil {
		t.Fatalf("the inlined form does not parse: %v\n%s", err, s.Inlined())
	}
	if inlined.Parsing() != s.Parsing() {
		t.Errorf("the inlined form means something else:\n%s\n%s", s.Parsing(), inlined.Parsing())
	}
}

func TestLaws(t *testing.T) {
	t.Parallel()
	good := 0
	for _, f := range fixtures(t) {
		if s, err := avro.Parse(f.src); err == nil {
			good++
			laws(t, f.src, s)
		}
	}
	if good < 15 {
		t.Errorf("only %d fixtures parse", good)
	}
}

// Schemas that twmb/avro does not take; each with what it says against them.
var twmbRefuses = map[string]string{
	"defaults/lenient": "code point U+20AC",
	"logical/ignored":  "cannot unmarshal string",
	"names/lenient":    "invalid name",
}

func TestAgreesWithTwmb(t *testing.T) {
	t.Parallel()
	for _, f := range append(fixtures(t), ownSchemas(t)...) {
		s, err := avro.Parse(f.src)
		if err != nil {
			continue
		}
		peer, err := twmb.Parse(s.Inlined())
		if why, known := twmbRefuses[f.name]; known || err != nil {
			if err == nil || !known || !strings.Contains(err.Error(), why) {
				t.Errorf("%s: twmb.Parse = %v, want an error with %q", f.name, err, why)
			}
			continue
		}
		if got := string(peer.Canonical()); got != s.Parsing() {
			t.Errorf("%s: parsing form\nours %s\ntwmb %s", f.name, s.Parsing(), got)
		}
		if got := peer.Fingerprint(twmb.NewRabin()); !bytes.Equal(got, bigEndian(s.Fingerprint())) {
			t.Errorf("%s: fingerprint %x, twmb %x", f.name, s.Fingerprint(), got)
		}
		ours5, ours256 := s.FingerprintMD5(), s.FingerprintSHA256()
		if !bytes.Equal(peer.Fingerprint(md5.New()), ours5[:]) || !bytes.Equal(peer.Fingerprint(sha256.New()), ours256[:]) {
			t.Errorf("%s: MD5 or SHA-256 differ from twmb's", f.name)
		}
	}
}

func bigEndian(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// checkMutants checks the laws on n mutants.
func checkMutants(t *testing.T, m *mutator, n int) {
	t.Helper()
	good := 0
	for range n {
		src := lang.Source{Text: m.next()}
		if s, err := avro.Parse(src); err == nil {
			good++
			laws(t, src, s)
		}
	}
	if good < n/10 {
		t.Errorf("only %d of %d mutants are schemas", good, n)
	}
}
