package generate_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/internal/generate"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWriteTouchesOnlyWhatDiffers(t *testing.T) {
	dir := t.TempDir()
	current := write(t, dir, "a/same.go", generate.Header+" from a. DO NOT EDIT.\n")
	stale := write(t, dir, "a/stale.go", generate.Header+" old\n")
	extra := write(t, dir, "b/extra.go", generate.Header+" old\n")
	mine := write(t, dir, "b/mine.go", "package b\n")
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(current, long, long); err != nil {
		t.Fatal(err)
	}
	files := []generate.File{
		{Path: "a/new.go", Data: []byte(generate.Header + " new\n")},
		{Path: "a/same.go", Data: []byte(generate.Header + " from a. DO NOT EDIT.\n")},
		{Path: "a/stale.go", Data: []byte(generate.Header + " new\n")},
	}
	want := []generate.Change{{Path: "a/new.go", Kind: "missing"}, {Path: "a/stale.go", Kind: "stale"}, {Path: "b/extra.go", Kind: "extra"}}
	changes, err := generate.Write(dir, files)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(current); err != nil || !info.ModTime().Equal(long) && info.ModTime().Sub(long).Abs() > time.Second {
		t.Errorf("a current file was touched: %v %v", info.ModTime(), err)
	}
	if text, err := os.ReadFile(stale); err != nil || string(text) != generate.Header+" new\n" {
		t.Errorf("stale file = %q, %v", text, err)
	}
	if _, err := os.Stat(extra); !os.IsNotExist(err) {
		t.Errorf("the extra file is still there: %v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("a file without our header was removed: %v", err)
	}
	if again, err := generate.Write(dir, files); err != nil || len(again) != 0 {
		t.Errorf("a second run changes %v, %v", again, err)
	}
}

func TestWriteRefusesToOverwriteWhatIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	mine := write(t, dir, "a.go", "package a\n")
	if _, err := generate.Write(dir, []generate.File{{Path: "a.go", Data: []byte(generate.Header + "\n")}}); err == nil {
		t.Error("a file without our header was overwritten")
	}
	if text, _ := os.ReadFile(mine); string(text) != "package a\n" {
		t.Errorf("file = %q", text)
	}
}
