package pubsubbus_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/pubsubbus"
	"github.com/wireproof/wireproof/test/nettest"
)

// The client's options reach all connections: a message goes out and comes back over
// TLS, and a server of an unknown authority is not talked to.
func TestTLS(t *testing.T) {
	t.Parallel()
	srv, _ := fake(t)
	cert, pool := nettest.Certificate(t)
	address := terminate(t, cert, srv.Addr)
	over := func(trusted *x509.CertPool) pubsubbus.Config {
		return pubsubbus.Config{Project: "p", Options: []option.ClientOption{
			option.WithEndpoint(address), option.WithoutAuthentication(), option.WithTelemetryDisabled(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}))),
		}}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	bus, err := pubsubbus.Open(ctx, over(pool))
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close(context.Background())
	if err := bus.MakeTopic(ctx, "secure", ""); err != nil {
		t.Fatal(err)
	}
	run, stop := context.WithCancel(ctx)
	src, err := bus.Group("g").Open(ctx, "secure")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close(context.Background())
	defer stop()
	if err := bus.Publish(ctx, &event.Message{Topic: "secure", Payload: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	b, err := src.Receive(run)
	if err != nil || string(b.Deliveries[0].Payload) != "hello" {
		t.Fatalf("received %v, %v", b, err)
	}
	if err := b.Lane.Settle(b.Deliveries); err != nil {
		t.Error(err)
	}

	soon, end := context.WithTimeout(ctx, 3*time.Second)
	defer end()
	stranger, err := pubsubbus.Open(soon, over(x509.NewCertPool()))
	if err == nil {
		defer stranger.Close(context.Background())
		err = stranger.MakeTopic(soon, "secure", "")
	}
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of an unknown authority: %v", err)
	}
}

// terminate speaks TLS for a server that does not, and returns the address.
func terminate(t *testing.T, cert tls.Certificate, server string) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", server)
			if err != nil {
				_ = in.Close()
				return
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
		}
	}()
	return l.Addr().String()
}
