package bufconfig_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/bufconfig"
)

func TestParseLock(t *testing.T) {
	t.Parallel()
	want := []bufconfig.Locked{{Name: "h/o/a", Commit: "0a", Digest: "b5:1"}, {Name: "h/o/b", Commit: "1b", Digest: "b5:2"}}
	for name, text := range map[string]string{
		"v2": "version: v2\ndeps:\n  - name: h/o/b\n    commit: 1b\n    digest: b5:2\n  - name: h/o/a\n    commit: 0a\n    digest: b5:1\n",
		"v1": "version: v1\ndeps:\n  - remote: h\n    owner: o\n    repository: a\n    commit: 0a\n    digest: b5:1\n  - remote: h\n    owner: o\n    repository: b\n    commit: 1b\n    digest: b5:2\n    branch: main\n",
	} {
		got, err := bufconfig.ParseLock("buf.lock", text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	for text, want := range map[string]string{
		"version: v2\ndeps:\n  - name: h/../b\n    commit: zz\n": "buf.lock:4:",
		"version: v2\ndeps:\n  - name: acme\n    commit: 0a\n":   "expected host/owner/module",
		"deps: []\n": "there is no version",
	} {
		if _, err := bufconfig.ParseLock("buf.lock", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseLock(%q) = %v, want %q", text, err, want)
		}
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add("version: v2\ndeps:\n  - name: h/o/b\n    commit: 1b\n    digest: b5:2\n")
	f.Add("version: v1\ndeps:\n  - {remote: h, owner: .., repository: a, commit: 0a, digest: x}\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := bufconfig.ParseLock("buf.lock", text)
		if err != nil {
			return
		}
		w := &bufconfig.Workspace{Locked: list}
		deps := bufconfig.Cache{Dir: t.TempDir()}.Deps(w)
		if (deps.Missing() == nil) != (len(list) == 0) {
			t.Errorf("%v: an empty cache misses %v", list, deps.Missing())
		}
		if _, err := deps.ReadFile("../x.proto"); err == nil {
			t.Error("a file outside of the cache")
		}
	})
}
