package wireproof_test

import (
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```\n\n\\[[^]]*\\]\\(([^)]+)\\)")
	goBlock   = regexp.MustCompile("(?s)```go\n(.*?)```")
	example   = regexp.MustCompile(`\n\[(Example\w*)\]\(([^)]+)\)`)
	fenced    = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	link      = regexp.MustCompile(`\]\(([^)\s]+)(?: "([^"]*)")?\)`)
	heading   = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// The code in the guide of patterns is that of the example whose link stands below
// it, so it compiles, runs and prints what it should.
func TestGuideIsExamples(t *testing.T) {
	t.Parallel()
	const guide = "docs/patterns.md"
	text := read(t, guide)
	blocks := goBlock.FindAllStringSubmatchIndex(text, -1)
	if len(blocks) < 20 {
		t.Errorf("%s has %d blocks of Go, expected one for each pattern", guide, len(blocks))
	}
	for _, b := range blocks {
		code := text[b[2]:b[3]]
		at := fmt.Sprintf("%s:%d", guide, 1+strings.Count(text[:b[0]], "\n"))
		m := example.FindStringSubmatch(text[b[1]:])
		if m == nil {
			t.Errorf("%s: no link to an example stands below the code", at)
			continue
		}
		source := read(t, filepath.Join("docs", m[2]))
		if !strings.Contains(source, "\nfunc "+m[1]+"() {") {
			t.Errorf("%s: %s has no %s", at, m[2], m[1])
		}
		if !strings.Contains(unindented(t, source), unindented(t, code)) {
			t.Errorf("%s: the code is not in %s of %s:\n%s", at, m[1], m[2], code)
		}
	}
}

// Settings in the guide are those of a file whose link stands below them.
func TestGuideIsSettings(t *testing.T) {
	t.Parallel()
	text := read(t, "docs/patterns.md")
	blocks := yamlBlock.FindAllStringSubmatch(text, -1)
	if want := strings.Count(text, "```yaml"); len(blocks) != want || want == 0 {
		t.Errorf("%d of %d blocks of settings have a link below", len(blocks), want)
	}
	for _, b := range blocks {
		if !strings.Contains(read(t, filepath.Join("docs", b[2])), b[1]) {
			t.Errorf("these settings are not in %s:\n%s", b[2], b[1])
		}
	}
}

// unindented returns code as gofmt has it, without what goes by its place: how far
// it is indented, and how far comments at the end of lines are.
func unindented(t *testing.T, code string) string {
	t.Helper()
	if out, err := format.Source([]byte(code)); err == nil {
		code = string(out)
	}
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}

// Links of our pages within the repository lead somewhere. One whose title begins
// with the name of a test leads to that test; "Test: promise" is a promise of the
// suite of transports, which the test does not leave out.
func TestLinks(t *testing.T) {
	t.Parallel()
	pages := []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "examples/*/README.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d pages, %v", pattern, len(found), err)
		}
		pages = append(pages, found...)
	}
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(read(t, page), ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			if err := leads(page, m[1], m[2]); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// Each cell of the table of guarantees says no, or names the test that shows it.
func TestGuaranteesNameTheirTests(t *testing.T) {
	t.Parallel()
	_, table, _ := strings.Cut(read(t, "README.md"), "\n| package |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")[1:]
	if len(rows) < 10 {
		t.Errorf("the table has %d rows, expected the guarantees of every transport", len(rows))
	}
	for _, row := range rows {
		cells := strings.Split(strings.Trim(row, "|"), "|")
		if len(cells) != 8 {
			t.Errorf("%d cells, want a name and seven transports: %s", len(cells), row)
		}
		for _, cell := range cells[1:] {
			cell = strings.TrimSpace(cell)
			named := link.FindAllStringSubmatch(cell, -1)
			if cell != "" && !strings.HasPrefix(cell, "no") && len(named) == 0 {
				t.Errorf("%s: %q names no test", cells[0], cell)
			}
			for _, m := range named {
				if m[2] == "" {
					t.Errorf("%s: %s names no test", cells[0], m[1])
				}
			}
		}
	}
}

// leads returns an error unless the target of a link is there, and shows what its
// title says.
func leads(page, target, title string) error {
	file, anchor, _ := strings.Cut(target, "#")
	if file == "" {
		file = page
	} else {
		file = filepath.Join(filepath.Dir(page), file)
	}
	info, err := os.Stat(file)
	if err != nil || info.IsDir() {
		return err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text := string(b)
	if anchor != "" && !anchors(text)[anchor] {
		return fmt.Errorf("%s has no heading #%s", file, anchor)
	}
	test, promise, suite := strings.Cut(title, ": ")
	if test == "" {
		return nil
	}
	if !strings.Contains(text, "\nfunc "+test+"(t *testing.T") {
		return fmt.Errorf("%s has no test %s", file, test)
	}
	if suite {
		return promised(file, text, promise)
	}
	return nil
}

// anchors returns the headings of a page as links spell them.
func anchors(page string) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(m[1]), "")
		out[strings.ReplaceAll(name, " ", "-")] = true
	}
	return out
}

// promised returns an error unless the suite has a promise of that name, and the
// file of the test that runs the suite makes it.
func promised(file, text, promise string) error {
	suite, err := os.ReadFile("event/eventtest/suite.go")
	if err != nil {
		return err
	}
	m := regexp.MustCompile(`\{"` + regexp.QuoteMeta(promise) + `", (nil|func\(b Bus\) bool \{ return b\.(\w+))`).FindSubmatch(suite)
	if m == nil {
		return fmt.Errorf("the suite of transports has no promise %q", promise)
	}
	if field := string(m[2]); field != "" && !regexp.MustCompile(`\b`+field+`(:\s+|\s*=|, promises\.\w+ = )`).MatchString(text) {
		return fmt.Errorf("%s does not promise %q: it does not set %s of eventtest.Bus", file, promise, field)
	}
	return nil
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
