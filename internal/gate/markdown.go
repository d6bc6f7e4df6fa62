package gate

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Markdown writes the result as a table, for the summary of a job.
func Markdown(w io.Writer, r Result) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "### wireproof %s\n\n%s\n", r.command(), markdownCell(Summary(r)))
	for _, line := range deployLines(r.Changes) {
		fmt.Fprintf(out, "\n%s\n", markdownCell(line))
	}
	if len(r.Findings)+len(r.Problems) > 0 {
		fmt.Fprint(out, "\n| | place | subject | finding | fix |\n|---|---|---|---|---|\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(out, "| %s | %s | %s | %s: %s [%s] | %s |\n", f.Severity, markdownCell(f.New.String()), markdownCell(f.Subject),
			f.Rule.ID, markdownCell(f.Message), f.ID, markdownCell(f.Fix))
	}
	for _, p := range r.Problems {
		fmt.Fprintf(out, "| not checked | | %s | %s | |\n", markdownCell(p.Subject), markdownCell(strings.Join(p.lines(), "; ")))
	}
	return out.Flush()
}

var escapeMarkdown = strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ", "`", "\\`", "*", `\*`, "[", `\[`, "_", `\_`)

func markdownCell(text string) string { return escapeMarkdown.Replace(Clean(text)) }
