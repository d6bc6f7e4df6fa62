package gate

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
)

type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr,omitempty"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string      `xml:"name,attr"`
		Class   string      `xml:"classname,attr"`
		File    string      `xml:"file,attr,omitempty"`
		Error   *junitFault `xml:"error"`
		Failure *junitFault `xml:"failure"`
		Out     string      `xml:"system-out,omitempty"`
	}
	junitFault struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes a test case for each subject, those that pass included. Findings
// that fail are its failure, others its output, and what could not be checked is
// its error.
func JUnit(w io.Writer, r Result) error {
	suite := junitSuite{Name: "wireproof " + r.command()}
	if !r.Lint {
		suite.Name += " against " + r.Against
	}
	if r.Elapsed > 0 {
		suite.Time = fmt.Sprintf("%.3f", r.Elapsed.Seconds())
	}
	names := slices.Clone(r.Names)
	for _, f := range r.Findings {
		names = append(names, f.Subject)
	}
	for _, p := range r.Problems {
		names = append(names, p.Subject)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		c := r.junitCase(name)
		suite.Tests++
		if c.Error != nil {
			suite.Errors++
		}
		if c.Failure != nil {
			suite.Failures++
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (r Result) junitCase(subject string) junitCase {
	c := junitCase{Name: subject, Class: "wireproof." + r.command()}
	if subject == "" {
		c.Name = "schemas and settings"
	}
	for _, f := range r.Findings {
		if f.Subject != subject {
			continue
		}
		text := fmt.Sprintf("%s: %s %s: %s [%s]\n%s\nFix: %s\n", f.New, f.Severity, f.Rule.ID, f.Message, f.ID, f.Why, f.Fix)
		if !r.fails(f) {
			c.Out += cleanLines(text)
			continue
		}
		if c.Failure == nil {
			c.Failure = &junitFault{Message: Clean(f.Message), Type: f.Rule.ID}
			c.File = r.fromRoot(f.New.Path)
		}
		c.Failure.Text += cleanLines(text)
	}
	for _, p := range r.Problems {
		if p.Subject != subject {
			continue
		}
		if c.Error == nil {
			c.Error = &junitFault{Message: Clean(p.Err.Error()), Type: "could not check"}
		}
		c.Error.Text += cleanLines(strings.Join(p.lines(), "\n") + "\n")
	}
	return c
}

// cleanLines is clean line by line.
func cleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}
