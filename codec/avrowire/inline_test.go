package avrowire_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The helpers that generated code calls for each field are small enough for the
// compiler to inline; one statement more can cost a call for every string.
func TestLeavesAreInlined(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "build", "-gcflags=-m", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, name := range []string{"AppendLong", "AppendBool", "AppendFloat", "AppendDouble", "AppendString", "AppendBytes", "(*Reader).OK", "(*Reader).Leave"} {
		if !strings.Contains(string(out), "can inline "+name+"\n") && !strings.Contains(string(out), "can inline "+name+" ") {
			t.Errorf("%s is not inlined any more", name)
		}
	}
}
