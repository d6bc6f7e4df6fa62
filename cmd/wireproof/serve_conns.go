package main

import (
	"net"
	"net/http"
	"sync"
)

// unusedConns are connections that have sent nothing yet. Clients open some in
// reserve, and a shutdown would wait for them.
type unusedConns struct {
	mu    sync.Mutex // guards the fields below
	conns map[net.Conn]bool
}

func (u *unusedConns) watch(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if state != http.StateNew {
		delete(u.conns, c)
		return
	}
	if u.conns == nil {
		u.conns = map[net.Conn]bool{}
	}
	u.conns[c] = true
}

func (u *unusedConns) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		_ = c.Close() // nothing was promised on it
	}
}
