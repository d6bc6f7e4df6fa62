package redisstore_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event/claimcheck"
	"github.com/wireproof/wireproof/event/claimcheck/redisstore"
)

// What is put is read back, over several parts, and what is not there is missing.
func TestRedis(t *testing.T) {
	url := os.Getenv("REDIS_URL")
	if url == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("REDIS_URL names no server")
		}
		t.Skip("REDIS_URL names no server")
	}
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(opts)
	t.Cleanup(func() { c.Close() })
	s, err := redisstore.New(c, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789"), 250_000)
	key := claimcheck.NewRef(data, time.Now()).Key()
	if err := s.Put(t.Context(), key, data); err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes of %d: %v", len(got), len(data), err)
	}
	none := claimcheck.NewRef([]byte("nobody has stored this"), time.Now()).Key()
	if _, err := s.Open(t.Context(), none); !errors.Is(err, claimcheck.ErrMissing) {
		t.Errorf("error %v, want %v", err, claimcheck.ErrMissing)
	}
}

func TestExpiry(t *testing.T) {
	if _, err := redisstore.New(nil, 0); err == nil {
		t.Error("no client and no expiry: no error")
	}
}
