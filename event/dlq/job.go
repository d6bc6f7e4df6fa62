package dlq

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ErrCancelled is the error of a job that was cancelled: it is never run again.
var ErrCancelled = errors.New("the replay was cancelled")

// ErrPaused is the error of a run that ended before the job was done, because its
// context did. The job can be resumed.
var ErrPaused = errors.New("the replay is paused")

// A Planned letter belongs to the frozen set of a job. Its ReplayID tells it from
// another letter at the same place, Replayed from one that is replayed meanwhile.
type Planned struct {
	Topic    string `json:"topic"`
	Group    string `json:"group"`
	ID       string `json:"id"`
	ReplayID string `json:"replay_id"`
	Replayed int    `json:"replayed"` // how often by then
}

// An Outcome is what became of a letter of a job.
type Outcome string

// The outcomes. All but Failed are final.
const (
	Replayed Outcome = "replayed" // the broker has stored the copy, and it is written down
	Already  Outcome = "already"  // replayed since the set was frozen, by a run that was killed or by somebody else
	Gone     Outcome = "gone"     // no longer among the dead letters
	Failed   Outcome = "failed"   // the next run tries it again
)

// A Record says what became of a letter.
type Record struct {
	Time    time.Time `json:"time"`
	Topic   string    `json:"topic"`
	Group   string    `json:"group"`
	ID      string    `json:"id"`
	Outcome Outcome   `json:"outcome"`
	Error   string    `json:"error,omitempty"`
}

// A Job is a replay of a set of letters that was frozen when the job was made: what
// dies later is none of it. The set is a file that is never changed; beside it,
// under its name and .journal, is a line for what became of each letter, on disk
// before the next ones go. It is for one goroutine, and on Unix for one process: a
// lock on the journal ends with the process.
type Job struct {
	path    string
	plan    plan
	journal *os.File
	size    int64 // of the journal's whole lines

	last      map[letterKey]Record
	cancelled bool
}

type letterKey struct{ topic, group, id string }

func (p *Planned) key() letterKey { return letterKey{p.Topic, p.Group, p.ID} }

// A plan is what the file of a job holds.
type plan struct {
	Version int       `json:"version"`
	Made    time.Time `json:"made"`
	Letters []Planned `json:"letters"`
}

// A journalLine is a Record, or something else that happened to a job.
type journalLine struct {
	Plan      string `json:"plan,omitempty"` // the first line: sum of the plan's bytes
	Cancelled bool   `json:"cancelled,omitempty"`
	*Record
}

// CreateJob freezes a set of letters in a new file. It replays those of a group in
// the order of their ids. A file that is there is not overwritten: the error
// matches [os.ErrExist].
func CreateJob(path string, letters []Planned) (*Job, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("dlq: make the replay %s: %w", path, os.ErrExist)
	}
	sorted := slices.Clone(letters)
	if err := sortPlanned(sorted); err != nil {
		return nil, err
	}
	sorted = slices.CompactFunc(sorted, func(a, b Planned) bool { return a.key() == b.key() })
	text, err := json.MarshalIndent(plan{Version: 1, Made: time.Now().UTC().Truncate(time.Second), Letters: sorted}, "", "  ")
	if err != nil {
		return nil, err
	}
	// The journal comes first: of several who make one at a time, one alone makes it.
	journal, err := os.OpenFile(path+".journal", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("dlq: make the replay %s: %w", path, err)
	}
	if err := errors.Join(journal.Close(), writeWhole(path, append(text, '\n'))); err != nil {
		return nil, errors.Join(fmt.Errorf("dlq: make the replay: %w", err), os.Remove(path+".journal"))
	}
	return OpenJob(path)
}

// sortPlanned sorts by topic, group and place.
func sortPlanned(ps []Planned) error {
	at := make(map[string]place, len(ps))
	for _, p := range ps {
		places, err := parseIDs([]string{p.ID})
		if err != nil {
			return err
		}
		for x := range places {
			at[p.ID] = x
		}
	}
	slices.SortStableFunc(ps, func(a, b Planned) int {
		x, y := at[a.ID], at[b.ID]
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Group, b.Group),
			cmp.Compare(x.partition, y.partition), cmp.Compare(x.offset, y.offset))
	})
	return nil
}

// writeWhole writes a file that is there whole or not at all.
func writeWhole(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// OpenJob opens a job, as far as it has come. The error says so if another process
// has it open, or if the journal is not that of the file.
func OpenJob(path string) (*Job, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("dlq: open the replay: %w", err)
	}
	j := &Job{path: path, last: map[letterKey]Record{}}
	if err := json.Unmarshal(text, &j.plan); err != nil || j.plan.Version != 1 {
		return nil, fmt.Errorf("dlq: %s is no replay of version 1, as dlq replay makes them (version %d): %w", path, j.plan.Version, cmp.Or(err, errors.New("unknown version")))
	}
	if err := sortPlanned(j.plan.Letters); err != nil {
		return nil, fmt.Errorf("dlq: %s: %w", path, err)
	}
	if j.journal, err = lockedFile(path + ".journal"); err != nil {
		return nil, fmt.Errorf("dlq: journal of the replay: %w", err)
	}
	sum := sha256.Sum256(text)
	if err := j.read(hex.EncodeToString(sum[:])); err != nil {
		return nil, errors.Join(fmt.Errorf("dlq: %s.journal: %w", path, err), j.journal.Close())
	}
	return j, nil
}

// read reads the journal. Its last line may be torn by a crash: then what it says
// did not get to the disk, and it is cut off. So with what lies in a hole of zeros: the
// marks tell of the letters whose lines are missing.
func (j *Job) read(sum string) error {
	planned := make(map[letterKey]bool, len(j.plan.Letters))
	for i := range j.plan.Letters {
		planned[j.plan.Letters[i].key()] = true
	}
	whole := int64(0)
	lines := bufio.NewReader(j.journal)
	for n := 1; ; n++ {
		text, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		var l journalLine
		if err := json.Unmarshal(text, &l); err != nil && n > 1 && bytes.IndexByte(text, 0) >= 0 {
			whole += int64(len(text))
			continue // a crash came before all of the last write was on the disk
		} else if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		switch {
		case n == 1 && l.Plan != sum:
			return errors.New("line 1: this is the journal of another set of letters")
		case l.Record != nil && l.Outcome != "":
			key := letterKey{l.Topic, l.Group, l.ID}
			if !planned[key] {
				return fmt.Errorf("line %d: letter %s of %q is not in the set", n, l.ID, Topic(l.Topic, l.Group))
			}
			j.last[key] = *l.Record
		}
		j.cancelled = j.cancelled || l.Cancelled
		whole += int64(len(text))
	}
	j.size = whole
	if err := j.journal.Truncate(whole); err != nil {
		return err
	}
	if whole == 0 {
		return j.write(journalLine{Plan: sum})
	}
	return nil
}

// write appends lines to the journal and returns when they are on disk. What is half
// written is written over by the next.
func (j *Job) write(lines ...journalLine) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	if _, err := j.journal.WriteAt(out.Bytes(), j.size); err != nil {
		return errors.Join(err, j.journal.Truncate(j.size))
	}
	j.size += int64(out.Len())
	return j.journal.Sync()
}

// Letters returns the frozen set, in the order in which it is replayed.
func (j *Job) Letters() []Planned { return slices.Clone(j.plan.Letters) }

// Made returns when the set was frozen, to the second.
func (j *Job) Made() time.Time { return j.plan.Made }

// Cancelled reports whether the job was cancelled.
func (j *Job) Cancelled() bool { return j.cancelled }

// Counts returns how many letters have which outcome; those without one are not
// counted.
func (j *Job) Counts() map[Outcome]int {
	out := map[Outcome]int{}
	for _, r := range j.last {
		out[r.Outcome]++
	}
	return out
}

// Left returns how many letters a run would try.
func (j *Job) Left() int { return len(j.plan.Letters) - len(j.last) + j.Counts()[Failed] }

// Cancel ends the job for good. What was replayed stays replayed.
func (j *Job) Cancel() error {
	if j.cancelled {
		return nil
	}
	if err := j.write(journalLine{Cancelled: true}); err != nil {
		return fmt.Errorf("dlq: cancel the replay %s: %w", j.path, err)
	}
	j.cancelled = true
	return nil
}

// Close gives the job free for others.
func (j *Job) Close() error { return j.journal.Close() }

// Remove closes the job and deletes its files.
func (j *Job) Remove() error {
	return errors.Join(os.Remove(j.path), os.Remove(j.path+".journal"), j.journal.Close())
}
