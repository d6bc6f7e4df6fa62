package redisstore_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event/claimcheck"
	"github.com/wireproof/wireproof/event/claimcheck/redisstore"
)

// server returns a client of the server in REDIS_URL. Without it the test is
// skipped, or fails where REQUIRE_SERVICES is 1.
func server(t *testing.T) *redis.Client {
	t.Helper()
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
	return c
}

// What is put is read back, over several parts, and what is not there is missing.
func TestRedis(t *testing.T) {
	s, err := redisstore.New(server(t), time.Minute)
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

// A payload lasts for as long as it was told, from when it was last stored.
func TestExpiry(t *testing.T) {
	c := server(t)
	s, err := redisstore.New(c, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	key := claimcheck.NewRef([]byte(rand.Text()), time.Now()).Key()
	for range 2 {
		if err := s.Put(t.Context(), key, []byte("x")); err != nil {
			t.Fatal(err)
		}
		left, err := c.PTTL(t.Context(), "wireproof:claim:"+key).Result()
		if err != nil || left < 50*time.Minute || left > time.Hour {
			t.Errorf("it lasts for %v (%v), want an hour", left, err)
		}
		if err := c.PExpire(t.Context(), "wireproof:claim:"+key, time.Minute).Err(); err != nil { // an hour minus a minute later
			t.Fatal(err)
		}
	}
	if err := c.Del(t.Context(), "wireproof:claim:"+key).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), key); !errors.Is(err, claimcheck.ErrMissing) {
		t.Errorf("error %v of what has expired, want %v", err, claimcheck.ErrMissing)
	}
}

func TestMistakes(t *testing.T) {
	if _, err := redisstore.New(nil, 0); err == nil {
		t.Error("no client and no expiry: no error")
	}
}
