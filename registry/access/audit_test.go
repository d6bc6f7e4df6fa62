package access

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

func TestAuditLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := NewAudit(&out, func(err error) { t.Error(err) })
	ctx := WithPrincipal(t.Context(), Principal{Name: "al\nice", Groups: []string{"g"}, How: HowBasic})
	ctx = WithRequest(ctx, Request{Remote: "192.0.2.1", ID: "r-1"})
	a.Write(ctx, registry.Write{Action: "register", Subject: ":.c:s\n\u2028", Version: 2, ID: 7, Before: "b", After: "a"})
	a.Write(ctx, registry.Write{Action: "register", Subject: "s", Err: api.InvalidSchema.With("canary")})
	a.Write(ctx, registry.Write{Action: "set_mode", Err: fmt.Errorf("x: %w", api.StoreFailure.With("canary"))})
	a.Write(context.Background(), registry.Write{Action: "register", Subject: "s", Err: errors.New("canary")})
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`"who":"al\nice","how":"basic","remote":"192.0.2.1","request_id":"r-1","action":"register","subject":":.c:s\n\u2028","version":2,"id":7,"before":"b","after":"a","result":"ok"}`,
		`"action":"register","subject":"s","result":"refused","error_code":42201,"error":"The text does not parse, or a reference leads nowhere."}`,
		`"action":"set_mode","subject":"","result":"failed","error_code":50001,"error":"The log could not be written; nothing was stored, or the answer was lost. Asking again is safe."}`,
		`"who":"anonymous","how":"anonymous","action":"register","subject":"s","result":"failed","error_code":500,"error":"The server failed; its log says why."}`,
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(lines), len(want), out.String())
	}
	for i, l := range lines {
		var m map[string]any
		if err := json.Unmarshal([]byte(l), &m); err != nil || !strings.HasSuffix(l, want[i]) {
			t.Errorf("line %d: %s, %v, want …%s", i, l, err, want[i])
		}
		if when, err := time.Parse(time.RFC3339, fmt.Sprint(m["time"])); err != nil || time.Since(when) > time.Hour {
			t.Errorf("line %d: time %v, %v", i, m["time"], err)
		}
	}
	if strings.Contains(out.String(), "canary") {
		t.Error("the text of an error is in the log")
	}
}

func TestAuditReopens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	writeFile(t, path, "before\n")
	a, err := OpenAudit(path, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				a.Write(t.Context(), registry.Write{Action: "register", Subject: fmt.Sprint(i, "-", j)})
			}
		})
	}
	for i := range 5 {
		if err := os.Rename(path, fmt.Sprint(path, ".", i)); err != nil {
			t.Fatal(err)
		}
		if err := a.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Reopen(); err == nil {
		t.Error("a closed log opens again")
	}
	all, err := filepath.Glob(path + "*")
	if err != nil || len(all) != 6 {
		t.Fatalf("files %v, %v, want 6", all, err)
	}
	lines := 0
	for _, p := range all {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(text), `"subject":"`)
		if strings.HasSuffix(p, ".0") && !strings.HasPrefix(string(text), "before\n") {
			t.Error("what was there before is gone")
		}
	}
	if lines != 400 {
		t.Errorf("%d lines in all files, want 400", lines)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the new file has mode %v, %v, want 0600", info.Mode(), err)
	}
	if _, err := OpenAudit(t.TempDir(), nil); err == nil {
		t.Error("a folder is accepted as audit log")
	}
}

// A disk that hangs delays the first writer for a while and the others not at
// all; what waited is written when it comes back.
func TestAuditDoesNotBlock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := &hanging{free: make(chan struct{})}
		var told complaints
		a := NewAudit(disk, told.add)
		begin := time.Now()
		for range auditQueue + 10 {
			a.Write(t.Context(), registry.Write{Action: "register"})
		}
		if took := time.Since(begin); took != auditWait {
			t.Errorf("the writers waited %v in all, want %v", took, auditWait)
		}
		if all := told.take(); len(all) != 10 || !strings.Contains(all[0].Error(), "not been written") || !strings.Contains(all[9].Error(), "is lost") {
			t.Errorf("reported %d: %v, want the hang and 9 lost lines", len(all), all)
		}
		if err := a.Reopen(); err != nil {
			t.Error(err) // there is no file
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Close(ctx); err == nil {
			t.Error("closed although the disk hangs")
		}
		close(disk.free)
		if err := a.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if disk.lines != auditQueue+1 {
			t.Errorf("%d lines arrived, want %d", disk.lines, auditQueue+1)
		}
		a.Write(t.Context(), registry.Write{})
		if all := told.take(); len(all) != 1 {
			t.Errorf("reported %v, want that a line came too late", all)
		}
	})
}

type hanging struct {
	free  chan struct{}
	lines int
}

func (h *hanging) Write(p []byte) (int, error) {
	<-h.free
	h.lines++
	return len(p), nil
}

func TestAuditReportsFailures(t *testing.T) {
	t.Parallel()
	var told complaints
	a := NewAudit(full{}, told.add)
	a.Write(t.Context(), registry.Write{Action: "register"})
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all := told.take(); len(all) != 1 || !strings.Contains(all[0].Error(), "disk full") {
		t.Errorf("reported %v, want that the disk is full", all)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }
