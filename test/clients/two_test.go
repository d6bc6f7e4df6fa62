package clients_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/riferrei/srclient"
	"github.com/twmb/franz-go/pkg/sr"
)

// A shared store is one that several servers can work on. Its arguments name a
// new one each time.
type shared struct {
	name string
	args func(t *testing.T) []string
}

var sharedStores = []shared{
	{"postgres", func(t *testing.T) []string {
		needs(t, "POSTGRES_URL")
		return []string{
			"--store", "postgres", "--set", "store.postgres.url_env=POSTGRES_URL",
			"--set", fmt.Sprintf("store.postgres.schema=clients_%d", time.Now().UnixNano()),
		}
	}},
	{"kafka", func(t *testing.T) []string {
		name := fmt.Sprintf("clients-%d", time.Now().UnixNano())
		return []string{
			"--store", "kafka", "--set", "store.kafka.brokers=" + needs(t, "KAFKA_BROKERS"),
			"--set", "store.kafka.topic=" + name, "--set", "store.kafka.group=" + name, "--set", "store.kafka.sticky=true",
		}
	}},
}

// serveTwo starts two servers on a store and returns their addresses once both
// can write, by themselves or through the other.
func serveTwo(t *testing.T, store shared) (urls [2]string) {
	t.Helper()
	args := store.args(t)
	for i := range urls {
		urls[i] = serve(t, args...)
		awaitReady(t, urls[i])
	}
	return urls
}

func awaitReady(t *testing.T, url string) {
	t.Helper()
	for range 1200 {
		res, err := http.Get(url + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s was not ready within a minute", url)
}

// TestTwoServers lets every client write to one of two servers on a store and
// read from the other, in both directions.
func TestTwoServers(t *testing.T) {
	for _, store := range sharedStores {
		t.Run(store.name, func(t *testing.T) {
			t.Parallel()
			urls := serveTwo(t, store)
			for _, l := range []language{python, javascript} {
				t.Run(l.dir, func(t *testing.T) {
					t.Parallel()
					l.args(t)
					file := "two" + l.extension
					l.run(t, []job{{file, file, strings.Join(urls[:], ",")}}, "WORK="+t.TempDir())
				})
			}
			t.Run("srclient", func(t *testing.T) { t.Parallel(); srclientBetween(t, urls) })
			t.Run("franz", func(t *testing.T) { t.Parallel(); franzBetween(t, urls) })
		})
	}
}

// The second schema goes with the first, the third breaks both.
const (
	first  = `{"type":"record","name":"A","fields":[{"name":"a","type":"int"}]}`
	second = `{"type":"record","name":"A","fields":[{"name":"a","type":"int"},{"name":"b","type":"int","default":0}]}`
	third  = `{"type":"record","name":"A","fields":[{"name":"c","type":"int"}]}`
)

func srclientBetween(t *testing.T, urls [2]string) {
	for i, text := range []string{first, second} {
		// New clients each time, so that no cache hides what a server says.
		here, there := srclient.NewSchemaRegistryClient(urls[i]), srclient.NewSchemaRegistryClient(urls[1-i])
		made, err := here.CreateSchema("srclient-two", text, srclient.Avro)
		if err != nil {
			t.Fatalf("server %d: %v", i, err)
		}
		for what, read := range map[string]func() (*srclient.Schema, error){
			"by version": func() (*srclient.Schema, error) { return there.GetSchemaByVersion("srclient-two", i+1) },
			"by id":      func() (*srclient.Schema, error) { return there.GetSchema(made.ID()) },
			"by text":    func() (*srclient.Schema, error) { return there.LookupSchema("srclient-two", text, srclient.Avro) },
			"again":      func() (*srclient.Schema, error) { return there.CreateSchema("srclient-two", text, srclient.Avro) },
		} {
			if got, err := read(); err != nil || got.ID() != made.ID() || got.Schema() != text {
				t.Errorf("server %d has registered id %d; %s, the other has %+v, %v", i, made.ID(), what, got, err)
			}
		}
		_, err = there.CreateSchema("srclient-two", third, srclient.Avro)
		if e := (srclient.Error{}); !errors.As(err, &e) || e.Code != 40901 {
			t.Errorf("the other server takes what breaks version %d: %v, want code 40901", i+1, err)
		}
	}
}

func franzBetween(t *testing.T, urls [2]string) {
	for i, text := range []string{first, second} {
		var clients [2]*sr.Client
		for j, url := range urls {
			c, err := sr.NewClient(sr.URLs(url))
			if err != nil {
				t.Fatal(err)
			}
			clients[j] = c
		}
		here, there := clients[i], clients[1-i]
		made, err := here.CreateSchema(t.Context(), "franz-two", sr.Schema{Schema: text})
		if err != nil || made.Version != i+1 {
			t.Fatalf("server %d has registered %+v, %v; want version %d", i, made, err, i+1)
		}
		if got, err := there.SchemaByVersion(t.Context(), "franz-two", i+1); err != nil || got.ID != made.ID || got.Schema.Schema != text {
			t.Errorf("server %d has registered id %d; by version, the other has %+v, %v", i, made.ID, got, err)
		}
		if got, err := there.SchemaByID(t.Context(), made.ID); err != nil || got.Schema != text {
			t.Errorf("server %d has registered id %d; by id, the other has %+v, %v", i, made.ID, got, err)
		}
		if got, err := there.SchemaByGUID(t.Context(), made.GUID); err != nil || got.Schema.Schema != text {
			t.Errorf("server %d has registered %s; by GUID, the other has %+v, %v", i, made.GUID, got, err)
		}
		if got, err := there.LookupSchema(t.Context(), "franz-two", sr.Schema{Schema: text}); err != nil || got.ID != made.ID || got.Version != i+1 {
			t.Errorf("server %d has registered id %d; by text, the other has %+v, %v", i, made.ID, got, err)
		}
		_, err = there.CreateSchema(t.Context(), "franz-two", sr.Schema{Schema: third})
		if e := (*sr.ResponseError)(nil); !errors.As(err, &e) || e.ErrorCode != 40901 {
			t.Errorf("the other server takes what breaks version %d: %v, want code 40901", i+1, err)
		}
	}
}
