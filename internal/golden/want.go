package golden

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A Want is a marker: at this line a finding with this id is expected, and its
// message matches the pattern if there is one.
type Want struct {
	File    string
	Line    int
	ID      string
	Pattern *regexp.Regexp // nil matches every message
}

// A Found is what a test found, with every line at which a marker may state it.
type Found struct {
	At      []At
	ID      string
	Message string
}

// At is a line of a file, from 1.
type At struct {
	File string
	Line int
}

var (
	marker = regexp.MustCompile("[ \t]*// want ((?:[ \t]*[A-Z][A-Z0-9_]*(?:[ \t]+`[^`]*`)?)+)[ \t]*$")
	expect = regexp.MustCompile("([A-Z][A-Z0-9_]*)(?:[ \t]+`([^`]*)`)?")
)

// CutWants takes the markers out of text and returns both. A marker ends a line:
//
//	"type": "int" // want AVRO_FIELD_TYPE_CHANGED `from long to int` OTHER_ID
//
// The lines keep their numbers.
func CutWants(file, text string) (string, []Want, error) {
	lines := strings.Split(text, "\n")
	var wants []Want
	for i, line := range lines {
		loc := marker.FindStringSubmatchIndex(line)
		if loc == nil {
			if strings.Contains(line, "// want") {
				return "", nil, fmt.Errorf("%s:%d: marker cannot be read, expected // want ID `pattern`", file, i+1)
			}
			continue
		}
		for _, m := range expect.FindAllStringSubmatch(line[loc[2]:loc[3]], -1) {
			w := Want{File: file, Line: i + 1, ID: m[1]}
			if m[2] != "" {
				p, err := regexp.Compile(m[2])
				if err != nil {
					return "", nil, fmt.Errorf("%s:%d: pattern of marker: %w", file, i+1, err)
				}
				w.Pattern = p
			}
			wants = append(wants, w)
		}
		lines[i] = line[:loc[0]]
	}
	return strings.Join(lines, "\n"), wants, nil
}

// CheckWants fails t for each marker without a finding and each finding without
// a marker. One marker stands for one finding.
func CheckWants(t testing.TB, wants []Want, found []Found) {
	t.Helper()
	for _, problem := range compareWants(wants, found) {
		t.Error(problem)
	}
}

func compareWants(wants []Want, found []Found) []string {
	var problems []string
	left := slices.Clone(wants)
	for _, f := range found {
		i := slices.IndexFunc(left, func(w Want) bool { return w.matches(f) })
		if i < 0 {
			problems = append(problems, fmt.Sprintf("%v: no marker for %s: %s", f.At, f.ID, f.Message))
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, w := range left {
		problems = append(problems, fmt.Sprintf("%s:%d: no finding for marker %s %v", w.File, w.Line, w.ID, w.Pattern))
	}
	return problems
}

func (w Want) matches(f Found) bool {
	return w.ID == f.ID && slices.Contains(f.At, At{w.File, w.Line}) && (w.Pattern == nil || w.Pattern.MatchString(f.Message))
}
