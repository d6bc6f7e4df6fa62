package gate

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wireproof/wireproof/compat/rule"
)

// Text writes the findings for people: each with its place on both sides, whom
// it breaks and what to do, and a summary at the end. Color asks for ANSI
// colours; whether they are wanted is for the caller to know.
func Text(w io.Writer, r Result, color bool) error {
	out := &textWriter{w: bufio.NewWriter(w), color: color}
	for _, f := range r.Findings {
		out.finding(f)
	}
	for _, p := range r.Problems {
		out.problem(p)
	}
	for _, f := range r.Waived {
		out.printf("%s %s: %s (%s: %s) [%s]\n", out.paint(dim, "waived"), f.Rule.ID, Clean(f.Message), Clean(f.Waiver.Owner), Clean(f.Waiver.Reason), f.ID)
	}
	if len(r.Waived) > 0 {
		out.printf("\n")
	}
	for _, line := range deployLines(r.Changes) {
		out.printf("%s\n", Clean(line))
	}
	out.printf("%s\n", Summary(r))
	if broken, _ := r.broken(); broken > 0 {
		out.printf("%s\n", out.paint(dim, "Meant so? Accept one finding: wireproof waive ID --reason … --owner … --until YYYY-MM-DD"))
	}
	return out.w.Flush()
}

// Lines writes one line for each finding and each problem, in the form that
// editors and grep know: path:line:col: severity RULE subject: message [id].
func Lines(w io.Writer, r Result) error {
	out := bufio.NewWriter(w)
	for _, f := range r.Findings {
		fmt.Fprintf(out, "%s: %s %s %s: %s [%s]\n", Clean(f.New.String()), f.Severity, f.Rule.ID, Clean(f.Subject), Clean(f.Message), f.ID)
	}
	for _, p := range r.Problems {
		for _, line := range p.lines() {
			fmt.Fprintf(out, "%s\n", Clean(line))
		}
	}
	return out.Flush()
}

// lines returns a problem as lines of Lines.
func (p Problem) lines() []string {
	if len(p.Places) == 0 {
		return []string{strings.TrimSpace("could not check "+p.Subject) + ": " + p.Err.Error()}
	}
	out := make([]string, len(p.Places))
	for i, at := range p.Places {
		out[i] = fmt.Sprintf("%s: %s: %s", at, strings.TrimSpace("could not check "+p.Subject), at.Note)
	}
	return out
}

// The colours of ANSI terminals that the text uses.
const (
	red    = "1;31"
	yellow = "1;33"
	blue   = "1;34"
	green  = "1;32"
	bold   = "1"
	dim    = "2"
)

type textWriter struct {
	w     *bufio.Writer
	color bool
}

// printf leaves the error of the writer to Flush, which returns the first.
func (t *textWriter) printf(format string, args ...any) { fmt.Fprintf(t.w, format, args...) }

func (t *textWriter) paint(color, text string) string {
	if !t.color || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func (t *textWriter) finding(f Finding) {
	color := red
	switch f.Severity {
	case rule.Warning:
		color = yellow
	case rule.Info:
		color = blue
	}
	t.printf("%s%s\n", t.paint(color, string(f.Severity)+"["+f.Rule.ID+"]"), t.paint(bold, ": "+Clean(f.Message)))
	width := 1
	for _, line := range []int{f.New.Line, f.Old.Line} {
		width = max(width, len(strconv.Itoa(line)))
	}
	t.snippet("-->", f.New, width, "^", color)
	if f.Old.Note != "" || (f.Old.Line > 0 && f.Old.Text == "" && f.Old.String() != f.New.String()) {
		t.snippet(":::", f.Old, width, "-", blue)
	}
	margin := strings.Repeat(" ", width)
	t.printf("%s%s\n", margin, t.paint(blue, " |"))
	for _, row := range [][2]string{
		{"why", f.Why},
		{"data", f.Decoder},
		{"witness", noWitnessLine(f)},
		{"fix", fixLine(f)},
		{"more", "wireproof explain " + f.Rule.ID + "  [" + f.ID + "]"},
	} {
		if row[1] != "" {
			t.printf("%s%s%-7s %s\n", margin, t.paint(blue, " = "), row[0], Clean(row[1]))
		}
	}
	t.printf("\n")
}

// Explain writes one finding as [Text] does, and its witness in full.
func Explain(w io.Writer, f Finding, color bool) error {
	t := &textWriter{w: bufio.NewWriter(w), color: color}
	t.finding(f)
	if wit := f.Witness; wit != nil {
		writer := "old"
		if wit.Writer == rule.OldReaders {
			writer = "new"
		}
		t.printf("Written with the %s schema:\n%s\n%s", writer, Clean(wit.JSON), hex.Dump(wit.Data))
		if wit.Err != "" {
			t.printf("The other side fails: %s\n", Clean(wit.Err))
		} else {
			t.printf("The other side reads:\n%s\n", Clean(wit.Read))
		}
		t.printf("\n")
	}
	return t.w.Flush()
}

// longMessage is how much of a witness a line shows; the JSON report has it all.
const longMessage = 300

func noWitnessLine(f Finding) string {
	if f.NoWitness != "" {
		return "none: " + f.NoWitness
	}
	return witnessLine(f.Witness)
}

// witnessLine tells the story of a witness.
func witnessLine(w *rule.Witness) string {
	if w == nil {
		return ""
	}
	writer, reader := "old", "new"
	if w.Writer == rule.OldReaders {
		writer, reader = reader, writer
	}
	out := "written with the " + writer + " schema: " + shorten(w.JSON) + bytesOf(w)
	if w.Err != "" {
		out += " → the " + reader + " one fails: " + shorten(w.Err)
	} else {
		out += " → the " + reader + " one reads " + shorten(w.Read)
	}
	if w.Comment != "" {
		out += " (" + w.Comment + ")"
	}
	return out
}

// bytesOf shows a message as bytes too, unless it is written as JSON.
func bytesOf(w *rule.Witness) string {
	const most = 40
	data := w.Data
	switch {
	case string(data) == w.JSON:
		return ""
	case len(data) == 0:
		return " (no bytes)"
	case len(data) > most:
		return fmt.Sprintf(" (%d bytes: %x…)", len(data), data[:most])
	}
	return fmt.Sprintf(" (%s: %x)", plural(len(data), "byte"), data)
}

func shorten(text string) string {
	if len(text) <= longMessage {
		return text
	}
	return strings.ToValidUTF8(text[:longMessage], "") + "…"
}

func fixLine(f Finding) string {
	if f.Edit == nil {
		return f.Fix
	}
	return f.Fix + " (apply with: wireproof check --fix)"
}

// deployLines says in which order to deploy, unless it does not matter.
func deployLines(changes []Change) []string {
	by := map[Deploy][]string{}
	for _, c := range changes {
		by[c.Deploy] = append(by[c.Deploy], c.Subject)
	}
	whole := DeployFirst(changes)
	switch {
	case whole == AnyOrder:
		return nil
	case whole != NoOrder:
		return []string{"deploy " + string(whole)}
	}
	var out []string
	for _, d := range []Deploy{ConsumersFirst, ProducersFirst, NoOrder} {
		if names := by[d]; len(names) > 0 {
			const most = 5
			list := strings.Join(names[:min(len(names), most)], ", ")
			if len(names) > most {
				list += fmt.Sprintf(" and %d more", len(names)-most)
			}
			verb := "deploy " + string(d)
			if d == NoOrder {
				verb = "there is no safe order of deployment"
			}
			out = append(out, verb+": "+list)
		}
	}
	return out
}

// DeployFirst says which side of all changed subjects together goes first.
func DeployFirst(changes []Change) Deploy {
	out := AnyOrder
	for _, c := range changes {
		switch {
		case c.Deploy == AnyOrder || c.Deploy == out:
		case out == AnyOrder:
			out = c.Deploy
		default:
			return NoOrder
		}
	}
	return out
}

// snippet shows a place with a mark under what it spans.
func (t *textWriter) snippet(arrow string, p Place, width int, mark, color string) {
	margin := strings.Repeat(" ", width)
	t.printf("%s%s %s\n", margin, t.paint(blue, arrow), Clean(p.String()))
	if p.Line == 0 || p.Text == "" {
		return
	}
	end := p.EndCol
	if p.EndLine != p.Line {
		end = len(p.Text) + 1
	}
	line, from, to := window(p.Text, p.Col-1, end-1)
	t.printf("%s%s\n", margin, t.paint(blue, " |"))
	t.printf("%s %s\n", t.paint(blue, fmt.Sprintf("%*d |", width, p.Line)), line)
	marks := strings.Repeat(mark, max(1, to-from))
	note := Clean(p.Note)
	if note != "" {
		note = " " + note
	}
	t.printf("%s%s %s%s\n", margin, t.paint(blue, " |"), strings.Repeat(" ", from), t.paint(color, marks+note))
}

// window cuts a line to what fits a screen around the bytes from to to, and
// returns it with their columns in it, in characters from 0.
func window(line string, from, to int) (text string, start, end int) {
	const before, most = 40, 110
	from = min(max(from, 0), len(line))
	to = min(max(to, from), len(line))
	start = utf8.RuneCountInString(line[:from])
	end = start + utf8.RuneCountInString(line[from:to])
	runes := []rune(Clean(line))
	cut := 0
	if len(runes) > most && start > before {
		cut = start - before
	}
	runes = runes[min(cut, len(runes)):]
	lead := ""
	if cut > 0 {
		lead = "…"
	}
	tail := ""
	if len(runes) > most {
		runes, tail = runes[:most], "…"
	}
	start, end = start-cut+len([]rune(lead)), end-cut+len([]rune(lead))
	return lead + string(runes) + tail, start, min(end, most+1)
}

func (t *textWriter) problem(p Problem) {
	if len(p.Places) == 0 {
		t.printf("%s\n\n", t.paint(red, Clean(p.lines()[0])))
		return
	}
	t.printf("%s%s\n", t.paint(red, "could not check"), t.paint(bold, strings.TrimRight(" "+Clean(p.Subject), " ")+": the schema has mistakes"))
	for _, at := range p.Places {
		width := len(strconv.Itoa(at.Line))
		t.snippet("-->", at, width, "^", red)
		if at.Text == "" {
			t.printf("%s %s\n", strings.Repeat(" ", width+3), Clean(at.Note))
		}
	}
	t.printf("\n")
}

// Summary says in one line how many subjects are compatible, new, incompatible or
// not checked, and against what; of a lint, in how many files there are problems.
func Summary(r Result) string {
	if r.Lint {
		return r.lintSummary()
	}
	broken, unchecked := r.broken()
	fresh := len(r.New)
	out := fmt.Sprintf("%s: %d compatible", plural(r.Subjects, "subject"), max(0, r.Subjects-broken-unchecked-fresh))
	if fresh > 0 {
		out += fmt.Sprintf(", %d new", fresh)
	}
	if broken > 0 {
		out += fmt.Sprintf(", %d incompatible", broken)
	}
	if unchecked > 0 {
		out += fmt.Sprintf(", %d not checked", unchecked)
	}
	if errors, warnings := r.Count(rule.Error), r.Count(rule.Warning); errors+warnings > 0 {
		out += fmt.Sprintf(" (%s, %s)", plural(errors, "error"), plural(warnings, "warning"))
	}
	if len(r.Waived) > 0 {
		out += fmt.Sprintf(", %d waived", len(r.Waived))
	}
	if r.Sampled > 0 {
		out += fmt.Sprintf(", %s sampled", plural(r.Sampled, "message"))
	}
	if r.Proved > 0 {
		out += fmt.Sprintf(", %d generated messages tried", r.Proved)
	}
	if r.Against != "" {
		out += ", against " + Clean(shortLabel(r.Against))
	}
	return out + r.took()
}

func (r Result) lintSummary() string {
	bad, open := map[string]bool{}, map[string]bool{}
	for _, f := range r.Findings {
		bad[f.Subject] = true
	}
	for _, p := range r.Problems {
		open[p.Subject] = true
	}
	files := plural(r.Subjects, "file")
	out := "no problems in " + files
	switch n := len(r.Findings); {
	case n > 0:
		out = fmt.Sprintf("%s in %d of %s (%s, %s)", plural(n, "problem"), len(bad), files,
			plural(r.Count(rule.Error), "error"), plural(r.Count(rule.Warning), "warning"))
		if len(open) > 0 {
			out += fmt.Sprintf(", %d not checked", len(open))
		}
	case len(open) > 0:
		out = fmt.Sprintf("%d of %s not checked", len(open), files)
	}
	return out + r.took()
}

// took ends a summary with the time that passed.
func (r Result) took() string {
	if r.Elapsed <= 0 {
		return ""
	}
	return ". " + r.Elapsed.Round(time.Millisecond).String()
}

// command is the name of the command that made the result.
func (r Result) command() string {
	if r.Lint {
		return "lint"
	}
	return "check"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
