package main

import (
	"strings"
	"testing"
)

// What could not be checked is exit code 5, whatever else was found.
func TestLintExitCodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		".git/HEAD":       "ref: refs/heads/main\n",
		"wireproof.yaml":  "version: 1\nschemas: .\ncheck: { fail_on: warning }\n",
		"tidy/v1/t.proto": "syntax = \"proto3\";\npackage tidy.v1;\nmessage Tidy {}\n",
		"bad.avsc":        "{\"type\": \"record\", \"name\": \"A\",\n",
		"ugly.avsc":       `{"type": "record", "name": "ugly", "fields": []}`,
		"bad.proto":       "syntax = \"proto3\";\nmessage M { Nobody n = 1; }\n",
		"bad.schema.json": "{\"type\": 7,\n",
	})
	for _, tt := range []struct {
		code int
		path string
		want string
	}{
		{1, "ugly.avsc", "ugly.avsc:1:"},
		{5, "bad.avsc", "bad.avsc:2:1: could not check bad.avsc: "},
		{5, "bad.proto", "bad.proto:2:13: could not check bad.proto: "},
		{5, "bad.schema.json", "bad.schema.json:2:1: could not check bad.schema.json: "},
		{5, ".", "bad.proto:2:13: could not check bad.proto: "},
		{2, "nowhere", ""},
		{5, ".git", ""}, // where no schema is
	} {
		code, stdout, stderr := runIn(dir, "lint", tt.path)
		if code != tt.code || !strings.Contains(stdout, tt.want) {
			t.Errorf("lint %s ended with %d, want %d and %q\n%s%s", tt.path, code, tt.code, tt.want, stdout, stderr)
		}
	}
}
