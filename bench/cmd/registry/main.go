// Command registry measures `wireproof serve` beside a handler of net/http that
// does nothing: what a request costs, what a schema takes, how fast it starts.
// Servers run as processes of their own, and what counts is the CPU time that
// the system gave to each, so the client's own work does not.
//
// Without -full it registers a tenth of the schemas.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
)

func main() {
	full := flag.Bool("full", false, "100,000 schemas instead of 10,000")
	floor := flag.String("floor", "", "serve the floor on this address (used by the command itself)")
	alone := flag.String("api", "", "serve the API alone on this address (used by the command itself)")
	flag.Parse()
	switch {
	case *floor != "":
		serveFloor(*floor)
		return
	case *alone != "":
		serveAPI(*alone)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *full); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

// serveFloor is the least that a server written with net/http does to send the
// bytes of an answer, the headers of the protocol among them.
func serveFloor(address string) {
	body := []byte(schemaBody)
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("X-Request-Id", "3w5e11264sgsf3w5e11264sgsf")
		h.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Etag", `W/"0123456789abcdef"`)
		h.Set("Vary", "Accept, Accept-Encoding")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(address, nil))
}

// serveAPI serves package rest and nothing around it: no metrics, no limits of
// time, no store. The difference to the whole server is what those cost.
func serveAPI(address string) {
	reg, err := registry.Open(context.Background(), memlog.New(), all.Lenient(), registry.Rules(compat.Default()), registry.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Fprintln(os.Stderr, http.ListenAndServe(address, rest.New(reg, rest.Options{})))
}

// schemaBody is as long as the answer for one of the schemas of the run.
const schemaBody = `{"guid":"00000000-0000-0000-0000-000000000000","schemaType":"AVRO","schema":"{\"type\":\"record\",\"name\":\"R0\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"at\",\"type\":\"long\"},{\"name\":\"n\",\"type\":\"int\"}]}","ts":1700000000000,"deleted":false}`

func run(ctx context.Context, full bool) error {
	dir, err := os.MkdirTemp("", "wireproof-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "wireproof")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/wireproof")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the command: %w\n%s", err, out)
	}
	b := &bench{ctx: ctx, dir: dir, binary: binary, many: 10_000}
	if full {
		b.many = 100_000
	}
	defer b.stopAll()
	for _, part := range []func() error{b.start, b.reads, b.writes, b.durable} {
		if err := part(); err != nil {
			return err
		}
	}
	if b.missed {
		return errors.New("a bar was missed by far; see the table")
	}
	return nil
}

// freeAddress returns a local address that nobody listens on right now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
