package javaoracle_test

import (
	"errors"
	"testing"

	"github.com/wireproof/wireproof/test/javaoracle"
)

func TestOracle(t *testing.T) {
	o := javaoracle.Start(t)
	s, err := o.Parse(`{"type":"array","items":"Id"}`, `{"type":"fixed","name":"Id","size":2,"doc":"d"}`)
	if err != nil || s.Canonical != `{"type":"array","items":"Id"}` ||
		s.Parsing != `{"type":"array","items":{"name":"Id","type":"fixed","size":2}}` {
		t.Errorf("Parse = %+v, %v", s, err)
	}
	var refusal *javaoracle.Refusal
	if _, err := o.Parse(`"Nowhere"`); !errors.As(err, &refusal) {
		t.Errorf("Parse of an unknown name = %v, want a refusal", err)
	}
	ok, why, err := o.Compatible(`"int"`, `"long"`)
	if ok || len(why) != 1 || why[0].Type != "TYPE_MISMATCH" || err != nil {
		t.Errorf("Compatible(int, long) = %t, %v, %v", ok, why, err)
	}
	data, err := o.Encode(`["null","int"]`, `{"int":-1}`)
	if err != nil || string(data) != "\x02\x01" {
		t.Errorf("Encode = %x, %v", data, err)
	}
	text, rest, err := o.Decode(`["null","int"]`, `["null","long"]`, append(data, 0))
	if text != "-1" || rest != 1 || err != nil {
		t.Errorf("Decode = %s, %d, %v", text, rest, err)
	}
}
