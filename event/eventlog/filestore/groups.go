package filestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A place is what a group has read of a topic.
type place struct{ Group, Topic string }

// groups is how far groups have read, and who reads: the first in a file of lines,
// of which the last about a place counts, the second in memory, since one process
// has the folder.
//
// A line is the CRC-32C of its JSON in eight hexadecimal digits, a space, the JSON
// [group, topic, offset], and a newline. A last line that is not whole is cut off.
// What a line says is not synced at once: a crash of the machine may leave a hole of
// zeros, with whole lines behind it. It is passed over.
type groups struct {
	name string
	open func(name string, flag int) (file, error)

	mu      sync.Mutex // guards the fields below
	closed  bool
	file    file
	size    int64
	anewAt  int64 // the size at which it is written anew
	at      map[place]int64
	holders map[place]holder
}

type holder struct {
	name  string
	until time.Time
}

// rewriteFrom is the least size of the file at which it is written anew.
const rewriteFrom = 1 << 20

func openGroups(name string, open func(string, int) (file, error)) (*groups, error) {
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	g := &groups{name: name, open: open, anewAt: rewriteFrom, at: map[place]int64{}, holders: map[place]holder{}}
	rest := string(text)
	for rest != "" {
		line, more, whole := strings.Cut(rest, "\n")
		p, at, err := parseGroup(line)
		if err != nil && whole && strings.Contains(line, "\x00") {
			rest = more
			continue
		}
		if err != nil || !whole {
			if strings.Contains(more, "\n") {
				return nil, damaged(name, int64(len(text)-len(rest)), "a line is not as it was written, and others follow")
			}
			break
		}
		g.at[p], rest = at, more
	}
	g.size = int64(len(text) - len(rest))
	if g.file, err = open(name, os.O_RDWR|os.O_CREATE); err != nil {
		return nil, fmt.Errorf("filestore: %w", err)
	}
	if err := g.file.Truncate(g.size); err != nil {
		return nil, errors.Join(fmt.Errorf("filestore: %w", err), g.file.Close())
	}
	if err := g.shrink(); err != nil {
		return nil, errors.Join(err, g.file.Close())
	}
	return g, nil
}

func parseGroup(line string) (place, int64, error) {
	sum, text, ok := strings.Cut(line, " ")
	want, err := strconv.ParseUint(sum, 16, 32)
	if !ok || err != nil || crc32.Checksum([]byte(text), table) != uint32(want) {
		return place{}, 0, errors.New("its sum is wrong")
	}
	var p place
	var at int64
	if err := json.Unmarshal([]byte(text), &[]any{&p.Group, &p.Topic, &at}); err != nil {
		return place{}, 0, err
	}
	return p, at, nil
}

func groupLine(p place, at int64) string {
	text, err := json.Marshal([]any{p.Group, p.Topic, at})
	if err != nil {
		panic(err) // strings and a number can be written
	}
	return fmt.Sprintf("%08x %s\n", crc32.Checksum(text, table), text)
}

// shrink replaces the file, if it has become large, by one without what no longer
// counts. If that cannot be, the old one goes on, and it is tried again when that has
// twice the size; the error is that nobody knows which of them a crash leaves. mu is
// held.
func (g *groups) shrink() error {
	if g.size < g.anewAt {
		return nil
	}
	g.anewAt = 2 * g.size
	tmp := g.name + ".new"
	f, err := g.open(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil
	}
	var b strings.Builder
	for p, at := range g.at {
		b.WriteString(groupLine(p, at))
	}
	if _, err = f.WriteAt([]byte(b.String()), 0); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(tmp, g.name)
	}
	if err != nil {
		_ = f.Close()
		return nil
	}
	_ = g.file.Close() // nothing of it counts any more
	g.file, g.size = f, int64(b.Len())
	g.anewAt = max(rewriteFrom, 2*g.size)
	return syncDir(filepath.Dir(g.name))
}

func (g *groups) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	return errors.Join(g.file.Sync(), g.file.Close())
}

// put notes how far a group has come. mu is held.
func (g *groups) put(p place, at int64) error {
	if g.closed {
		return ErrClosed
	}
	line := groupLine(p, at)
	if _, err := g.file.WriteAt([]byte(line), g.size); err != nil {
		return errors.Join(fmt.Errorf("filestore: write %s: %w", g.name, err), g.file.Truncate(g.size))
	}
	g.size += int64(len(line))
	g.at[p] = at
	return g.shrink()
}

func (g *groups) take(p place, name string, lease time.Duration) (int64, bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, false, ErrClosed
	}
	now := time.Now()
	if h, ok := g.holders[p]; ok && h.until.After(now) {
		return 0, false, nil
	}
	g.holders[p] = holder{name, now.Add(lease)}
	return g.at[p], true, nil
}

func (g *groups) extend(p place, name string, lease time.Duration) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false, ErrClosed
	}
	if g.holders[p].name != name {
		return false, nil
	}
	g.holders[p] = holder{name, time.Now().Add(lease)}
	return true, nil
}

func (g *groups) save(p place, name string, at int64) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holders[p].name != name {
		return false, nil
	}
	return true, g.put(p, at)
}

func (g *groups) leave(p place, name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	if g.holders[p].name != name {
		return nil
	}
	delete(g.holders, p)
	return g.file.Sync()
}

func (g *groups) position(p place) (int64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, ErrClosed
	}
	return g.at[p], nil
}

func (g *groups) seek(p place, at int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.put(p, at); err != nil {
		return err
	}
	delete(g.holders, p)
	return g.file.Sync()
}
