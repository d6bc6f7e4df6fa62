package gate

import (
	"fmt"
	"io"
	"strings"
)

// A Format is a way to write a result.
type Format struct {
	Name string
	Doc  string // what it is for, in a few words
	// Write writes the result. Only text uses colours.
	Write func(w io.Writer, r Result, color bool) error
}

// Formats returns every format, in the order in which they are documented.
func Formats() []Format {
	plain := func(write func(io.Writer, Result) error) func(io.Writer, Result, bool) error {
		return func(w io.Writer, r Result, _ bool) error { return write(w, r) }
	}
	return []Format{
		{"text", "for people: both sides with carets, why, witness, fix", Text},
		{"lines", "path:line:col: severity RULE subject: message [id]", plain(Lines)},
		{"json", "one document; wireproof report schema prints its JSON Schema", plain(JSON)},
		{"sarif", "SARIF 2.1.0, for code scanning", plain(SARIF)},
		{"junit", "JUnit XML, a test case for each subject", plain(JUnit)},
		{"github", "annotations of GitHub Actions", plain(GitHub)},
		{"gitlab", "GitLab's Code Quality report", plain(GitLab)},
		{"markdown", "a table, for comments and summaries", plain(Markdown)},
		{"buf-json", "a JSON object a line, with the field names of buf", plain(BufJSON)},
	}
}

// FormatNamed returns the format with the given name. The error lists those that
// there are.
func FormatNamed(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("there is no format %q; expected one of %s", name, strings.Join(names, ", "))
}
