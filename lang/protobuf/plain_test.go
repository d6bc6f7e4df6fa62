package protobuf

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/wireproof/wireproof/lang"
)

// checkPlain holds the short way against the compiler: whatever it accepts, the
// compiler accepts with the same descriptor. It reports whether src is plain.
func checkPlain(t *testing.T, src lang.Source) bool {
	t.Helper()
	in, err := gather(src)
	if err != nil {
		return false
	}
	file, tree, ok := in.plain()
	if !ok {
		return false
	}
	full, fullTree, err := in.full(src)
	if err != nil {
		t.Errorf("the compiler refuses what is plain: %v\n%s", err, src.Text)
		return true
	}
	got, want := protodesc.ToFileDescriptorProto(file), protodesc.ToFileDescriptorProto(full)
	if !proto.Equal(got, want) {
		t.Errorf("plain is not what the compiler says (-compiler +plain):\n%s\n%s", cmp.Diff(want, got, protocmp.Transform()), src.Text)
	}
	if a, b := printFile(normalize(tree, file)), printFile(normalize(fullTree, full)); a != b {
		t.Errorf("normalized forms differ (-compiler +plain):\n%s", cmp.Diff(b, a))
	}
	return true
}

const plainText = `syntax = "proto3";
package shop.v1;

import "google/protobuf/timestamp.proto";
import public "google/type/money.proto";

option go_package = "example.com/shop/v1;shopv1";
option java_multiple_files = true;
option optimize_for = CODE_SIZE;

// An order.
message Order {
  option deprecated = true;
  reserved 20, 30 to 40, 100 to max;
  reserved "gone", 'old';
  string order_id = 1 [json_name = "id", deprecated = true];
  oneof payment {
    string card = 7;
    Line.Kind kind = 8;
  }
  repeated Line lines = 3;
  message Line {
    string sku = 1;
    .shop.v1.Order parent = 2;
    enum Kind { KIND_UNKNOWN = 0; KIND_A = 1 [deprecated = true]; KIND_N = -5; reserved 7 to 9, 12; reserved "KIND_X"; }
  }
  map<string, Line> by_name = 4;
  map<int32, Status> codes = 5;
  google.protobuf.Timestamp at = 6;
  optional int64 discount = 9;
  optional Status status = 10;
  repeated int32 packed_ones = 11 [packed = false];
  google.type.Money price = 12;
  string message = 13;
  string option = 14;
}
enum Status { option allow_alias = true; STATUS_UNSPECIFIED = 0; STATUS_PAID = 1; STATUS_SETTLED = 1; }
service Orders {
  option deprecated = false;
  rpc Get(Order) returns (Order.Line);
  rpc Watch(stream v1.Order) returns (stream Order) { option deprecated = true; option idempotency_level = IDEMPOTENT; }
}
`

const plainText2 = `package two;
message A {
  required string a = 1;
  optional int32 n = 2 [default = -7];
  optional E e = 3 [json_name = "eh"];
  optional string s = 4 [default = "x y"];
  optional bool b = 5 [default = true];
  repeated A as = 6;
  extensions 100 to 199, 500;
  oneof o { uint64 u = 7 [default = 3]; A sub = 8; }
}
enum E { ONE = 1; TWO = 2; }
`

const plainTags = `syntax = "proto3";
package a.b;
import "confluent/meta.proto";
import "google/protobuf/timestamp.proto";
option (confluent.file_meta) = { doc: "f" };
option java_package = "x";
message Rec {
  option deprecated = true;
  option (confluent.message_meta) = { doc: "d", params: [{key: "p", value: "1"}, {key: "o", value: "2"}], tags: ["R", "S"] };
  string one = 1 [deprecated = true, (confluent.field_meta).tags = "PII"];
  string two = 2 [(confluent.field_meta) = { params: {key: "k", value: "v"}, tags: "X" }, json_name = "zwei"];
  string doc = 3 [(confluent.field_meta).doc = "only"];
  oneof o { int32 in = 4 [(confluent.field_meta) = { tags: ["O"] }]; }
  message Inner { int32 x = 1; option (confluent.message_meta).tags = "I"; }
  map<string, Inner> inner = 5 [(confluent.field_meta).tags = "M"];
  confluent.Meta meta = 6;
  google.protobuf.Timestamp at = 7;
}
enum E { option (confluent.enum_meta).doc = "e"; Z = 0 [(confluent.enum_value_meta) = { tags: "z" }]; }
`

// Tags are plain where their spelling leaves no doubt and their name is clear.
func TestPlainTags(t *testing.T) {
	const meta = `import "confluent/meta.proto"; `
	field := func(option string) string { return meta + `message M { string a = 1 [` + option + `]; }` }
	for text, want := range map[string]bool{
		field(`(confluent.field_meta).tags = "A"`):                                                   true,
		field(`(confluent . field_meta).tags = "A"`):                                                 false,
		field(`(.confluent.field_meta).tags = "A"`):                                                  false,
		field(`(confluent.field_meta).tags = "A", (confluent.field_meta).tags = "B"`):                false,
		field(`(confluent.field_meta).tags = "A", (confluent.field_meta).doc = "B"`):                 false,
		field(`(confluent.field_meta).tags = ["A"]`):                                                 false,
		field(`(confluent.field_meta) = {tags: ["A", "B"]}`):                                         true,
		field(`(confluent.field_meta) = {tags: ["A" "B"]}`):                                          false,
		field(`(confluent.field_meta) = {tags: ["A", "B",]}`):                                        false,
		field(`(confluent.field_meta) = {tags: "A" "B"}`):                                            false,
		field(`(confluent.field_meta) = {tags: "A", tags: "B"}`):                                     false,
		field(`(confluent.field_meta) = {tags: []}`):                                                 false,
		field(`(confluent.field_meta) = {}`):                                                         false,
		field(`(confluent.field_meta) = {tags ["A"]}`):                                               false,
		field(`(confluent.field_meta) = {tags: "A",}`):                                               false,
		field(`(confluent.field_meta) = {tags: "A"; }`):                                              false,
		field(`(confluent.field_meta) = <tags: "A">`):                                                false,
		field(`(confluent.field_meta) = {doc: ["A"]}`):                                               false,
		field(`(confluent.field_meta) = {doc: ""}`):                                                  false,
		field(`(confluent.field_meta) = {rules: [{name: "r"}]}`):                                     false,
		field(`(confluent.field_meta) = {params: [{key: "a", value: "b"}, {key: "a", value: "c"}]}`): false,
		field(`(confluent.field_meta) = {params: {value: "b", key: "a"}}`):                           false,
		field(`(confluent.message_meta).tags = "A"`):                                                 false,
		field(`(confluent.nope_meta).tags = "A"`):                                                    false,
		field(`(confluent.field_meta).nope = "A"`):                                                   false,
		field(`deprecated = {tags: "A"}`):                                                            false,
		`message M { string a = 1 [(confluent.field_meta).tags = "A"]; }`:                            false,
		`package confluent; ` + field(`(confluent.field_meta).tags = "A"`):                           true,
		`package a.confluent; ` + field(`(confluent.field_meta).tags = "A"`):                         false,
		field(`(confluent.field_meta).tags = "A"`) + ` message confluent {}`:                         false,
		meta + `message M { string confluent = 1 [(confluent.field_meta).tags = "A"]; }`:             false,
		meta + `service S { option (confluent.file_meta).doc = "A"; }`:                               false,
		meta + `message FileOptions {} message M { google.protobuf.FileOptions o = 1; }`:             false,
	} {
		if got := checkPlain(t, sourceOf(`syntax = "proto3"; `+text)); got != want {
			t.Errorf("plain %t, want %t: %s", got, want, text)
		}
	}
	hidden := sourceOf(`syntax = "proto3"; package a; import "h.proto"; ` + field(`(confluent.field_meta).tags = "A"`))
	hidden.References = []lang.Reference{{Name: "h.proto", Source: &lang.Source{Text: `syntax = "proto3"; package a; message confluent {}`}}}
	if checkPlain(t, hidden) {
		t.Error("a name that an import hides is plain")
	}
	own := sourceOf(`syntax = "proto3"; ` + field(`(confluent.field_meta).tags = "A"`))
	own.References = []lang.Reference{{Name: "confluent/meta.proto", Source: &lang.Source{Text: `syntax = "proto3"; package confluent;`}}}
	if checkPlain(t, own) {
		t.Error("options of a file that somebody gives are plain")
	}
}

func TestPlain(t *testing.T) {
	for name, text := range map[string]string{"proto3": plainText, "proto2": plainText2, "tags": plainTags} {
		if !checkPlain(t, sourceOf(text)) {
			t.Errorf("%s is not plain", name)
		}
		checkForms(t, mustParse(t, text))
	}
	for _, name := range Builtins() {
		text, _ := builtin(name)
		if plain := checkPlain(t, lang.Source{Path: name, Text: text}); plain == (name == metaFile) {
			t.Errorf("%s: plain %t", name, plain)
		}
	}
	for name, files := range fixtures(t) {
		t.Run(name, func(t *testing.T) { checkPlain(t, sourceOf(files["in.proto"])) })
	}
}

func TestPlainReferences(t *testing.T) {
	base := &lang.Source{Text: `syntax = "proto3"; package base; message Money { int64 units = 1; }`}
	mid := &lang.Source{Text: `syntax = "proto3"; package base.mid; import public "base.proto"; message Line { Money price = 1; }`,
		References: []lang.Reference{{Name: "base.proto", Source: base}}}
	refs := []lang.Reference{{Name: "mid.proto", Source: mid}}
	for text, want := range map[string]bool{
		`import "mid.proto"; message A { base.mid.Line l = 1; base.Money m = 2; }`:                    true,
		`package base; import "mid.proto"; message A { mid.Line l = 1; Money m = 2; }`:                true,
		`package base; import "mid.proto"; message Money {}`:                                          false, // taken
		`package base; import "mid.proto"; message mid {}`:                                            false, // a package
		`package x; import "mid.proto"; message base { } message A { base.mid.Line l = 1; }`:          false, // hidden
		`package x; import "mid.proto"; message A { int32 base = 1; base.Money m = 2; }`:              false,
		`package x; import "mid.proto"; message A { .base.Money m = 2; }`:                             true,
		`import "nope.proto"; message A {}`:                                                           false,
		`import "in.proto"; message A {}`:                                                             false,
		`import "mid.proto"; import "mid.proto"; message A {}`:                                        false,
		`import "mid.proto"; message A { Line l = 1; }`:                                               false,
		`import "google/protobuf/descriptor.proto"; message A { google.protobuf.FileOptions f = 1; }`: false,
	} {
		src := sourceOf(`syntax = "proto3"; ` + text)
		src.References = refs
		if got := checkPlain(t, src); got != want {
			t.Errorf("plain %t, want %t: %s", got, want, text)
		}
	}
}

// What becomes of plain texts when tokens in them are dropped, doubled and
// exchanged is either left to the compiler or means what the compiler says.
func TestPlainMutants(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 2))
	var texts [][]string
	for _, text := range []string{plainText, plainText2, plainTags, taggedText} {
		texts = append(texts, tokensOf(text))
	}
	extra := strings.Fields(`; , = { } [ ] < > ( ) . - 0 1 2 19000 536870911 536870912 07 0x1 "x" 'y' "google/protobuf/any.proto" message enum oneof map
		repeated optional required reserved extensions option default json_name packed string int32 bytes Order Line Status E A to max rpc service stream group Kind
		shop v1 order_id true false 2147483648 -1 import public package import ORDER id syntax google protobuf Timestamp /* // deprecated
		confluent field_meta message_meta tags doc params key value ( ) { } [ ] : ,`)
	plain := 0
	for range 600 {
		toks := slices.Clone(texts[rnd.IntN(len(texts))])
		for range 1 + rnd.IntN(2) {
			i, j := rnd.IntN(len(toks)), rnd.IntN(len(toks))
			switch rnd.IntN(8) {
			case 0:
				toks = slices.Delete(toks, i, i+1)
			case 1:
				toks = slices.Insert(toks, i, toks[j])
			case 2, 3, 4, 5:
				for kindOf(toks[i]) != kindOf(toks[j]) {
					j = rnd.IntN(len(toks))
				}
				toks[i] = toks[j]
			default:
				toks[i] = " " + extra[rnd.IntN(len(extra))]
			}
		}
		if checkPlain(t, sourceOf(strings.Join(toks, ""))) {
			plain++
		}
	}
	if plain < 15 {
		t.Errorf("only %d mutants are plain", plain)
	}
}

func kindOf(tok string) tokenKind {
	sc := scanner{text: tok}
	return sc.next().kind
}

// tokensOf cuts a text into tokens, each with the space before it.
func tokensOf(text string) []string {
	var out []string
	sc, end := scanner{text: text}, 0
	for tok := sc.next(); tok.kind != tokEnd; tok = sc.next() {
		out = append(out, text[end:tok.end()])
		end = tok.end()
	}
	return out
}

// Any text at all is refused, or left to the compiler, or means what the compiler
// says, and can be tagged and untagged.
func FuzzPlain(f *testing.F) {
	for _, text := range []string{plainText, plainText2, plainTags, taggedText, "", "syntax = \"proto3\"; message A { int32 a = 1 [json_name = \"b\"]; }"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4<<10 { // the compiler is slow
			return
		}
		checkPlain(t, sourceOf(text))
	})
}
