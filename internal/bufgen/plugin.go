package bufgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/wireproof/wireproof/internal/bufconfig"
)

// maxAnswer bounds what one run of a plugin may print.
const maxAnswer = 1 << 30

// patience is how long a plugin that is told to end may keep its streams open.
const patience = 5 * time.Second

// An answer is what a plugin said to all of its requests.
type answer struct {
	plugin *bufconfig.GenPlugin
	files  []*pluginpb.CodeGeneratorResponse_File
	// features and the range of editions are those that every run supports.
	features         uint64
	minimum, maximum int32
}

// A program runs a plugin once.
type program func(ctx context.Context, req *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorResponse, error)

// A job is a plugin of the template as it is run, and what it answers.
type job struct {
	plugin    bufconfig.GenPlugin
	call      program
	requests  []*pluginpb.CodeGeneratorRequest
	responses []*pluginpb.CodeGeneratorResponse
}

// runPlugins asks every plugin, several at once. The answers are in the order of
// the template.
func (r *run) runPlugins(ctx context.Context, im *image) ([]*answer, error) {
	jobs, err := r.jobs(im)
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, j := range jobs {
		for i, req := range j.requests {
			group.Go(func() error {
				response, err := j.call(ctx, req)
				if err == nil && response.GetError() != "" {
					err = errors.New(response.GetError())
				}
				if err != nil {
					return &PluginError{At: j.plugin.At, Name: j.plugin.Name, Err: err}
				}
				j.responses[i] = response
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []*answer
	for _, j := range jobs {
		a, err := r.merge(&j.plugin, j.responses)
		if err != nil {
			return nil, &PluginError{At: j.plugin.At, Name: j.plugin.Name, Err: err}
		}
		out = append(out, a)
	}
	return out, nil
}

// jobs finds every program before any of them is run.
func (r *run) jobs(im *image) ([]*job, error) {
	stderr := &lockedWriter{to: r.Stderr}
	var out []*job
	for _, p := range r.Gen.Plugins {
		if r.IncludeImports != nil {
			p.IncludeImports = *r.IncludeImports
		}
		if r.IncludeWKT != nil {
			p.IncludeWKT = *r.IncludeWKT
		}
		call, err := r.program(&p, stderr)
		if err != nil {
			return nil, &PluginError{At: p.At, Name: p.Name, Err: err}
		}
		part, err := im.only(p.Types)
		if err != nil {
			return nil, &PluginError{At: p.At, Name: p.Name, Err: err}
		}
		requests := part.requests(&p)
		out = append(out, &job{p, call, requests, make([]*pluginpb.CodeGeneratorResponse, len(requests))})
	}
	return out, nil
}

// program finds what a plugin is run by. protoc-gen-go, by its plain name, is a
// part of this program.
func (r *run) program(p *bufconfig.GenPlugin, stderr io.Writer) (program, error) {
	if p.Builtin != "" {
		if path, err := lookPath(r.Dir, "protoc-gen-"+p.Builtin); err == nil {
			return r.process(stderr, path), nil
		}
		path, err := lookPath(r.Dir, p.Protoc[0])
		if err != nil {
			return nil, fmt.Errorf("neither protoc-gen-%s nor %s is there: %w", p.Builtin, p.Protoc[0], err)
		}
		return r.protoc(stderr, p.Builtin, path, p.Protoc[1:]...), nil
	}
	if len(p.Command) == 1 && p.Command[0] == "protoc-gen-go" && !p.List {
		if there, here, differ := otherGenGo(r.Dir); differ {
			r.warnf("%s: protoc-gen-go %s is in PATH, and that of this program is %s; local: [protoc-gen-go] runs the former", p.At, there, here)
		}
		return protocGenGo, nil
	}
	path, err := lookPath(r.Dir, p.Command[0])
	if err != nil {
		return nil, fmt.Errorf("%w; install it, or name its path", err)
	}
	return r.process(stderr, path, p.Command[1:]...), nil
}

// lookPath finds a program: a name in PATH, anything with a slash relative to dir.
func lookPath(dir, name string) (string, error) {
	if strings.ContainsAny(name, `/`+string(filepath.Separator)) && !filepath.IsAbs(name) {
		name = filepath.Join(dir, filepath.FromSlash(name))
	}
	path, err := exec.LookPath(name)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return "", err
	}
	return filepath.Abs(path)
}

// process runs a program that reads a request and prints a response.
func (r *run) process(stderr io.Writer, path string, args ...string) program {
	return func(ctx context.Context, req *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorResponse, error) {
		in, err := marshal(req)
		if err != nil {
			return nil, err
		}
		out, err := r.exec(ctx, in, stderr, path, args...)
		if err != nil {
			return nil, err
		}
		response := &pluginpb.CodeGeneratorResponse{}
		if err := proto.Unmarshal(out, response); err != nil {
			return nil, fmt.Errorf("what it printed on standard output is no CodeGeneratorResponse: %w", err)
		}
		return response, nil
	}
}

func marshal(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(m)
}

// exec returns what a program prints.
func (r *run) exec(ctx context.Context, in []byte, stderr io.Writer, path string, args ...string) ([]byte, error) {
	out := &bounded{}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = r.Dir, bytes.NewReader(in), out, stderr
	cmd.WaitDelay = patience
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case out.full:
		return nil, fmt.Errorf("it printed more than %d bytes", maxAnswer)
	case err != nil:
		return nil, err
	}
	return out.Bytes(), nil
}

// bounded keeps what is written, up to maxAnswer bytes.
type bounded struct {
	bytes.Buffer
	full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxAnswer {
		b.full = true
		return 0, errors.New("too much")
	}
	return b.Buffer.Write(p)
}

// A lockedWriter keeps what several plugins write apart.
type lockedWriter struct {
	mu sync.Mutex // guards to
	to io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.to == nil {
		return len(p), nil
	}
	return w.to.Write(p)
}
