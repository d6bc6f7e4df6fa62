package s3store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/claimcheck"
	"github.com/wireproof/wireproof/event/claimcheck/s3store"
	"github.com/wireproof/wireproof/event/membus"
)

// server returns a client and a new bucket: of the server that S3_URL names, as
// http://ACCESS-KEY:SECRET@HOST:PORT, or of one in memory.
func server(t *testing.T) (*minio.Client, string) {
	t.Helper()
	address := os.Getenv("S3_URL")
	if address == "" {
		srv := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
		t.Cleanup(srv.Close)
		address = strings.Replace(srv.URL, "http://", "http://key:secret@", 1)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := u.User.Password()
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(u.User.Username(), secret, ""), Region: "us-east-1", MaxRetries: 2})
	if err != nil {
		t.Fatal(err)
	}
	bucket := fmt.Sprintf("claims-%d", time.Now().UnixNano())
	if err := c.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return c, bucket
}

func store(t *testing.T, c *minio.Client, bucket, prefix string) *s3store.Store {
	t.Helper()
	s, err := s3store.New(c, bucket, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *s3store.Store, data []byte, day time.Time) string {
	t.Helper()
	key := claimcheck.NewRef(data, day).Key()
	if err := s.Put(t.Context(), key, data); err != nil {
		t.Fatal(err)
	}
	return key
}

func read(t *testing.T, s *s3store.Store, key string) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// What is put is read back, in parts that the server chooses, and once more after
// it was put again; what is not there is missing, and a bucket that is not there is
// not.
func TestStore(t *testing.T) {
	c, bucket := server(t)
	s := store(t, c, bucket, "shop/")
	for _, size := range []int{1, 100_000, 20 << 20} {
		data := bytes.Repeat([]byte{byte(size)}, size)
		key := put(t, s, data, time.Now())
		put(t, s, data, time.Now())
		if got, err := read(t, s, key); err != nil || !bytes.Equal(got, data) {
			t.Errorf("read %d bytes of %d: %v", len(got), size, err)
		}
	}
	none := claimcheck.NewRef([]byte("nobody has stored this"), time.Now()).Key()
	if _, err := read(t, s, none); !errors.Is(err, claimcheck.ErrMissing) || !strings.Contains(err.Error(), "s3://"+bucket+"/shop/"+none) {
		t.Errorf("error %v, want %v and the name of the object", err, claimcheck.ErrMissing)
	}
	other := store(t, c, bucket+"-none", "")
	if _, err := read(t, other, none); err == nil || errors.Is(err, claimcheck.ErrMissing) {
		t.Errorf("a bucket that is not there: %v", err)
	}
	if err := other.Put(t.Context(), none, []byte("nobody has stored this")); err == nil {
		t.Error("a payload is stored in a bucket that is not there")
	}
}

// Keys come from messages: one that is none reaches no server.
func TestKeys(t *testing.T) {
	c, bucket := server(t)
	s := store(t, c, bucket, "")
	for _, key := range []string{"", "../x", "2026-01-31/../../secret", "2026-01-31/" + strings.Repeat("A", 64)} {
		if err := s.Put(t.Context(), key, []byte("x")); err == nil {
			t.Errorf("put under %q", key)
		}
		if _, err := s.Open(t.Context(), key); err == nil || errors.Is(err, claimcheck.ErrMissing) {
			t.Errorf("open of %q: %v", key, err)
		}
	}
}

// A sweep removes the payloads of old days, over several pages, and nothing else:
// not what is younger, nor what lies beside.
func TestSweep(t *testing.T) {
	c, bucket := server(t)
	s, beside := store(t, c, bucket, "a/"), store(t, c, bucket, "b/")
	now := time.Now()
	old, young := now.AddDate(0, 0, -40), now.AddDate(0, 0, -20)
	const many = 1100
	size := 0
	for i := range many {
		data := fmt.Appendf(nil, "payload %d", i)
		size += len(data)
		put(t, s, data, old)
	}
	kept := []string{put(t, s, []byte("young"), young), put(t, s, []byte("today"), now)}
	elsewhere := put(t, beside, []byte("payload 1"), old)
	stranger := "a/" + old.UTC().Format(time.DateOnly) + "/README"
	if _, err := c.PutObject(t.Context(), bucket, stranger, strings.NewReader("mine"), 4, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sweep(t.Context(), time.Hour); err == nil {
		t.Error("what is an hour old is swept")
	}
	swept, err := s.Sweep(t.Context(), 30*24*time.Hour)
	if err != nil || swept.Objects != many || swept.Bytes != int64(size) {
		t.Errorf("swept %+v, %v, want %d objects of %d bytes", swept, err, many, size)
	}
	for _, key := range kept {
		if _, err := read(t, s, key); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := read(t, beside, elsewhere); err != nil {
		t.Errorf("beside: %v", err)
	}
	if _, err := c.StatObject(t.Context(), bucket, stranger, minio.StatObjectOptions{}); err != nil {
		t.Errorf("what is no payload: %v", err)
	}
	if swept, err := s.Sweep(t.Context(), 30*24*time.Hour); err != nil || swept.Objects != 0 {
		t.Errorf("swept again %+v, %v", swept, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Sweep(ended, 30*24*time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("a sweep that was ended: %v", err)
	}
}

// A large payload goes through the bucket and comes back, and one that somebody has
// changed there does not.
func TestClaimCheck(t *testing.T) {
	c, bucket := server(t)
	s := store(t, c, bucket, "")
	bus := membus.New()
	pub, err := claimcheck.Publisher(bus, s, 1000)
	if err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("x"), 100_000)
	if err := pub.Publish(t.Context(), &event.Message{Topic: "orders", Payload: large}); err != nil {
		t.Fatal(err)
	}
	if m := bus.Messages("orders")[0]; len(m.Payload) != 0 {
		t.Errorf("the broker holds %d bytes", len(m.Payload))
	}
	fetcher, err := claimcheck.NewFetcher(s, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	handle := func() (got []byte, dead int) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := event.Run(ctx, bus.Group(fmt.Sprint("g", time.Now().UnixNano())), []string{"orders"}, func(_ context.Context, d *event.Delivery) error {
			got = d.Payload
			cancel()
			return nil
		}, fetcher.Prepare(), event.Observe(func(o event.Outcome, _ *event.Delivery, _ error) {
			if o == event.DeadLettered {
				dead++
				cancel()
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		return got, dead
	}
	if got, dead := handle(); !bytes.Equal(got, large) || dead != 0 {
		t.Errorf("the handler got %d bytes, %d dead letters", len(got), dead)
	}
	key := claimcheck.NewRef(large, time.Now()).Key()
	if _, err := c.PutObject(t.Context(), bucket, key, bytes.NewReader(large[1:]), int64(len(large)-1), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, dead := handle(); got != nil || dead != 1 {
		t.Errorf("what was changed: the handler got %d bytes, %d dead letters", len(got), dead)
	}
}

func TestMistakes(t *testing.T) {
	c, _ := server(t)
	for want, f := range map[string]func() (*s3store.Store, error){
		"want a client":   func() (*s3store.Store, error) { return s3store.New(nil, "b", "") },
		"bucket \"\"":     func() (*s3store.Store, error) { return s3store.New(c, "", "") },
		"ends in a slash": func() (*s3store.Store, error) { return s3store.New(c, "b", "x") },
	} {
		if s, err := f(); err == nil || s != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
