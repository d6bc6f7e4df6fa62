package buforacle_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

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

// fixtures are the cases of the rules themselves, which reach every rule: what
// fires it, and the near miss.
func fixtures(t *testing.T) []pairOfTrees {
	t.Helper()
	paths, err := filepath.Glob("../../compat/protorules/testdata/buf/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures of rules: %v", err)
	}
	var out []pairOfTrees
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, side := range []string{"new", "near"} {
			p := pairOfTrees{name: fmt.Sprintf("c9%03d", len(out)), what: []string{path, side}, older: tree{}, now: tree{}}
			for _, f := range archive.Files {
				in, name, ok := strings.Cut(f.Name, "/")
				switch text := own(p.name, string(f.Data)); {
				case ok && in == "old":
					p.older[p.name+"/"+name] = text
				case ok && in == side:
					p.now[p.name+"/"+name] = text
				}
			}
			out = append(out, p)
		}
	}
	return out
}

// own gives a case packages and paths of its own.
func own(name, text string) string {
	for pattern, with := range map[string]string{`\bp(\.v\d)\b`: name + "$1", `\b(q)(\.|;)`: name + ".$1$2", `"([abc]\.proto)"`: `"` + name + `/$1"`} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, with)
	}
	return text
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

// seed is of what is made at random: each time another one in a soak, so that a gate
// refuses nobody for what an earlier change did.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(1)
	if os.Getenv("WIREPROOF_SOAK") == "1" {
		n = uint64(time.Now().UnixNano())
	}
	n = setting(t, "BUF_SEED", n)
	t.Logf("BUF_SEED=%d", n)
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

// write puts the files in a folder and returns that.
func (s side) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range s {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
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
	seed := seed(t)
	pairs := uint64(300)
	if os.Getenv("WIREPROOF_SOAK") == "1" {
		pairs = 10_000
	}
	wanted := int(setting(t, "BUF_PAIRS", pairs))
	t.Logf("BUF_PAIRS=%d", wanted)
	r := rand.New(rand.NewPCG(seed, 1))
	from := bases(t)
	fired := map[string]bool{}
	compareBatch(t, buf, fixtures(t), fired)
	const batch = 1000 // as many as a run of buf's takes in a moment
	for made := 0; made < wanted; made += batch {
		compareBatch(t, buf, makePairs(t, r, from, min(batch, wanted-made)), fired)
	}
	for _, r := range protorules.Table() {
		if !fired[r.ID] && !slices.Equal(r.Categories, []string{"CONFLUENT"}) {
			t.Errorf("%s never fired", r.ID)
		}
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

// all are Buf's categories of a version.
var all = map[string][]string{
	"v2": {"FILE", "PACKAGE", "WIRE_JSON", "WIRE", "CSR"}, "v1": {"FILE", "PACKAGE", "WIRE_JSON", "WIRE"}, "v1beta1": {"FILE", "PACKAGE", "WIRE_JSON", "WIRE"},
}

// compareBatch compares the findings of all rules of each version at once, on
// images that Buf has built; and those of each category by itself, in folders, for
// a few of the pairs: every run of Buf's looks at everything.
func compareBatch(t *testing.T, buf buforacle.Buf, pairs []pairOfTrees, fired map[string]bool) {
	t.Helper()
	pairs, newer, older, images := compilable(t, pairs)
	newDir, oldDir := newer.write(t), older.write(t)
	newImage, err := buf.Build(newDir)
	if err != nil {
		t.Fatal(err)
	}
	oldImage, err := buf.Build(oldDir)
	if err != nil {
		t.Fatal(err)
	}
	total, extras := 0, map[string]int{}
	for version, categories := range all {
		theirs := compare(t, buf, version, categories, newImage, oldImage, pairs, images, extras)
		total += len(theirs)
		for _, f := range theirs {
			fired[f.Type] = true
		}
	}
	t.Logf("%d pairs, %d findings of Buf's, %d rules have fired; accepted differences: %v", len(pairs), total, len(fired), extras)
	// Buf's own images, read by us, give the same.
	read := [2]*protobuf.Image{readImage(t, newImage), readImage(t, oldImage)}
	compare(t, buf, "v2", all["v2"], newImage, oldImage, pairs, read, map[string]int{})
	pairs, newer, older, images = compilable(t, pairs[:min(len(pairs), 30)])
	newDir, oldDir = newer.write(t), older.write(t)
	for version, categories := range all {
		for _, category := range categories {
			compare(t, buf, version, []string{category}, newDir, oldDir, pairs, images, extras)
		}
	}
}

func readImage(t *testing.T, path string) *protobuf.Image {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	set := new(descriptorpb.FileDescriptorSet)
	if err := proto.Unmarshal(data, set); err != nil {
		t.Fatal(err)
	}
	image, err := protobuf.NewImage(set, nil)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// compare asks both and reports what only one of them found, and what stands in
// another order. It returns what Buf found.
func compare(t *testing.T, buf buforacle.Buf, version string, use []string, newInput, oldInput string, pairs []pairOfTrees, images [2]*protobuf.Image, extras map[string]int) []buforacle.Finding {
	t.Helper()
	config, err := json.Marshal(map[string]any{"version": version, "breaking": map[string]any{"use": use}})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := buf.Breaking(newInput, oldInput, string(config))
	if err != nil {
		t.Fatal(err)
	}
	set, _, err := protorules.Select(version, use, nil)
	if err != nil {
		t.Fatal(err)
	}
	mine := slices.DeleteFunc(ours(images[0], images[1], set), func(f buforacle.Finding) bool {
		if slices.Contains(theirs, f) {
			return false
		}
		why := accepted(f, images[0], images[1])
		if why != "" {
			extras[why]++
		}
		return why != ""
	})
	report(t, fmt.Sprint(version, use), pairs, mine, theirs)
	return theirs
}

func report(t *testing.T, what string, pairs []pairOfTrees, ours, theirs []buforacle.Finding) {
	t.Helper()
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
