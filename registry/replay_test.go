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
	out := map[string]string{"max id": fmt.Sprint(st.maxID)}
	for name, versions := range st.subjects.all() {
		for _, v := range versions {
			out[fmt.Sprintf("%s v%d", name, v.number)] = fmt.Sprintf("id %d, %q, %v, deleted %v, at %d", v.id, v.text, v.refs, v.deleted, v.time)
		}
	}
	names := func(list []api.SubjectVersion) string {
		var out []string
		for _, n := range list {
			out = append(out, fmt.Sprintf("%s v%d", n.Subject, n.Version))
		}
		slices.Sort(out)
		return strings.Join(out, ", ")
	}
	for id, c := range st.byID.all() {
		back, ok := st.byHash.find(c.hash)
		out[fmt.Sprint("id ", id)] = fmt.Sprintf("%q, by hash %d %v, used by %s", c.text, back, ok, names(st.uses.get(id)))
	}
	for target, users := range st.users.all() {
		out[fmt.Sprintf("users of %s v%d", target.Subject, target.Version)] = names(users)
	}
	for name, c := range st.configs.all() {
		out["config "+name] = c.Level()
	}
	return out
}

func randomCommand(r *rand.Rand) command {
	subject := fmt.Sprintf("s%d", r.IntN(6))
	switch r.IntN(12) {
	case 0, 1:
		return SubjectDeletion{Subject: subject, Permanent: r.IntN(2) == 0}
	case 2, 3:
		return VersionDeletion{Subject: subject, Version: r.IntN(5), Permanent: r.IntN(2) == 0}
	case 4:
		return level(subject, []string{"NONE", "BACKWARD", "FULL_TRANSITIVE"}[r.IntN(3)])
	case 5:
		return ConfigDeletion{Subject: subject}
	case 6, 7:
		return referring(subject, fmt.Sprint("a w", r.IntN(4)), api.Reference{Name: "r", Subject: fmt.Sprintf("s%d", r.IntN(6)), Version: Latest})
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
	owner := map[int]hash{}
	for step := range 3000 {
		d, err := decide(p, st, randomCommand(r), time.UnixMilli(int64(step)))
		if err != nil {
			continue
		}
		log = append(log, d.records...)
		frozen, before := st, dump(st)
		st = st.clone()
		st.apply(d.records, Offset(len(log)))
		if step%100 == 0 {
			if diff := cmp.Diff(before, dump(frozen)); diff != "" {
				t.Fatalf("step %d changed a state that others can see (-want +got):\n%s", step, diff)
			}
		}
		for id, c := range st.byID.all() {
			if h, known := owner[id]; known && h != c.hash {
				t.Fatalf("step %d: id %d was given to two contents", step, id)
			}
			owner[id] = c.hash
		}
		for target := range st.users.all() {
			if st.version(target.Subject, target.Version) == nil {
				t.Fatalf("step %d: a reference to %v dangles", step, target)
			}
		}
	}
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
