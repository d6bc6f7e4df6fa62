package witness_test

import (
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/witness"
	"github.com/wireproof/wireproof/lang"
)

// looseVerdicts are what no rule minds although data shows it, and why. The laws leave
// it out; a proof does not.
var looseVerdicts = []struct {
	why          string
	typ          lang.Type
	dir          rule.Breaks
	newer, older string
}{
	{"a member of oneOf that takes more may take what another takes; the registry's protocol compares member by member", lang.JSON, rule.Readers,
		`{"oneOf":[{"type":"number","maximum":9},{"type":"number","minimum":5}]}`, `{"oneOf":[{"type":"number","maximum":3},{"type":"number","minimum":5}]}`},
	{"readers of a closed enum put a number aside that they do not know; neither Buf nor the registry minds a new value", lang.Protobuf, rule.OldReaders,
		`syntax = "proto2"; message M { optional E e = 1; } enum E { A = 0; B = 1; }`, `syntax = "proto2"; message M { optional E e = 1; } enum E { A = 0; }`},
	{"a string that is no UTF-8 breaks readers who check; the specification forbids it, and writers of proto2 do not check", lang.Protobuf, rule.Readers,
		`syntax = "proto3"; message M { optional string s = 1; }`, `syntax = "proto2"; message M { optional string s = 1; }`},
}

// TestLooseVerdicts: each is still needed. No rule speaks, and a message does not cross.
func TestLooseVerdicts(t *testing.T) {
	t.Parallel()
	for _, tt := range looseVerdicts {
		newer, older := parseAny(t, tt.typ, "new", tt.newer), parseAny(t, tt.typ, "old", tt.older)
		for _, f := range compat.Default().Check(compat.Full, newer, []compat.Version{{Number: 1, Schema: older}}).Findings {
			if f.Rule.Severity == rule.Error && f.Breaks&tt.dir != 0 {
				t.Errorf("%s speaks: no exception is needed for what %s", f.Rule.ID, tt.why)
			}
		}
		if w, err := witness.Prove(newer, older, tt.dir, 300, 1); err != nil || w == nil {
			t.Errorf("%v, %v: every message crosses, so no exception is needed for what %s", w, err, tt.why)
		}
	}
}
