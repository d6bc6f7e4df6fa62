package sqlitelog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/registry/sqlitelog"
	"github.com/wireproof/wireproof/test/proctest"
)

// A file that may not grow any more refuses writes; everything else works.
func TestFileLimit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log.db")
	out := runVictim(t, nil, path, victimWrites(), limitEnv+"="+strconv.Itoa(3*textSize))
	if len(out.acked) == 0 || out.failed == 0 {
		t.Errorf("%d writes were acknowledged and %d refused, want some of both", len(out.acked), out.failed)
	}
	checkAcked(t, path, out.acked)
}

// A log on a disk that was made read-only opens, is read and refuses writes,
// however it was left.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	for _, left := range []string{"closed in order", "killed"} {
		t.Run(left, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "log.db")
			var held map[string]int
			if left == "killed" {
				held = killVictim(t, path, 20, 0)
			} else {
				held = runVictim(t, nil, path, writesEnv+"=3").acked
			}
			_, err := os.Stat(path + "-wal")
			if wal := err == nil; wal != (left == "killed") {
				t.Fatalf("a log that was %s has a WAL: %v", left, wal)
			}
			chmodAll(t, dir, 0o444, 0o555)
			out := runVictim(t, withoutRights(t), path, writesEnv+"=2")
			if out.failed != 2 || !out.started {
				t.Errorf("of 2 writes to a file without rights %d were refused; started: %v", out.failed, out.started)
			}
			chmodAll(t, dir, 0o644, 0o755)
			checkAcked(t, path, held)
		})
	}
}

// withoutRights returns a command that takes from root what lets it write where
// nobody may.
func withoutRights(t *testing.T) []string {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	return []string{"setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"}
}

func chmodAll(t *testing.T, dir string, file, folder os.FileMode) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Chmod(filepath.Join(dir, e.Name()), file); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, folder); err != nil {
		t.Fatal(err)
	}
}

// TestMounted runs a process on a small file system of its own that gets full,
// gets room, becomes read-only and writable again, with the same log open.
func TestMounted(t *testing.T) {
	t.Parallel()
	if !proctest.RunMounting(t, victimEnv+"="+filepath.Join(t.TempDir(), "log.db"), mountEnv+"=1") {
		t.Log("NOT TESTED on a real file system: TestFileLimit, TestReadOnly and TestDiskErrors need no such right")
	}
}

// mountAndFill is the process of TestMounted.
func mountAndFill(path string) error {
	dir := filepath.Dir(path)
	if err := proctest.Mount(dir, "4m"); err != nil {
		return err
	}
	v := &visitor{path: path, known: map[int]string{}}
	if err := v.open(); err != nil {
		return err
	}
	ballast := filepath.Join(dir, "ballast")
	for _, step := range []struct {
		name     string
		do       func() error
		writable bool
	}{
		{"new", func() error { return nil }, true},
		{"full", func() error { return fillDisk(ballast) }, false},
		{"room again", func() error { return os.Remove(ballast) }, true},
		{"opened when full", func() error { return errors.Join(v.close(), fillDisk(ballast), v.open()) }, false},
		{"room once more", func() error { return os.Remove(ballast) }, true},
		// A file system with files open to be written does not become read-only.
		{"opened when read-only", func() error { return errors.Join(v.close(), remount(dir, syscall.MS_RDONLY), v.open()) }, false},
		{"writable again", func() error { return remount(dir, 0) }, true},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		if err := v.visit(step.name, step.writable); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return v.close()
}

func remount(dir string, flags uintptr) error {
	return syscall.Mount("", dir, "", syscall.MS_REMOUNT|flags, "size=4m")
}

func fillDisk(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, size := range []int{4096, 1} {
		for block := make([]byte, size); err == nil; {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		err = nil
	}
	return nil
}

// A visitor is a client of a registry whose disk misbehaves.
type visitor struct {
	path  string
	log   *sqlitelog.Log
	reg   *registry.Registry
	known map[int]string
}

func (v *visitor) open() (err error) {
	if v.log, err = sqlitelog.Open(context.Background(), v.path); err != nil {
		return err
	}
	v.reg, err = registrytest.OpenToy(context.Background(), v.log)
	return err
}

func (v *visitor) close() error { return errors.Join(v.reg.Close(), v.log.Close()) }

// visit writes, which must work or be refused in the way of the protocol, and
// reads everything that was acknowledged.
func (v *visitor) visit(name string, writable bool) error {
	text := name + strings.Repeat("x", 200_000)
	out, err := v.reg.Register(context.Background(), registry.Registration{Subject: name, Request: api.RegisterRequest{Schema: text}})
	switch {
	case writable && err != nil:
		return fmt.Errorf("register: %w", err)
	case !writable && !errors.Is(err, api.StoreFailure):
		return fmt.Errorf("register = %v, expected code %d", err, api.StoreFailure)
	case err == nil:
		v.known[out.ID] = name
	}
	for id, name := range v.known {
		if got, err := v.reg.ByID(context.Background(), id, ""); err != nil || !strings.HasPrefix(got.Text, name) {
			return fmt.Errorf("id %d of %q was acknowledged and is read as %.40q, %w", id, name, got.Text, err)
		}
	}
	if got := len(v.reg.Subjects(nil, registry.Live)); got != len(v.known) {
		return fmt.Errorf("%d subjects are listed, expected %d", got, len(v.known))
	}
	return nil
}
