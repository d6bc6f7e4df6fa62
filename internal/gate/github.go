package gate

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/wireproof/wireproof/compat/rule"
)

// perSeverity is how many annotations of a severity GitHub shows for a step; it
// drops the others without a word.
const perSeverity = 10

// GitHub writes workflow commands that annotate the change under review: at most
// ten for each severity, errors first, then a notice with the number of those
// left out.
func GitHub(w io.Writer, r Result) error {
	out := bufio.NewWriter(w)
	hidden, errors := 0, 0
	for _, p := range r.Problems {
		at := Place{}
		if len(p.Places) > 0 {
			at = p.Places[0]
		}
		if errors++; errors > perSeverity {
			hidden++
			continue
		}
		if at.Label != "" {
			at = Place{} // the baseline is no part of the change
		}
		r.annotate(out, "error", at, "could not check "+p.Subject, strings.Join(p.lines(), "\n"))
	}
	for _, severity := range []rule.Severity{rule.Error, rule.Warning, rule.Info} {
		shown := 0
		if severity == rule.Error {
			shown = errors
		}
		for _, f := range r.Findings {
			if f.Severity != severity {
				continue
			}
			if shown++; shown > perSeverity {
				hidden++
				continue
			}
			text := f.Message + "\n" + f.Why + "\nFix: " + f.Fix + " [id " + f.ID + "]"
			r.annotate(out, githubCommand(severity), f.New, f.Subject+": "+f.Rule.ID, text)
		}
	}
	if hidden > 0 {
		r.annotate(out, "notice", Place{}, "wireproof "+r.command(), plural(hidden, "more finding")+": the log of this step has them all")
	}
	return out.Flush()
}

// githubCommand is the command for a severity; GitHub calls an info a notice.
func githubCommand(s rule.Severity) string {
	if s == rule.Info {
		return "notice"
	}
	return string(s)
}

var (
	escapeData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	escapeProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func (r Result) annotate(w io.Writer, command string, at Place, title, text string) {
	var props []string
	add := func(key, value string) { props = append(props, key+"="+escapeProperty.Replace(value)) }
	if at.Path != "" {
		add("file", r.fromRoot(at.Path))
	}
	if at.Line > 0 {
		add("line", fmt.Sprint(at.Line))
		add("col", fmt.Sprint(at.Col))
		add("endLine", fmt.Sprint(at.EndLine))
		if at.EndLine == at.Line {
			add("endColumn", fmt.Sprint(at.EndCol))
		}
	}
	add("title", title)
	fmt.Fprintf(w, "::%s %s::%s\n", command, strings.Join(props, ","), escapeData.Replace(text))
}
