package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/registry/registrytest"
)

// A shell runs commands in a folder and keeps what they print.
type shell struct {
	t   *testing.T
	dir string
}

func (s shell) run(want int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	var out, complaints bytes.Buffer
	code := run(context.Background(), append([]string{"-C", s.dir}, args...), strings.NewReader(""), &out, &complaints)
	if code != want {
		s.t.Fatalf("wireproof %s exits with %d, want %d\n%s%s", strings.Join(args, " "), code, want, &out, &complaints)
	}
	return out.String(), complaints.String()
}

func (s shell) write(name, text string) {
	s.t.Helper()
	target := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(target, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

const (
	pushSettings = `version: 1
subjects: { compatibility: BACKWARD }
events:
  - { schema: shop/order.avsc, topic: orders, key: id }
  - { schema: shop/refund.avsc, topic: refunds }
`
	pushAddress = `{"type": "record", "name": "Address", "namespace": "shop", "fields": [{"name": "city", "type": "string"}]}`
	pushOrder   = `{"type": "record", "name": "Order", "namespace": "shop", "fields": [{"name": "id", "type": "string"}, {"name": "to", "type": "Address"}]}`
	pushRefund  = `{"type": "record", "name": "Refund", "namespace": "shop", "fields": [{"name": "id", "type": "string"}]}`
)

func pushShell(t *testing.T) shell {
	s := shell{t, t.TempDir()}
	s.write("wireproof.yaml", pushSettings)
	s.write("schemas/shop/address.avsc", pushAddress)
	s.write("schemas/shop/order.avsc", pushOrder)
	s.write("schemas/shop/refund.avsc", pushRefund)
	return s
}

func TestPush(t *testing.T) {
	url := registrytest.New(t).URL
	s := pushShell(t)

	out, _ := s.run(exitOK, "push", "--registry", url, "--dry-run")
	if strings.Count(out, "would add") != 3 {
		t.Errorf("dry run prints %q, want three additions", out)
	}
	out, complaints := s.run(exitOK, "push", "--registry", url)
	if address, order := strings.Index(out, "shop.Address"), strings.Index(out, "orders-shop.Order"); address < 0 || order < address {
		t.Errorf("push prints %q, want the address before the order that refers to it", out)
	}
	if !strings.Contains(complaints, "3 new versions, 0 unchanged") {
		t.Errorf("push says %q", complaints)
	}
	out, complaints = s.run(exitOK, "push", "--registry", url)
	if strings.Count(out, "unchanged") != 3 || !strings.Contains(complaints, "0 new versions, 3 unchanged") {
		t.Errorf("the second push prints %q, %q", out, complaints)
	}

	// A schema that breaks readers is refused, with the reason; what refers to
	// nothing refused goes through.
	s.write("schemas/shop/order.avsc", strings.Replace(pushOrder, `"name": "id", "type": "string"`, `"name": "id", "type": "int"`, 1))
	s.write("schemas/shop/refund.avsc", strings.Replace(pushRefund, `]}`, `, {"name": "why", "type": "string", "default": ""}]}`, 1))
	out, complaints = s.run(exitPartly, "push", "--registry", url)
	if !strings.Contains(out, `refused    orders-shop.Order`) || !strings.Contains(out, `field "id" changed from string to int`) || strings.Contains(out, "oldSchema") {
		t.Errorf("push prints %q, want the refusal and its reason alone", out)
	}
	if !strings.Contains(out, "new        refunds-shop.Refund") || !strings.Contains(complaints, "1 of 3 subjects were refused") {
		t.Errorf("push prints %q, %q", out, complaints)
	}
	if _, complaints = s.run(exitIncomplete, "check", "--against", "registry/shop.Address@7", "--registry", url); !strings.Contains(complaints, "version 7") {
		t.Errorf("a version that is not registered is complained of as %q", complaints)
	}
	s.run(exitIncomplete, "check", "--against", "registry/orders-shop.Order@1", "--registry", registrytest.New(t).URL)
	out, _ = s.run(exitFindings, "check", "--against", "registry", "--registry", url)
	if !strings.Contains(out, "AVRO_FIELD_TYPE_CHANGED orders-shop.Order") {
		t.Errorf("check prints %q", out)
	}
}

// A type that others refer to is refused together with them.
func TestPushOfWhatRefersToRefused(t *testing.T) {
	url := registrytest.New(t).URL
	s := pushShell(t)
	s.run(exitOK, "push", "--registry", url)
	s.write("schemas/shop/address.avsc", strings.Replace(pushAddress, "string", "int", 1))
	out, _ := s.run(exitPartly, "push", "--registry", url)
	if !strings.Contains(out, "it refers to shop.Address, which was refused") {
		t.Errorf("push prints %q", out)
	}
}

func TestPushWithoutRegistry(t *testing.T) {
	s := pushShell(t)
	_, complaints := s.run(exitIncomplete, "push", "--registry", "http://127.0.0.1:1")
	if !strings.Contains(complaints, "127.0.0.1:1") {
		t.Errorf("push says %q, want the address that was tried", complaints)
	}
	_, complaints = s.run(exitUsage, "push")
	if !strings.Contains(complaints, `no environment "dev"; there is none`) {
		t.Errorf("push says %q", complaints)
	}
}
