package access

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// hashed is cheap, for tests only.
func hashed(t testing.TB, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	// As htpasswd writes it.
	return strings.Replace(string(h), "$2a$", "$2y$", 1)
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func tempFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	writeFile(t, path, text)
	return path
}

// complaints collects what is reported; it is safe for concurrent use.
type complaints struct {
	mu  sync.Mutex
	all []error
}

func (c *complaints) add(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, err)
}

func (c *complaints) take() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.all
	c.all = nil
	return out
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 72)
	path := tempFile(t, "# users\n\nalice:"+hashed(t, "wonder:land")+":readers, writers\nbob:"+hashed(t, long)+"\n")
	p, err := newPasswords(Basic{File: path}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.verify(t.Context(), "alice", "wonder:land")
	if err != nil || fmt.Sprint(got) != "{alice [readers writers] basic}" {
		t.Errorf("alice is %v, %v", got, err)
	}
	if got, err := p.verify(t.Context(), "bob", long); err != nil || got.Name != "bob" || len(got.Groups) > 0 {
		t.Errorf("bob is %v, %v", got, err)
	}
	for _, c := range [][2]string{
		{"alice", "wonder"}, {"alice", ""}, {"alice", long}, {"Alice", "wonder:land"}, {"bob", long + "y"},
		{"carol", "wonder:land"}, {"", ""}, {"alice", strings.Repeat("x", 5000)}, {"# users", ""},
	} {
		if got, err := p.verify(t.Context(), c[0], c[1]); !errors.Is(err, errCredentials) || got.Name != "" {
			t.Errorf("verify(%q, …) = %v, %v, want no one", c[0], got, err)
		}
		if _, ok := p.remembered(c[0], c[1]); ok {
			t.Errorf("a wrong password of %q is remembered", c[0])
		}
	}
	if got, ok := p.remembered("alice", "wonder:land"); !ok || got.Name != "alice" {
		t.Error("a password that was verified is not remembered")
	}
	// The border between name and password is part of what is remembered.
	if _, ok := p.remembered("alicew", "onder:land"); ok {
		t.Error("another name and password pass for one that was verified")
	}
	if cost, err := bcrypt.Cost(p.users.get().decoy); err != nil || cost != bcrypt.MinCost {
		t.Errorf("an unknown user costs %d, %v, want as much as a known one", cost, err)
	}
}

func TestPasswordsAreForgotten(t *testing.T) {
	t.Parallel()
	path := tempFile(t, "alice:"+hashed(t, "one")+"\n")
	synctest.Test(t, func(t *testing.T) {
		var told complaints
		p, err := newPasswords(Basic{File: path}, told.add)
		if err != nil {
			t.Fatal(err)
		}
		known := func(password string) bool {
			_, ok := p.remembered("alice", password)
			return ok
		}
		if _, err := p.verify(t.Context(), "alice", "one"); err != nil || !known("one") {
			t.Fatal("the first password does not work", err)
		}
		// Use keeps it fresh, disuse does not.
		time.Sleep(passwordFresh - time.Second)
		if !known("one") {
			t.Error("a password in use was forgotten")
		}
		time.Sleep(passwordFresh - time.Second)
		if !known("one") {
			t.Error("a password in use was forgotten")
		}
		time.Sleep(passwordFresh + time.Second)
		if known("one") {
			t.Error("an unused password is remembered")
		}
		p.verify(t.Context(), "alice", "one")

		// What does not parse leaves the old passwords, and is told once.
		writeFile(t, path, "alice:canary-secret\n")
		for range 3 {
			time.Sleep(lookEvery)
			if _, err := p.verify(t.Context(), "alice", "one"); err != nil {
				t.Error("a broken file locked everybody out")
			}
		}
		if all := told.take(); len(all) != 1 || !strings.Contains(all[0].Error(), path+":1: the hash of \"alice\"") ||
			strings.Contains(all[0].Error(), "canary") {
			t.Errorf("reported %v, want one error that names the line and no secret", all)
		}
		// A change forgets the old password at once, also a remembered one.
		writeFile(t, path, "alice:"+hashed(t, "two")+"\n")
		time.Sleep(lookEvery)
		if known("one") {
			t.Error("the old password is remembered after a change")
		}
		if _, err := p.verify(t.Context(), "alice", "two"); err != nil {
			t.Error("the new password does not work")
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(lookEvery)
			if _, err := p.verify(t.Context(), "alice", "two"); err != nil {
				t.Error("a missing file locked everybody out")
			}
		}
		if all := told.take(); len(all) != 1 {
			t.Errorf("reported %v, want that the file is missing, once", all)
		}
	})
}

func TestUsersMistakes(t *testing.T) {
	t.Parallel()
	good := hashed(t, "x")
	costly := good[:4] + "31" + good[6:]
	for want, text := range map[string]string{
		"2: expected user:hash":                    "\ncanary",
		"1: expected user:hash or":                 ":" + good,
		"1: expected user:hash or user:":           "a:",
		"1: the hash of \"a\" is not one of":       "a:canary-plain",
		"1: the hash of \"a\" is not one of bcryp": "a:{SHA}canary",
		"1: the hash of \"a\" is not one":          "a:" + good + "canary",
		"1: the hash of \"a\" has cost 31":         "a:" + costly,
		"2: user \"a\" has a line already":         "a:" + good + "\na:" + good,
		"1: ":                                      "a:" + strings.Repeat("canary", 20000),
	} {
		_, err := parseUsers([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("error %v, want %s… and no secret", err, want)
		}
	}
	if _, err := newPasswords(Basic{File: filepath.Join(t.TempDir(), "none")}, nil); err == nil {
		t.Error("a missing file is accepted at start")
	}
}

// Nothing that a password file can hold makes reading it panic, or shows up in
// the error.
func FuzzUsers(f *testing.F) {
	f.Add("alice:" + hashed(f, "x") + ":a,b")
	f.Add("a:$2y$10$canary")
	f.Add(":\n::\n#\n")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseUsers([]byte(text))
		if err == nil && len(u.byName) > strings.Count(text, "\n")+1 {
			t.Errorf("%d users from %q", len(u.byName), text)
		}
	})
}
