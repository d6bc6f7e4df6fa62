package access

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const (
	maxCost       = 15               // of a hash; more would take seconds for each login
	maxPassword   = 72               // bytes; bcrypt ignores what comes after
	passwordFresh = 10 * time.Minute // unused, until a verified password is checked again
	maxVerified   = 10000            // passwords remembered at once
	maxUsersFile  = 16 << 20         // bytes
	loginWait     = 10 * time.Second // for a processor to check a password on
)

var errCredentials = errors.New("the credentials are not valid")

// A passwords checks names and passwords against a file.
type passwords struct {
	users *reloading[*users]
	busy  chan struct{} // holds a token for each check; they are slow on purpose
}

// users is the content of a password file.
type users struct {
	byName map[string]user
	decoy  []byte // a hash that takes as long as those of real users
	secret [32]byte

	mu       sync.Mutex // guards the field below
	verified map[[sha256.Size]byte]time.Time
}

type user struct {
	hash   []byte
	groups []string
}

func newPasswords(cfg Basic, report func(error)) (*passwords, error) {
	load := func() (*users, error) {
		u, err := loadUsers(cfg.File)
		if err != nil {
			return nil, fmt.Errorf("password file %w", err)
		}
		return u, nil
	}
	file, err := newReloading(load, report, cfg.File)
	if err != nil {
		return nil, fmt.Errorf("basic: %w", err)
	}
	return &passwords{users: file, busy: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}, nil
}

func loadUsers(path string) (*users, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxUsersFile {
		return nil, fmt.Errorf("%s: it has %d bytes, expected at most %d", path, info.Size(), maxUsersFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	u, err := parseUsers(text)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return u, nil
}

// parseUsers reads a password file. Errors begin with the line and quote nothing
// that could be a secret.
func parseUsers(text []byte) (*users, error) {
	u := &users{byName: map[string]user{}, verified: map[[sha256.Size]byte]time.Time{}}
	highest := bcrypt.MinCost
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, ok := strings.Cut(line, ":")
		hash, groups, _ := strings.Cut(rest, ":")
		if !ok || name == "" || hash == "" {
			return nil, fmt.Errorf("%d: expected user:hash or user:hash:group1,group2", n)
		}
		cost, err := bcrypt.Cost([]byte(hash))
		if err != nil || len(hash) != 60 {
			return nil, fmt.Errorf("%d: the hash of %q is not one of bcrypt, as htpasswd -B writes it", n, name)
		}
		if cost > maxCost {
			return nil, fmt.Errorf("%d: the hash of %q has cost %d, expected at most %d", n, name, cost, maxCost)
		}
		if _, twice := u.byName[name]; twice {
			return nil, fmt.Errorf("%d: user %q has a line already", n, name)
		}
		highest = max(highest, cost)
		u.byName[name] = user{hash: []byte(hash), groups: splitList(groups)}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%d: %w", len(u.byName)+1, err)
	}
	rand.Read(u.secret[:])
	var err error
	u.decoy, err = bcrypt.GenerateFromPassword([]byte(rand.Text()), highest)
	return u, err
}

func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// remembered returns the principal of a password that was verified not long ago.
// A change of the file forgets all of them.
func (p *passwords) remembered(name, password string) (Principal, bool) {
	u := p.users.get()
	mark := u.mark(name, password)
	now := time.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	if until, ok := u.verified[mark]; !ok || now.After(until) {
		return Principal{}, false
	}
	u.verified[mark] = now.Add(passwordFresh)
	return u.principal(name), true
}

// verify checks a password at full price, which is the same for a user that does
// not exist.
func (p *passwords) verify(ctx context.Context, name, password string) (Principal, error) {
	ctx, cancel := context.WithTimeout(ctx, loginWait)
	defer cancel()
	select {
	case p.busy <- struct{}{}:
		defer func() { <-p.busy }()
	case <-ctx.Done():
		return Principal{}, errBusy
	}
	u := p.users.get()
	known, ok := u.byName[name]
	hash := u.decoy
	if ok {
		hash = known.hash
	}
	// A longer one would be cut short, and its beginning alone would do.
	tooLong := len(password) > maxPassword
	if tooLong {
		password = password[:maxPassword]
	}
	if err := bcrypt.CompareHashAndPassword(hash, []byte(password)); err != nil || !ok || tooLong {
		return Principal{}, errCredentials
	}
	u.remember(u.mark(name, password), time.Now())
	return u.principal(name), nil
}

func (u *users) principal(name string) Principal {
	return Principal{Name: name, Groups: u.byName[name].groups, How: HowBasic}
}

// mark stands for a name and a password. Its key is random and in memory only,
// so that the marks tell nothing.
func (u *users) mark(name, password string) (out [sha256.Size]byte) {
	h := hmac.New(sha256.New, u.secret[:])
	fmt.Fprintf(h, "%d:%s%s", len(name), name, password)
	h.Sum(out[:0])
	return out
}

func (u *users) remember(mark [sha256.Size]byte, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.verified) >= maxVerified {
		clear(u.verified)
	}
	u.verified[mark] = now.Add(passwordFresh)
}
