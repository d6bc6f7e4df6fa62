// Package javaoracle asks Apache Avro for Java what it makes of a schema, so that
// tests can compare. It runs only where WIREPROOF_JAVA=1 is set, as `make
// integration` does, and needs java (17 or later) and mvn.
package javaoracle

import (
	"bufio"
	"bytes"
	_ "embed" // the program and its list of dependencies
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// version is the Avro that pom.xml asks for; it names the folder of the jars.
const version = "avro-1.12.1"

//go:embed pom.xml
var pom []byte

//go:embed Oracle.java
var program []byte

// An Oracle is a running Java process. Its methods may be called from several
// goroutines; they are answered one after the other.
type Oracle struct {
	mu     sync.Mutex
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *bytes.Buffer
}

// Start runs the oracle until the test ends. Without WIREPROOF_JAVA=1 it skips
// the test; without java or mvn it skips too, or fails under REQUIRE_SERVICES=1.
func Start(t testing.TB) *Oracle {
	t.Helper()
	if os.Getenv("WIREPROOF_JAVA") != "1" {
		t.Skip("the comparison with Java runs with WIREPROOF_JAVA=1")
	}
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("REQUIRE_SERVICES") == "1" {
				t.Fatalf("the comparison with Java needs %s: %v", tool, err)
			}
			t.Skipf("the comparison with Java needs %s: %v", tool, err)
		}
	}
	jars, err := fetch()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(t.TempDir(), "Oracle.java")
	if err := os.WriteFile(source, program, 0o644); err != nil {
		t.Fatal(err)
	}
	o := &Oracle{stderr: &bytes.Buffer{}}
	cmd := exec.Command("java", "-Xmx256m", "-XX:+UseSerialGC", "-cp", filepath.Join(jars, "*"), source)
	cmd.Stderr = o.stderr
	if o.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	o.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = o.in.Close() // the program ends with its input
		if err := cmd.Wait(); err != nil {
			t.Errorf("the oracle: %v\n%s", err, o.stderr)
		}
	})
	return o
}

// fetch returns the folder of the jars, which it fills when it is not there.
// Several test binaries may do so at once: the first to rename wins.
func fetch() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "wireproof")
	jars := filepath.Join(cache, version)
	if _, err := os.Stat(jars); err == nil {
		return jars, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(cache, "fetch")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), pom, 0o644); err != nil {
		return "", err
	}
	lib := filepath.Join(work, "lib")
	cmd := exec.Command("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+lib)
	cmd.Dir = work
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch the jars of %s: %w\n%s", version, err, out)
	}
	if err := os.Rename(lib, jars); err != nil {
		if _, statErr := os.Stat(jars); statErr != nil {
			return "", errors.Join(err, statErr)
		}
	}
	return jars, nil
}

// ask sends one question and decodes the answer. A refusal by Avro is an error
// of type [*Refusal].
func (o *Oracle) ask(question map[string]any, answer any) error {
	line, err := json.Marshal(question)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := o.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("ask the oracle: %w\n%s", err, o.stderr)
	}
	reply, err := o.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("hear the oracle: %w\n%s", err, o.stderr)
	}
	var head struct {
		OK    bool
		Error string
	}
	if err := json.Unmarshal(reply, &head); err != nil {
		return fmt.Errorf("understand the oracle: %w: %s", err, reply)
	}
	if !head.OK {
		return &Refusal{head.Error}
	}
	return json.Unmarshal(reply, answer)
}

// A Refusal is an exception that Avro threw.
type Refusal struct{ Msg string }

func (r *Refusal) Error() string { return r.Msg }

// A Schema is what Avro makes of a text.
type Schema struct {
	Canonical string // Schema.toString, the types of references by name
	Parsing   string // SchemaNormalization.toParsingForm
	CRC64     string // 16 hexadecimal digits, most significant first
	MD5       string
	SHA256    string
}

// Parse parses the references in their order and then the text. An error is a
// [*Refusal] if the text is at fault.
func (o *Oracle) Parse(text string, references ...string) (Schema, error) {
	var s Schema
	err := o.ask(map[string]any{"op": "parse", "schema": text, "references": references}, &s)
	return s, err
}

// ParseLenient is Parse without the checks of names and defaults, as a registry
// reads what it has stored.
func (o *Oracle) ParseLenient(text string, references ...string) (Schema, error) {
	var s Schema
	err := o.ask(map[string]any{"op": "parse", "schema": text, "references": references, "lenient": true}, &s)
	return s, err
}

// An Incompatibility is one finding of SchemaCompatibility.
type Incompatibility struct {
	Type     string
	Message  string
	Location string // JSON pointer into the reader
}

// Compatible asks SchemaCompatibility whether reader can read what writer wrote.
func (o *Oracle) Compatible(reader, writer string) (bool, []Incompatibility, error) {
	var a struct {
		Compatible        bool
		Incompatibilities []Incompatibility
	}
	err := o.ask(map[string]any{"op": "compatible", "reader": reader, "writer": writer}, &a)
	return a.Compatible, a.Incompatibilities, err
}

// Decode reads data, written with one schema, as another. The answer is plain
// JSON: a union is its value, bytes are characters up to U+00FF.
func (o *Oracle) Decode(writer, reader string, data []byte) (text string, rest int, err error) {
	var a struct {
		JSON string
		Rest int
	}
	err = o.ask(map[string]any{"op": "decode", "writer": writer, "reader": reader, "data": hex.EncodeToString(data)}, &a)
	return a.JSON, a.Rest, err
}

// Encode writes a value that is given in the JSON encoding of the specification.
func (o *Oracle) Encode(schema, text string) ([]byte, error) {
	var a struct{ Data string }
	if err := o.ask(map[string]any{"op": "encode", "schema": schema, "json": text}, &a); err != nil {
		return nil, err
	}
	return hex.DecodeString(a.Data)
}

// Cross lets Java write n random values with the writer's schema and read them
// with the reader's. It returns how many could not be read, and why the first
// could not.
func (o *Oracle) Cross(writer, reader string, n int, seed uint64) (failed int, reason string, err error) {
	var a struct {
		Failed int
		Reason string
	}
	err = o.ask(map[string]any{"op": "cross", "writer": writer, "reader": reader, "n": n, "seed": int64(seed)}, &a)
	return a.Failed, a.Reason, err
}
