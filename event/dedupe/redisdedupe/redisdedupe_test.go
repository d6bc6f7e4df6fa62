package redisdedupe_test

import (
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dedupe"
	"github.com/wireproof/wireproof/event/dedupe/dedupetest"
	"github.com/wireproof/wireproof/event/dedupe/redisdedupe"
)

func client(t *testing.T) redis.UniversalClient {
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

func TestRedis(t *testing.T) {
	dedupetest.Run(t, true, func(t *testing.T, claim, done time.Duration) event.Deduper {
		d, err := redisdedupe.New(client(t), dedupe.Times{Claim: claim, Done: done})
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}

func TestTimes(t *testing.T) {
	if _, err := redisdedupe.New(nil, dedupe.Times{}); err == nil {
		t.Error("no times: no error")
	}
}
