package avro_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// repeat joins what f returns for 0 to n-1 with commas.
func repeat(n int, f func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = f(i)
	}
	return strings.Join(parts, ",")
}

// Texts that ask for work beyond their size are answered in time; the test's own
// limit is what fails here.
func TestHostile(t *testing.T) {
	t.Parallel()
	nested := func(n int, open, inner, end string) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"many keys", `{"type":"int",` + repeat(90000, func(i int) string { return fmt.Sprintf(`"%x":1`, i) }) + `}`, ""},
		{"the same key", `{"type":"int"` + strings.Repeat(`,"k":1`, 90000) + `}`, ""},
		{"many aliases", `{"type":"fixed","name":"F","size":1,"aliases":[` + repeat(90000, func(i int) string { return fmt.Sprintf(`"a%x"`, i) }) + `]}`, ""},
		{"many field aliases", `{"type":"record","name":"R","fields":[{"name":"f","type":"int","aliases":[` +
			repeat(90000, func(i int) string { return fmt.Sprintf(`"a%x"`, i) }) + `]}]}`, ""},
		{"many unknown names", `[` + repeat(90000, func(i int) string { return fmt.Sprintf(`"n%x"`, i) }) + `]`, avro.CodeNameUnknown},
		{"many symbols", `{"type":"enum","name":"E","symbols":[` + repeat(90000, func(i int) string { return fmt.Sprintf(`"s%x"`, i) }) + `]}`, ""},
		{"too many types", `[` + repeat(110000, func(int) string { return `"int"` }) + `]`, avro.CodeTypesTooMany},
		{"deep types", nested(300, `{"type":"array","items":`, `"int"`, `}`), lang.CodeJSONDepth},
		{"as deep as allowed", nested(lang.MaxDepth, `{"type":"array","items":`, `"int"`, `}`), ""},
		{"default in a maze of unions", `{"type":"record","name":"A","fields":[{"name":"f","type":["int","A",{"type":"record","name":"B","fields":[
			{"name":"f","type":["int","A","B"]}]}],"default":` + nested(150, `{"f":`, `true`, `}`) + `}]}`, avro.CodeDefaultInvalid},
		{"wide default of a wide union", `{"type":"record","name":"R","fields":[` +
			repeat(2000, func(i int) string {
				return fmt.Sprintf(`{"name":"r%d","type":["null",{"type":"record","name":"N%d","fields":[{"name":"x","type":"int"}]}]}`, i, i)
			}) +
			`,{"name":"u","type":{"type":"array","items":[` + repeat(2000, func(i int) string { return fmt.Sprintf(`"N%d"`, i) }) +
			`]},"default":[` + repeat(90000, func(int) string { return `{}` }) + `]}]}`, avro.CodeDefaultInvalid},
		{"the same default for many fields", `{"type":"record","name":"R","fields":[{"name":"p","type":["null",{"type":"record","name":"P","fields":[` +
			repeat(8000, func(i int) string { return fmt.Sprintf(`{"name":"x%d","type":"int","default":0}`, i) }) + `]}]},` +
			repeat(8000, func(i int) string { return fmt.Sprintf(`{"name":"f%d","type":"P","default":{}}`, i) }) + `]}`, avro.CodeDefaultInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := avro.Parse(lang.Source{Path: "h", Text: tc.text})
			if tc.want == "" && err != nil || tc.want != "" && !slices.Contains(codes(err), tc.want) {
				t.Errorf("Parse of %d bytes: %.300v, want %q", len(tc.text), err, tc.want)
			}
		})
	}
}

// A text in which everything is wrong says so a hundred times, and that there is
// more.
func TestMistakesAreBounded(t *testing.T) {
	t.Parallel()
	fields := func(field string) string {
		return `{"type":"record","name":"R","fields":[` + strings.TrimSuffix(strings.Repeat(field+",", 5000), ",") + `]}`
	}
	for name, text := range map[string]string{
		"fields":   fields(`{"name":"a","type":"int"}`),
		"names":    `[` + strings.TrimSuffix(strings.Repeat(`"Nope",17,`, 5000), ",") + `]`,
		"symbols":  `{"type":"enum","name":"E","symbols":[` + strings.TrimSuffix(strings.Repeat(`"A",`, 5000), ",") + `]}`,
		"defaults": strings.ReplaceAll(fields(`{"name":"a-b","type":"int","default":"x"}`), `"name":"R"`, `"name":"R-S"`),
	} {
		_, err := avro.Parse(lang.Source{Path: "t.avsc", Text: text})
		var list lang.ErrorList
		if !errors.As(err, &list) || len(list) != 101 || list[100].Code != avro.CodeMistakesTooMany {
			t.Errorf("%s: %d mistakes: %.300v", name, len(list), err)
		}
	}
	s, err := avro.Parse(lang.Source{Text: strings.Repeat("/**/", 5000) + `"int"`})
	if err != nil || len(s.Lint) != 1001 || s.Lint[1000].Code != avro.CodeMistakesTooMany {
		t.Errorf("%v, %d remarks", err, len(s.Lint))
	}
}
