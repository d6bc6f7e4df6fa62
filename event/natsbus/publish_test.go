package natsbus

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Only what says that a message is stored counts as that.
func TestVerdict(t *testing.T) {
	full := &jetstream.APIError{Code: 503, ErrorCode: 10077}
	for text, want := range map[string]error{
		`{"stream":"orders","seq":12}`:                                       nil,
		`{"stream":"orders","domain":"hub","seq":12,"duplicate": true}`:      nil,
		`{"seq":12,"stream":"orders"}`:                                       nil,
		`{"stream":"\"error\"","seq":12}`:                                    nil,
		`{"error":{"code":503,"err_code":10077},"stream":"orders","seq":0}`:  full,
		`{"stream":"orders","seq":0, "error":{"code":503,"err_code":10077}}`: full,
		`{"stream":"orders","error":null,"seq":3}`:                           nil,
		`{"stream":"","seq":0}`:                                              jetstream.ErrInvalidJSAck,
		`{"stream":"orders"`:                                                 jetstream.ErrInvalidJSAck,
		`{"stream":"`:                                                        jetstream.ErrInvalidJSAck,
		`{}`:                                                                 jetstream.ErrInvalidJSAck,
		`hello`:                                                              jetstream.ErrInvalidJSAck,
		``:                                                                   jetstream.ErrInvalidJSAck,
	} {
		if err := verdict(&nats.Msg{Data: []byte(text)}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
	nobody := &nats.Msg{Header: nats.Header{"Status": []string{"503"}}}
	if err := verdict(nobody); !errors.Is(err, jetstream.ErrNoStreamResponse) {
		t.Errorf("nobody listens: %v", err)
	}
}

// An answer counts once, and not after the attempt.
func TestAnswersOfAnAttempt(t *testing.T) {
	l := &link{inbox: "_INBOX.x.", attempts: map[string]*attempt{}}
	a := l.attempt(3)
	for i := range 3 {
		if ok, err := a.begin(t.Context(), i); !ok || err != nil {
			t.Fatal(i, ok, err)
		}
	}
	answer := func(subject, text string) { l.answered(&nats.Msg{Subject: subject, Data: []byte(text)}) }
	const ok = `{"stream":"s","seq":1}`
	for _, stray := range []string{"_INBOX.x.", "_INBOX.x.1", "_INBOX.x.1.", "_INBOX.x.1.3", "_INBOX.x.1.-1", "_INBOX.x.2.0", "_INBOX.x.1.0.0"} {
		answer(stray, ok)
	}
	answer("_INBOX.x.1.0", ok)
	answer("_INBOX.x.1.0", ok)
	answer("_INBOX.x.1.1", "no")
	if a.inFlight != 1 || a.sent[0] != stored || a.sent[1] != refused || a.sent[2] != waiting || !a.again {
		t.Errorf("in flight %d, sent %v, again %v", a.inFlight, a.sent, a.again)
	}
	l.end(a)
	answer("_INBOX.x.1.2", ok)
	a.answered(2, nil)
	if a.sent[2] != waiting {
		t.Error("an answer counts after the attempt")
	}
}
