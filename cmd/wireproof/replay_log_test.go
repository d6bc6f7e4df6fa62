package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/event/eventlog/filestore"
)

// What the log has removed since the checkpoint is told, and not passed over in
// silence.
func TestReplayLogOfWhatIsGone(t *testing.T) {
	s := shell{t, t.TempDir()}
	store, err := filestore.Open(filepath.Join(s.dir, "events"), filestore.SegmentBytes(0))
	if err != nil {
		t.Fatal(err)
	}
	record := []byte(strings.Repeat("x", 4<<10))
	for range 4 {
		if _, err := store.Append(t.Context(), "orders", [][]byte{record}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Trim(t.Context(), "orders", 3); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	s.write("next", `{"topic":"orders","into":"orders","next":1}`)
	for _, from := range [][]string{{"--checkpoint", "next"}, {"--from", "1"}} {
		_, complaints := s.run(exitOK, append([]string{"replay", "log:events", "--topic", "orders", "--dry-run"}, from...)...)
		if !strings.Contains(complaints, "the log no longer holds offsets 1 to 3") {
			t.Errorf("replay %q says %q", from, complaints)
		}
	}
	if _, complaints := s.run(exitOK, "replay", "log:events", "--topic", "orders", "--dry-run"); strings.Contains(complaints, "warning") {
		t.Errorf("a replay of what there is says %q", complaints)
	}
}
