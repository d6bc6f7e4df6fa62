package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/eventlog"
	"github.com/wireproof/wireproof/event/eventlog/filestore"
)

// What is in a message or an error cannot write to the terminal of whoever looks at
// it, and the document is still JSON.
func TestDLQShowsNoControls(t *testing.T) {
	s := shell{t, t.TempDir()}
	store, err := filestore.Open(filepath.Join(s.dir, "events"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := eventlog.New(store)
	if err != nil {
		t.Fatal(err)
	}
	const evil = "\x1b]0;gone\a\u009b2J\u202e"
	err = log.Publish(t.Context(), &event.Message{
		Topic: dlq.Topic("orders", "billing"), Key: []byte("k\u009b2J"), Payload: []byte(`{"a":"` + "\u009b2J" + `"}`),
		Headers: event.Headers{{Key: event.HeaderErrorLast, Value: []byte("no\n" + evil)}, {Key: event.HeaderErrorFirst, Value: []byte(evil)}, {Key: "x" + evil, Value: []byte(evil)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"list", "orders"}, {"list", "orders", "--group-by", "error"}, {"show", "orders", "0:0"}} {
		out, _ := s.run(exitOK, append(append([]string{"dlq"}, args...), "--group", "billing", "--bus", "log:events")...)
		if strings.ContainsAny(out, "\x1b\a\u009b\u202e") {
			t.Errorf("dlq %q prints %q", args, out)
		}
		if args[0] == "show" && !strings.Contains(out, `\u009b2J`) {
			t.Errorf("the document is shown as %q", out)
		}
	}
}
