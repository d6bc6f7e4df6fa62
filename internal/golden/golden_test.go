package golden

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCase(t *testing.T) {
	t.Parallel()
	p := filepath.Join(t.TempDir(), "some_case.txtar")
	if err := os.WriteFile(p, []byte("A case.\nlevel: FULL\n-- in --\none\n-- want --\ntwo\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := Load(t, p)
	if c.Name != "some_case" || c.Setting("level") != "FULL" || c.Setting("other") != "" {
		t.Errorf("Load = %+v", c)
	}
	if got := c.File(t, "in"); got != "one\n" {
		t.Errorf("File = %q", got)
	}
	if _, ok := c.Lookup("absent"); ok {
		t.Error("Lookup finds a file that is not there")
	}
	c.Golden(t, "want", "two")
	c.Golden(t, "absent", "")
	if got := c.Files(); len(got) != 2 {
		t.Errorf("Files = %q", got)
	}
}
