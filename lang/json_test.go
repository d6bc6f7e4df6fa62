package lang_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/lang"
)

// walk calls f for every value in v.
func walk(v *lang.Value, f func(*lang.Value)) {
	f(v)
	for _, item := range v.Items {
		walk(item, f)
	}
	for _, m := range v.Members {
		walk(m.Value, f)
	}
}

func TestParseJSONPlaces(t *testing.T) {
	t.Parallel()
	const text = "{\n  \"é\": [1,\n\ttrue], // note\n  \"b\": {\"b\": null, \"b\": \"x\\ny\"}\n}"
	v, comments, err := lang.ParseJSONComments("f.json", text)
	if err != nil {
		t.Fatal(err)
	}
	b := v.Get("b")
	for _, tc := range []struct {
		what      string
		pos       lang.Pos
		line, col int
		text      string
	}{
		{"the whole", v.Pos, 1, 1, text},
		{"key é", v.Members[0].KeyPos, 2, 3, `"é"`},
		{"array", v.Get("é").Pos, 2, 9, "[1,\n\ttrue]"},
		{"1", v.Get("é").Items[0].Pos, 2, 10, "1"},
		{"true", v.Get("é").Items[1].Pos, 3, 2, "true"},
		{"second b", b.Members[1].KeyPos, 4, 20, `"b"`},
		{"last b", b.Get("b").Pos, 4, 25, `"x\ny"`},
		{"comment", comments[0], 3, 9, "// note"},
	} {
		if tc.pos.Path != "f.json" || tc.pos.Line != tc.line || tc.pos.Col != tc.col || text[tc.pos.Start:tc.pos.End] != tc.text {
			t.Errorf("%s is at %s (%q), want %d:%d (%q)", tc.what, tc.pos, text[tc.pos.Start:tc.pos.End], tc.line, tc.col, tc.text)
		}
	}
	if got := b.Get("b").Str; got != "x\ny" {
		t.Errorf("Get takes %q of two values, want the last", got)
	}
	if got := string(v.AppendJSON(nil)); got != `{"é":[1,true],"b":{"b":null,"b":"x\ny"}}` {
		t.Errorf("AppendJSON = %s", got)
	}
}

func TestParseJSONByteOrderMark(t *testing.T) {
	t.Parallel()
	v, err := lang.ParseJSON("", "\ufeff7")
	if err != nil || v.Str != "7" || v.Pos.Start != 3 {
		t.Errorf("ParseJSON with a byte order mark = %+v, %v", v, err)
	}
}

func TestParseJSONMistakes(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", lang.MaxDepth) + strings.Repeat("]", lang.MaxDepth)
	if _, err := lang.ParseJSON("", deep); err != nil {
		t.Errorf("%d arrays in one another = %v", lang.MaxDepth, err)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "1:1: JSON_SYNTAX"},
		{"only space", " \n ", "2:2: JSON_SYNTAX"},
		{"no value", "[1,]", "1:4: JSON_SYNTAX"},
		{"no comma", "[1 2]", "1:4: JSON_SYNTAX"},
		{"no colon", `{"a" 1}`, "1:6: JSON_SYNTAX"},
		{"no key", `{1:2}`, "1:2: JSON_SYNTAX"},
		{"unclosed array", "[1", "1:3: JSON_SYNTAX"},
		{"unclosed string", "\n\"abc", "2:1: JSON_SYNTAX"},
		{"backslash at the end", `"\`, "1:1: JSON_SYNTAX"},
		{"two values", "1 2", "1:3: JSON_SYNTAX"},
		{"word", "nil", "1:1: JSON_SYNTAX"},
		{"slash", "/1", "1:1: JSON_SYNTAX"},
		{"hash comment", "# x\n1", "1:1: JSON_SYNTAX"},
		{"leading zero", "-012", "1:1: JSON_NUMBER"},
		{"plus", "+1", "1:1: JSON_SYNTAX"},
		{"no fraction", "1.", "1:3: JSON_NUMBER"},
		{"no exponent", "1e+", "1:4: JSON_NUMBER"},
		{"only minus", "-", "1:2: JSON_NUMBER"},
		{"letters behind", "1x", "1:2: JSON_NUMBER"},
		{"bad escape", `"\x"`, "1:2: JSON_STRING"},
		{"bad digits", `"ab\u12g4"`, "1:4: JSON_STRING"},
		{"cut digits", `"\u12`, "1:2: JSON_STRING"},
		{"half pair", `"\udc00"`, "1:2: JSON_STRING"},
		{"wrong pair", `"\ud800\u0041"`, "1:2: JSON_STRING"},
		{"newline", "\"a\nb\"", "1:3: JSON_STRING"},
		{"not UTF-8", "\"a\xff\"", "1:3: JSON_STRING"},
		{"not UTF-8 outside", "\xff", "1:1: JSON_SYNTAX"},
		{"too deep", "[" + deep + "]", "1:201: JSON_DEPTH"},
		{"too long", strings.Repeat(" ", lang.MaxText) + "1", "1:1: JSON_SIZE"},
	} {
		_, err := lang.ParseJSON("f", tc.text)
		var list lang.ErrorList
		if !errors.As(err, &list) || len(list) != 1 || !strings.HasPrefix(list[0].Error(), "f:"+tc.want) {
			t.Errorf("%s: ParseJSON = %v, want f:%s", tc.name, err, tc.want)
		}
	}
}

func TestAppendJSONString(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\"b\\c/":           `"a\"b\\c/"`,
		"\b\f\n\r\t\x01\x1f": `"\b\f\n\r\t\u0001\u001F"`,
		"é€😀\u2028\x7f<>&":   "\"é€😀\u2028\x7f<>&\"",
		"a\xffb":             "\"a\ufffdb\"",
	} {
		if got := string(lang.AppendJSONString(nil, in)); got != want {
			t.Errorf("AppendJSONString(%q) = %s, want %s", in, got, want)
		}
	}
}

// What encoding/json takes, ParseJSON takes with the same meaning, half pairs of
// surrogates and the limits apart; what ParseJSON takes prints as JSON that means
// the same, and every place holds the text of its value.
func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-2.5e3,true,false,null,"x\u00e9\ud83d\ude00\n"],"a":{}}`, "// c\n[/* d */]", "\ufeff\"\"", `"\ud800"`, "[[[", "0.10",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, comments, err := lang.ParseJSONComments("f", text)
		if err != nil {
			if json.Valid([]byte(text)) && !isLimit(err) {
				t.Fatalf("ParseJSON = %v for JSON that encoding/json takes", err)
			}
			return
		}
		walk(v, func(v *lang.Value) {
			part, err := lang.ParseJSON("f", text[v.Pos.Start:v.Pos.End])
			if err != nil || string(part.AppendJSON(nil)) != string(v.AppendJSON(nil)) {
				t.Fatalf("at %s: %+v, %v", v.Pos, part, err)
			}
			if v.Pos.Line != 1+strings.Count(text[:v.Pos.Start], "\n") || v.Pos.Col != v.Pos.Start-strings.LastIndexByte(text[:v.Pos.Start], '\n') {
				t.Fatalf("byte %d is not at %s", v.Pos.Start, v.Pos)
			}
		})
		printed := v.AppendJSON(nil)
		var theirs, ours any
		if err := json.Unmarshal(printed, &ours); err != nil && !strings.Contains(err.Error(), "cannot unmarshal number") {
			t.Fatalf("printed %s: %v", printed, err)
		}
		if len(comments) == 0 && json.Unmarshal([]byte(text), &theirs) == nil && !reflect.DeepEqual(ours, theirs) {
			t.Fatalf("ParseJSON = %v, encoding/json %v", ours, theirs)
		}
	})
}

// isLimit reports mistakes that encoding/json forgives.
func isLimit(err error) bool {
	var e *lang.Error
	return errors.As(err, &e) && (e.Code == lang.CodeJSONDepth || e.Code == lang.CodeJSONSize || e.Code == lang.CodeJSONString)
}
