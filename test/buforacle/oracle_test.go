package buforacle_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
	"github.com/wireproof/wireproof/test/buforacle"
)

// bases are the schemas that cases begin with.
func bases(t *testing.T) []tree {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no schemas: %v", err)
	}
	var out []tree
	for _, p := range paths {
		archive, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		base := tree{}
		for _, f := range archive.Files {
			base[f.Name] = string(f.Data)
		}
		out = append(out, base)
	}
	return out
}

// setting reads a number of the environment.
func setting(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// A side is one side of all cases together.
type side map[string]string

func (s side) add(t tree) {
	for path, text := range t {
		s[path] = text
	}
}

func (s side) compile(ctx context.Context) (*protobuf.Image, error) {
	var targets []string
	for path := range s {
		targets = append(targets, path)
	}
	slices.Sort(targets)
	return protobuf.CompileImage(ctx, targets, func(path string) (string, error) {
		if text, ok := s[path]; ok {
			return text, nil
		}
		return "", fs.ErrNotExist
	}, protobuf.ImageOptions{})
}

func (s side) write(t *testing.T, dir string) {
	t.Helper()
	for path, text := range s {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// compilable returns the pairs of which both sides compile, with those sides.
func compilable(t *testing.T, pairs []pairOfTrees) (rest []pairOfTrees, newer, older side, images [2]*protobuf.Image) {
	t.Helper()
	for {
		newer, older = side{}, side{}
		for _, p := range pairs {
			newer.add(p.now)
			older.add(p.older)
		}
		broken := map[string]bool{}
		for i, s := range []side{newer, older} {
			image, err := s.compile(t.Context())
			images[i] = image
			var list lang.ErrorList
			if err != nil && !errors.As(err, &list) {
				t.Fatal(err)
			}
			for _, e := range list {
				name, _, _ := strings.Cut(e.Pos.Path, "/")
				if name == "" {
					t.Fatalf("a mistake without a place: %v", e)
				}
				broken[name] = true
			}
		}
		if len(broken) == 0 {
			return pairs, newer, older, images
		}
		pairs = slices.DeleteFunc(pairs, func(p pairOfTrees) bool { return broken[p.name] })
	}
}

// ours asks Wireproof in the form of Buf's answers.
func ours(newer, older *protobuf.Image, set protorules.Set) []buforacle.Finding {
	var out []buforacle.Finding
	for _, f := range protorules.Breaking(newer, older, set) {
		// Buf prints a place of one for what has none.
		found := buforacle.Finding{Path: f.New.Path, Type: f.Rule.ID, Message: f.Message,
			StartLine: max(1, f.New.Line), StartColumn: max(1, f.New.Col), EndLine: max(1, f.New.EndLine), EndColumn: max(1, f.New.EndCol)}
		out = append(out, found)
	}
	return out
}

// TestBreakingIsBufs compares findings over schemas that were changed at random,
// for each category and version of the configuration. BUF_PAIRS and BUF_SEED make
// it longer and another.
func TestBreakingIsBufs(t *testing.T) {
	buf := buforacle.Find(t)
	seed := setting(t, "BUF_SEED", uint64(time.Now().UnixNano()))
	wanted := int(setting(t, "BUF_PAIRS", 500))
	t.Logf("BUF_SEED=%d BUF_PAIRS=%d", seed, wanted)
	r := rand.New(rand.NewPCG(seed, 1))
	from := bases(t)
	const batch = 1000 // as many as a run of buf's takes in a moment
	for made := 0; made < wanted; made += batch {
		compareBatch(t, buf, makePairs(t, r, from, min(batch, wanted-made)))
	}
}

// makePairs makes pairs of which both sides compile. They are tried a few at a
// time, since the compiler has something to do for each run, and tells a hundred
// mistakes at most.
func makePairs(t *testing.T, r *rand.Rand, from []tree, wanted int) []pairOfTrees {
	t.Helper()
	var out []pairOfTrees
	for number := 0; len(out) < wanted; {
		var some []pairOfTrees
		for range 40 {
			some = append(some, makePair(r, number, pick(r, from)))
			number++
		}
		some, _, _, _ = compilable(t, some)
		out = append(out, some...)
	}
	return out
}

func compareBatch(t *testing.T, buf buforacle.Buf, pairs []pairOfTrees) {
	t.Helper()
	pairs, newer, older, images := compilable(t, pairs)
	dir := t.TempDir()
	newDir, oldDir := filepath.Join(dir, "new"), filepath.Join(dir, "old")
	newer.write(t, newDir)
	older.write(t, oldDir)
	total, extras, fired := 0, map[string]int{}, map[string]bool{}
	for version, categories := range map[string][]string{
		"v2": {"FILE", "PACKAGE", "WIRE_JSON", "WIRE", "CSR"}, "v1": {"FILE", "PACKAGE", "WIRE_JSON", "WIRE"}, "v1beta1": {"FILE", "PACKAGE", "WIRE_JSON", "WIRE"},
	} {
		for _, category := range categories {
			theirs, err := buf.Breaking(newDir, oldDir, fmt.Sprintf(`{"version":%q,"breaking":{"use":[%q]}}`, version, category))
			if err != nil {
				t.Fatal(err)
			}
			set, _, err := protorules.Select(version, []string{category}, nil)
			if err != nil {
				t.Fatal(err)
			}
			total += len(theirs)
			for _, f := range theirs {
				fired[f.Type] = true
			}
			compare(t, version+" "+category, pairs, images, ours(images[0], images[1], set), theirs, extras)
		}
	}
	t.Logf("%d pairs, %d findings of Buf's, %d rules fired; accepted differences: %v", len(pairs), total, len(fired), extras)
	if len(pairs) > 200 {
		for _, r := range protorules.Table() {
			if !fired[r.ID] && !slices.Equal(r.Categories, []string{"CONFLUENT"}) {
				t.Errorf("%s never fired: the mutations do not reach it", r.ID)
			}
		}
	}
}

// compare reports what only one of the two found, and what stands in another
// order.
func compare(t *testing.T, what string, pairs []pairOfTrees, images [2]*protobuf.Image, ours, theirs []buforacle.Finding, extras map[string]int) {
	t.Helper()
	ours = slices.DeleteFunc(ours, func(f buforacle.Finding) bool {
		if slices.Contains(theirs, f) {
			return false
		}
		why := accepted(f, images[0], images[1])
		if why != "" {
			extras[why]++
		}
		return why != ""
	})
	if slices.Equal(ours, theirs) {
		return
	}
	shown := 0
	for _, side := range []struct {
		who       string
		has, lack []buforacle.Finding
	}{{"only Buf", theirs, ours}, {"only Wireproof", ours, theirs}} {
		for _, f := range side.has {
			if slices.Contains(side.lack, f) {
				continue
			}
			if shown++; shown > 20 {
				t.Fatalf("%s: more differences", what)
			}
			t.Errorf("%s, %s: %s\n%s", what, side.who, f, caseOf(pairs, f))
		}
	}
	if shown == 0 {
		t.Errorf("%s: the findings are the same in another order", what)
	}
}

// caseOf prints the case that a finding is about.
func caseOf(pairs []pairOfTrees, f buforacle.Finding) string {
	for _, p := range pairs {
		if strings.Contains(f.Path+f.Message, p.name) {
			return fmt.Sprintf("%v", p.what)
		}
	}
	return ""
}

// accepted says which of the written differences explains a finding that Buf does
// not have; none gives "". It looks at the schemas, not at what Breaking says.
func accepted(f buforacle.Finding, newer, older *protobuf.Image) string {
	switch f.Type {
	case "PACKAGE_MESSAGE_NO_DELETE", "PACKAGE_ENUM_NO_DELETE", "PACKAGE_EXTENSION_NO_DELETE":
		_, after, _ := strings.Cut(f.Message, "from package ")
		name, err := strconv.Unquote(strings.TrimSuffix(after, "."))
		if err == nil && !hasAny(newer, protoreflect.FullName(name), f.Type) && newer.Package(protoreflect.FullName(name)) != nil {
			return protorules.LastOfPackage
		}
	case "MESSAGE_SAME_REQUIRED_FIELDS":
		var message string
		var number int
		if _, err := fmt.Sscanf(f.Message, "Message %q had required field %q", &message, new(string)); err != nil {
			return ""
		}
		if _, err := fmt.Sscanf(f.Message[strings.Index(f.Message, "field ")+7:], "%d", &number); err != nil {
			return ""
		}
		image := newer
		if strings.Contains(f.Message, "deleted.") {
			image = older
		}
		name, _, _ := strings.Cut(f.Path, "/")
		if requiredByEdition(image, name, message, protoreflect.FieldNumber(number)) {
			return protorules.RequiredByEdition
		}
	}
	return ""
}

func hasAny(im *protobuf.Image, pkg protoreflect.FullName, ruleID string) bool {
	for _, f := range im.Files() {
		if d := f.Descriptor; d.Package() == pkg && anyOf(d, ruleID) {
			return true
		}
	}
	return false
}

func anyOf(c interface {
	Messages() protoreflect.MessageDescriptors
	Enums() protoreflect.EnumDescriptors
	Extensions() protoreflect.ExtensionDescriptors
}, ruleID string) bool {
	switch {
	case strings.Contains(ruleID, "MESSAGE") && c.Messages().Len() > 0,
		strings.Contains(ruleID, "ENUM") && c.Enums().Len() > 0,
		strings.Contains(ruleID, "EXTENSION") && c.Extensions().Len() > 0:
		return true
	}
	for i := range c.Messages().Len() {
		if anyOf(c.Messages().Get(i), ruleID) {
			return true
		}
	}
	return false
}

// requiredByEdition reports whether a file of a case has a message with a field of
// that number that no label but a feature makes required.
func requiredByEdition(im *protobuf.Image, name, message string, number protoreflect.FieldNumber) bool {
	for _, f := range im.Files() {
		if strings.HasPrefix(f.Path, name+"/") && f.Descriptor.Syntax() == protoreflect.Editions {
			var walk func(ms protoreflect.MessageDescriptors) bool
			walk = func(ms protoreflect.MessageDescriptors) bool {
				for i := range ms.Len() {
					m := ms.Get(i)
					fd := m.Fields().ByNumber(number)
					if string(m.Name()) == message && fd != nil && fd.Cardinality() == protoreflect.Required || walk(m.Messages()) {
						return true
					}
				}
				return false
			}
			if walk(f.Descriptor.Messages()) {
				return true
			}
		}
	}
	return false
}

// TestSelectIsBufs compares which rule belongs to what.
func TestSelectIsBufs(t *testing.T) {
	buf := buforacle.Find(t)
	for _, version := range []string{"v1beta1", "v1", "v2"} {
		rules, err := buf.Rules(t.TempDir(), version)
		if err != nil {
			t.Fatal(err)
		}
		byCategory := map[string][]string{}
		for _, r := range rules {
			ids, warning, err := protorules.Expand(version, r.ID)
			want := []string{r.ID}
			if r.Deprecated {
				want = r.Replacements
			}
			if err != nil || !slices.Equal(ids, want) || (warning != "") != r.Deprecated {
				t.Errorf("%s: Expand(%s) = %v, %q, %v; want %v", version, r.ID, ids, warning, err, want)
			}
			for _, c := range r.Categories {
				byCategory[c] = append(byCategory[c], r.ID)
			}
			if r.Default {
				byCategory[""] = append(byCategory[""], r.ID)
			}
		}
		for category, want := range byCategory {
			set, _, err := protorules.Select(version, []string{category}, nil)
			slices.Sort(want)
			if err != nil || !slices.Equal(set.IDs(), want) {
				t.Errorf("%s: Select(%q) = %v, %v; want %v", version, category, set.IDs(), err, want)
			}
		}
	}
}
