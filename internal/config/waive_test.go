package config_test

import (
	"strings"
	"testing"

	"github.com/wireproof/wireproof/internal/config"
)

func TestAddWaiver(t *testing.T) {
	t.Parallel()
	w := config.Waiver{ID: "0123456789ab", Reason: `agreed: "yes" # really`, Owner: "team-orders", Until: "2027-01-31"}
	const entry = `- { id: "0123456789ab", reason: "agreed: \"yes\" # really", owner: "team-orders", until: 2027-01-31 }`
	for _, tc := range []struct{ name, text, want string }{
		{"none", "version: 1\n# end\n", "version: 1\n# end\ncheck:\n  waivers:\n    @\n"},
		{"check", "version: 1\ncheck:\n    # soft\n    fail_on: warning\nschemas: s\n", "version: 1\ncheck:\n    waivers:\n      @\n    # soft\n    fail_on: warning\nschemas: s\n"},
		{"empty", "version: 1\ncheck:\n  waivers: []\nschemas: s\n", "version: 1\ncheck:\n  waivers:\n    @\nschemas: s\n"},
		{"null", "version: 1\ncheck:\n  waivers:\nschemas: s\n", "version: 1\ncheck:\n  waivers:\n    @\nschemas: s\n"},
		{
			"some", "version: 1\ncheck:\n  waivers:\n  - {id: a, reason: b, owner: c, until: 2026-01-01} # old\nschemas: s\n",
			"version: 1\ncheck:\n  waivers:\n  @\n  - {id: a, reason: b, owner: c, until: 2026-01-01} # old\nschemas: s\n",
		},
	} {
		got, err := config.AddWaiver(tc.text, w)
		if want := strings.ReplaceAll(tc.want, "@", entry); err != nil || got != want {
			t.Errorf("%s: AddWaiver = %v\n%s\nwant\n%s", tc.name, err, got, want)
		}
	}
	for _, tc := range []struct{ name, text, want string }{
		{"twice", "version: 1\ncheck:\n  waivers:\n  - {id: 0123456789ab, reason: b, owner: c, until: 2026-01-01}\n", "already"},
		{"flow", "version: 1\ncheck: {waivers: [{id: a, reason: b, owner: c, until: 2026-01-01}]}\n", "add the line yourself"},
		{"broken", "version: [\n", "cannot be read"},
		{"two documents", "version: 1\n---\nversion: 1\n", "expected one YAML document"},
		{"other line ends", "version: 1\rcheck:\r  waivers: []\r", "add the line yourself"},
	} {
		if got, err := config.AddWaiver(tc.text, w); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: AddWaiver = %q, %v; want an error with %q", tc.name, got, err, tc.want)
		}
	}
	bad := w
	bad.Until = "soon"
	if _, err := config.AddWaiver("version: 1\n", bad); err == nil {
		t.Error("a day that is none is accepted")
	}
}
