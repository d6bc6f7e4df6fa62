package breaking

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Formats returns the names of the formats that [Write] knows.
func Formats() []string {
	return []string{"text", "json", "msvs", "junit", "github-actions", "gitlab-code-quality"}
}

// Write prints a result byte for byte as the released command does. Nothing is
// printed of a result without annotations.
func Write(w io.Writer, format string, list []Annotation) error {
	if len(list) == 0 {
		return nil
	}
	var b bytes.Buffer
	var err error
	switch format {
	case "text":
		eachLine(&b, list, Annotation.text)
	case "msvs":
		eachLine(&b, list, Annotation.msvs)
	case "github-actions":
		eachLine(&b, list, Annotation.github)
	case "json":
		encoder := json.NewEncoder(&b)
		for _, a := range list {
			if err == nil {
				err = encoder.Encode(a.json())
			}
		}
	case "gitlab-code-quality":
		err = gitlab(&b, list)
	case "junit":
		err = junit(&b, list)
	default:
		return fmt.Errorf("format %q; expected %s", format, strings.Join(Formats(), ", "))
	}
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

func eachLine(b *bytes.Buffer, list []Annotation, line func(Annotation) string) {
	for _, a := range list {
		b.WriteString(line(a))
		b.WriteByte('\n')
	}
}

func (a Annotation) path() string {
	if a.Path == "" {
		return "<input>"
	}
	return a.Path
}

func (a Annotation) text() string {
	return fmt.Sprintf("%s:%d:%d:%s", a.path(), max(1, a.StartLine), max(1, a.StartColumn), a.Message)
}

func (a Annotation) msvs() string {
	return fmt.Sprintf("%s(%d,%d) : error %s : %s", a.path(), max(1, a.StartLine), max(1, a.StartColumn), a.Type, a.Message)
}

func (a Annotation) github() string {
	var b strings.Builder
	b.WriteString("::error file=" + a.path())
	if a.StartLine > 0 {
		fmt.Fprintf(&b, ",line=%d", a.StartLine)
		if a.StartColumn > 0 {
			fmt.Fprintf(&b, ",col=%d", a.StartColumn)
		}
		if a.EndLine > 0 {
			fmt.Fprintf(&b, ",endLine=%d", a.EndLine)
			if a.EndColumn > 0 {
				fmt.Fprintf(&b, ",endColumn=%d", a.EndColumn)
			}
		}
	}
	return b.String() + "::" + a.Message
}

type jsonAnnotation struct {
	Path        string `json:"path,omitempty"`
	StartLine   int    `json:"start_line,omitempty"`
	StartColumn int    `json:"start_column,omitempty"`
	EndLine     int    `json:"end_line,omitempty"`
	EndColumn   int    `json:"end_column,omitempty"`
	Type        string `json:"type,omitempty"`
	Message     string `json:"message,omitempty"`
}

func (a Annotation) json() jsonAnnotation {
	return jsonAnnotation{a.Path, max(1, a.StartLine), max(1, a.StartColumn), max(1, a.EndLine), max(1, a.EndColumn), a.Type, a.Message}
}

type gitlabIssue struct {
	Description string `json:"description,omitempty"`
	CheckName   string `json:"check_name,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Location    struct {
		Path      string `json:"path,omitempty"`
		Positions struct {
			Begin gitlabPosition `json:"begin"`
			End   gitlabPosition `json:"end"`
		} `json:"positions"`
	} `json:"location"`
	Severity string `json:"severity,omitempty"`
}

type gitlabPosition struct {
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

func gitlab(w io.Writer, list []Annotation) error {
	issues := make([]gitlabIssue, len(list))
	for i, a := range list {
		issue := gitlabIssue{Description: a.Message, CheckName: a.Type, Severity: "minor"}
		issue.Location.Path = a.Path
		issue.Location.Positions.Begin = gitlabPosition{a.StartLine, a.StartColumn}
		issue.Location.Positions.End = gitlabPosition{a.EndLine, a.EndColumn}
		content, err := json.Marshal(issue)
		if err != nil {
			return err
		}
		issue.Fingerprint = hex.EncodeToString(sha3.SumSHAKE256(content, 64))
		issues[i] = issue
	}
	return json.NewEncoder(w).Encode(issues)
}

type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suites  []junitSuite
}

type junitSuite struct {
	XMLName  xml.Name `xml:"testsuite"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Cases    []junitCase
}

type junitCase struct {
	XMLName xml.Name `xml:"testcase"`
	Name    string   `xml:"name,attr"`
	Failure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
	} `xml:"failure"`
}

func junit(w io.Writer, list []Annotation) error {
	var doc junitSuites
	for _, a := range list {
		name := strings.TrimSuffix(a.path(), ".proto")
		i := slices.IndexFunc(doc.Suites, func(s junitSuite) bool { return s.Name == name })
		if i < 0 {
			i = len(doc.Suites)
			doc.Suites = append(doc.Suites, junitSuite{Name: name})
		}
		c := junitCase{Name: a.Type}
		switch {
		case a.StartColumn != 0:
			c.Name += fmt.Sprintf("_%d_%d", a.StartLine, a.StartColumn)
		case a.StartLine != 0:
			c.Name += "_" + strconv.Itoa(a.StartLine)
		}
		c.Failure.Message, c.Failure.Type = a.text(), a.Type
		s := &doc.Suites[i]
		s.Cases = append(s.Cases, c)
		s.Tests, s.Failures = len(s.Cases), len(s.Cases)
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
