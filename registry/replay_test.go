package registry

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry/api"
)

// dump writes down everything that a state knows.
func dump(st *State) map[string]string {
	out := map[string]string{}
	names := func(list []api.SubjectVersion) string {
		var out []string
		for _, n := range list {
			out = append(out, fmt.Sprintf("%s v%d", n.Subject, n.Version))
		}
		slices.Sort(out)
		return strings.Join(out, ", ")
	}
	st.spaces.Scan(func(context string, sp *space) bool {
		out["context "+context] = fmt.Sprintf("max id %d, listed %v, %d versions", sp.maxID, sp.listed, sp.versions)
		sp.subjects.Scan(func(name string, versions []*version) bool {
			for _, v := range versions {
				out[fmt.Sprintf("%s v%d", v.subject, v.number)] = fmt.Sprintf("id %d, %q, %v, %v, %v, deleted %v, at %d", v.id, v.text, v.refs, plain(v.metadata), v.rules != nil, v.deleted, v.time)
			}
			return true
		})
		sp.byID.Scan(func(id int, e entry) bool {
			back, taken := st.held(e.content, context)
			var users []api.SubjectVersion
			for v := range sp.usesOf(id) {
				users = append(users, v.name())
			}
			out[fmt.Sprint("id ", id, " of ", context)] = fmt.Sprintf("%q, by hash %d %d, used by %s", e.text, back, taken, names(users))
			return true
		})
		return true
	})
	st.users.Scan(func(key string, v *version) bool {
		out["user "+key] = fmt.Sprintf("%s v%d deleted %v", v.subject, v.number, v.deleted)
		return true
	})
	st.names.Scan(func(name string, contexts []string) bool {
		out["contexts of "+name] = strings.Join(contexts, ", ")
		return true
	})
	st.byHash.Scan(func(h string, holders []holder) bool {
		out[fmt.Sprintf("hash %x", h)] = fmt.Sprint(holders)
		return true
	})
	st.configs.Scan(func(scope string, c *api.Config) bool {
		out["config "+scope] = c.Level()
		return true
	})
	st.modes.Scan(func(scope, mode string) bool {
		out["mode "+scope] = mode
		return true
	})
	return out
}

func randomCommand(r *rand.Rand) command {
	context := []string{"", "", ":.c:", ":.d:"}[r.IntN(4)]
	subject := context + fmt.Sprintf("s%d", r.IntN(6))
	switch r.IntN(18) {
	case 0, 1:
		return SubjectDeletion{Subject: subject, Permanent: r.IntN(2) == 0}
	case 2, 3:
		return VersionDeletion{Subject: subject, Version: r.IntN(5), Permanent: r.IntN(2) == 0}
	case 4:
		return level(subject, []string{"NONE", "BACKWARD", "FULL_TRANSITIVE"}[r.IntN(3)])
	case 5:
		return ConfigDeletion{Scope: subject}
	case 6, 7:
		return referring(subject, fmt.Sprint("a w", r.IntN(4)), api.Reference{Name: "r", Subject: fmt.Sprintf("s%d", r.IntN(6)), Version: Latest})
	case 8:
		scope := []string{"", context, subject}[r.IntN(3)]
		return ModeChange{Scope: scope, Mode: []string{"IMPORT", "READWRITE", "READWRITE", "READONLY"}[r.IntN(4)], Force: r.IntN(2) == 0}
	case 9:
		return ModeDeletion{Scope: []string{"", context, subject}[r.IntN(3)], Recursive: r.IntN(2) == 0}
	case 10, 11:
		id := 1 + r.IntN(40)
		out := reg(subject, fmt.Sprint("b w", r.IntN(9)))
		out.Request.ID, out.Request.Version = &id, 1+r.IntN(6)
		return out
	case 12:
		return ContextDeletion{Context: ".d"}
	case 13:
		return Tagging{Subject: subject, Version: Latest, Request: api.TagRequest{Metadata: &api.Metadata{Properties: map[string]string{"k": fmt.Sprint(r.IntN(3))}}}}
	}
	return reg(subject, strings.Repeat("a ", 1+r.IntN(4))+fmt.Sprint("w", r.IntN(3)))
}

// Whatever happens, the state is what the records say: read back as JSON and
// applied at once, they give the same state as one decision after the other. No
// id is given to two contents, and no reference dangles.
func TestReplay(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	p, st := testPolicy(), newState()
	var log []Record
	owner := map[holder]hash{}
	accepted := map[string]int{}
	for step := range 3000 {
		cmd := randomCommand(r)
		d, err := decide(p, st, cmd, time.UnixMilli(int64(step)))
		if err != nil {
			continue
		}
		// An import may bring back an id whose content was purged.
		bringing, _ := cmd.(Registration)
		imported := bringing.Request.ID != nil
		action, _ := cmd.target()
		accepted[action]++
		log = append(log, d.records...)
		frozen, before := st, dump(st)
		st = st.clone()
		st.apply(d.records, Offset(len(log)))
		if step%100 == 0 {
			if diff := cmp.Diff(before, dump(frozen)); diff != "" {
				t.Fatalf("step %d changed a state that others can see (-want +got):\n%s", step, diff)
			}
		}
		st.spaces.Scan(func(context string, sp *space) bool {
			sp.byID.Scan(func(id int, e entry) bool {
				key := holder{context, id}
				if h, known := owner[key]; known && h != e.hash && !imported {
					t.Fatalf("step %d: id %d of %q was given to two contents", step, id, context)
				}
				owner[key] = e.hash
				return true
			})
			return true
		})
		st.users.Scan(func(_ string, v *version) bool {
			for _, target := range v.targets() {
				if st.version(target.Subject, target.Version) == nil {
					t.Fatalf("step %d: a reference to %v dangles", step, target)
				}
			}
			return true
		})
	}
	t.Logf("accepted: %v", accepted)
	text, err := json.Marshal(log)
	if err != nil {
		t.Fatal(err)
	}
	var back []Record
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	again := newState()
	again.apply(back, Offset(len(back)))
	if diff := cmp.Diff(dump(st), dump(again)); diff != "" {
		t.Errorf("replayed state differs (-lived +replayed):\n%s", diff)
	}
}
