package gate

import (
	"encoding/json"
	"io"
	"net/url"
	"path"
	"unicode/utf16"

	"github.com/wireproof/wireproof/compat/rule"
)

// The parts of SARIF 2.1.0 that a check needs (OASIS, sarif-v2.1.0-errata01).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool              sarifTool              `json:"tool"`
		AutomationDetails sarifID                `json:"automationDetails"`
		ColumnKind        string                 `json:"columnKind"`
		BaseIDs           map[string]sarifBaseID `json:"originalUriBaseIds"`
		Invocations       []sarifInvocation      `json:"invocations"`
		Results           []sarifResult          `json:"results"`
	}
	sarifID struct {
		ID string `json:"id"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string       `json:"id"`
		Short   sarifMessage `json:"shortDescription"`
		Full    sarifMessage `json:"fullDescription"`
		Help    sarifMessage `json:"help"`
		Default sarifLevel   `json:"defaultConfiguration"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifBaseID struct {
		Description sarifMessage `json:"description"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		ExitCode      int                 `json:"exitCode"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifMessage       `json:"message"`
		Locations    []sarifLocation    `json:"locations,omitempty"`
		Related      []sarifLocation    `json:"relatedLocations,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Fixes        []sarifFix         `json:"fixes,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   map[string]any     `json:"properties,omitempty"`
	}
	sarifLocation struct {
		ID       int            `json:"id,omitempty"`
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Message  *sarifMessage  `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI    string `json:"uri"`
		BaseID string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine   int  `json:"startLine,omitempty"`
		StartColumn int  `json:"startColumn,omitempty"`
		EndLine     int  `json:"endLine,omitempty"`
		EndColumn   int  `json:"endColumn,omitempty"`
		ByteOffset  *int `json:"byteOffset,omitempty"`
		ByteLength  *int `json:"byteLength,omitempty"`
	}
	sarifFix struct {
		Description sarifMessage  `json:"description"`
		Changes     []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		Artifact     sarifArtifact      `json:"artifactLocation"`
		Replacements []sarifReplacement `json:"replacements"`
	}
	sarifReplacement struct {
		Deleted  sarifRegion  `json:"deletedRegion"`
		Inserted sarifMessage `json:"insertedContent"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
)

// SARIF writes the result in the Static Analysis Results Interchange Format
// 2.1.0, for code scanning. Waived findings are there as suppressed ones, and
// what could not be checked is a notification of an invocation that failed.
func SARIF(w io.Writer, r Result) error {
	run := sarifRun{
		Tool:              sarifTool{sarifDriver{Name: "wireproof", Version: r.Tool, Rules: []sarifRule{}}},
		AutomationDetails: sarifID{"wireproof/" + r.command() + "/"},
		ColumnKind:        "utf16CodeUnits",
		BaseIDs:           map[string]sarifBaseID{"SRCROOT": {sarifMessage{"The root of the repository."}}},
		Results:           []sarifResult{},
	}
	invocation := sarifInvocation{Successful: len(r.Problems) == 0, ExitCode: ExitCode(r)}
	for _, p := range r.Problems {
		n := sarifNotification{Level: "error", Message: sarifMessage{p.Err.Error()}}
		for _, at := range p.Places {
			if l, ok := r.location(at); ok && at.Label == "" {
				n.Locations = append(n.Locations, l)
			}
		}
		invocation.Notifications = append(invocation.Notifications, n)
	}
	run.Invocations = []sarifInvocation{invocation}
	index := map[string]int{}
	for _, f := range append(append([]Finding{}, r.Findings...), r.Waived...) {
		i, ok := index[f.Rule.ID]
		if !ok {
			i = len(run.Tool.Driver.Rules)
			index[f.Rule.ID] = i
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
				ID: f.Rule.ID, Short: sarifMessage{f.Rule.Title()}, Full: sarifMessage{paragraph(f.Rule.Doc)}, Help: sarifMessage{f.Rule.Doc},
				Default: sarifLevel{sarifSeverity(f.Rule.Severity)},
			})
		}
		run.Results = append(run.Results, r.sarifResult(f, i))
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func sarifSeverity(s rule.Severity) string {
	switch s {
	case rule.Error:
		return "error"
	case rule.Warning:
		return "warning"
	}
	return "note"
}

func (r Result) sarifResult(f Finding, index int) sarifResult {
	out := sarifResult{
		RuleID: f.Rule.ID, RuleIndex: index, Level: sarifSeverity(f.Severity),
		Message:      sarifMessage{f.Message + "\n" + f.Why + "\nFix: " + f.Fix},
		Fingerprints: map[string]string{"wireproof/v1": f.ID},
		Properties:   map[string]any{"subject": f.Subject},
	}
	if f.Level != "" {
		out.Properties["level"], out.Properties["versions"] = f.Level, f.Versions
	}
	if w := reportedWitness(f.Witness); w != nil {
		out.Properties["witness"] = w
	}
	if l, ok := r.location(f.New); ok {
		out.Locations = []sarifLocation{l}
	}
	if l, ok := r.location(f.Old); ok {
		l.ID, l.Message = 1, &sarifMessage{f.Old.String() + ": " + f.Old.Note}
		out.Related = []sarifLocation{l}
	}
	if f.Edit != nil {
		length := f.Edit.Pos.End - f.Edit.Pos.Start
		out.Fixes = []sarifFix{{sarifMessage{f.Fix}, []sarifChange{{r.artifact(f.Edit.Pos.Path), []sarifReplacement{
			{sarifRegion{ByteOffset: &f.Edit.Pos.Start, ByteLength: &length}, sarifMessage{f.Edit.Text}},
		}}}}}
	}
	if f.Waiver != nil {
		out.Suppressions = []sarifSuppression{{"external", f.Waiver.Owner + ": " + f.Waiver.Reason}}
	}
	return out
}

// location is false for a place without a file. One in another version has an
// address of its own, for no file of the work tree holds it.
func (r Result) location(p Place) (sarifLocation, bool) {
	if p.Path == "" && p.Label == "" {
		return sarifLocation{}, false
	}
	artifact := r.artifact(p.Path)
	if p.Label != "" {
		artifact = sarifArtifact{URI: (&url.URL{Scheme: "wireproof", Path: "/" + path.Join(p.Label, p.Path)}).String()}
	}
	l := sarifLocation{Physical: &sarifPhysical{Artifact: artifact}}
	if p.Line > 0 {
		l.Physical.Region = &sarifRegion{StartLine: p.Line, StartColumn: utf16Column(p.Text, p.Col), EndLine: p.EndLine}
		if p.EndLine == p.Line {
			l.Physical.Region.EndColumn = utf16Column(p.Text, p.EndCol)
		}
	}
	return l, true
}

func (r Result) artifact(name string) sarifArtifact {
	return sarifArtifact{URI: (&url.URL{Path: r.fromRoot(name)}).EscapedPath(), BaseID: "SRCROOT"}
}

// fromRoot returns a path of the work tree as seen from the root of the
// repository, where services that show findings look.
func (r Result) fromRoot(name string) string {
	if name == "" {
		return ""
	}
	return path.Join(r.Base, name)
}

// utf16Column converts a column in bytes to one in UTF-16 code units.
func utf16Column(line string, col int) int {
	if col < 1 || col-1 > len(line) {
		return max(col, 1)
	}
	return len(utf16.Encode([]rune(line[:col-1]))) + 1
}
