package gate

import (
	"cmp"
	"encoding/json"
	"io"

	"github.com/wireproof/wireproof/compat/rule"
)

type gitlabIssue struct {
	Description string         `json:"description"`
	Check       string         `json:"check_name"`
	Fingerprint string         `json:"fingerprint"`
	Severity    string         `json:"severity"`
	Location    gitlabLocation `json:"location"`
}

type gitlabLocation struct {
	Path  string      `json:"path"`
	Lines gitlabLines `json:"lines"`
}

type gitlabLines struct {
	Begin int `json:"begin"`
	End   int `json:"end,omitempty"`
}

// GitLab writes a Code Quality report: findings, and what could not be checked
// as blockers. GitLab shows no entry without a file, so that of a finding that
// has none is the settings file.
func GitLab(w io.Writer, r Result) error {
	issues := []gitlabIssue{}
	for _, p := range r.Problems {
		at := Place{}
		if len(p.Places) > 0 && p.Places[0].Label == "" {
			at = p.Places[0]
		}
		f := rule.Finding{Rule: &rule.Rule{ID: "could not check"}, Message: p.Err.Error()}
		issues = append(issues, gitlabIssue{p.Err.Error(), f.Rule.ID, f.Fingerprint(p.Subject), "blocker", r.gitlabLocation(at)})
	}
	severities := map[rule.Severity]string{rule.Error: "major", rule.Warning: "minor", rule.Info: "info"}
	for _, f := range r.Findings {
		issues = append(issues, gitlabIssue{
			f.Rule.ID + ": " + f.Message + ". " + f.Why + ". Fix: " + f.Fix, f.Rule.ID, f.ID, severities[f.Severity], r.gitlabLocation(f.New),
		})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(issues)
}

func (r Result) gitlabLocation(p Place) gitlabLocation {
	return gitlabLocation{r.fromRoot(cmp.Or(p.Path, "wireproof.yaml")), gitlabLines{max(p.Line, 1), p.EndLine}}
}
