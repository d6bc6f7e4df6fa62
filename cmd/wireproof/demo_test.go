//go:build !bootstrap

package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/test/kafkatest"
)

// The demo checks its own claims: it fails if one does not hold.
func TestDemo(t *testing.T) { demonstrate(t) }

func TestDemoOnKafka(t *testing.T) {
	demonstrate(t, "--kafka", strings.Join(kafkatest.Real(t), ","))
}

func demonstrate(t *testing.T, flags ...string) {
	t.Helper()
	var out, complaints bytes.Buffer
	code := run(context.Background(), append([]string{"demo"}, flags...), os.Stdin, &out, &complaints)
	if code != exitOK || !strings.Contains(out.String(), "published 11001 = handled 11001, lost 0") {
		t.Errorf("demo exits with %d\n%s\n%s", code, out.String(), complaints.String())
	}
}
