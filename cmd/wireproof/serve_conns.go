package main

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// unusedConns are connections that have sent nothing yet. Clients open some in
// reserve, and a shutdown would wait for them.
type unusedConns struct {
	some  atomic.Bool // conns is not empty: no request of a busy server waits for mu
	mu    sync.Mutex  // guards conns, and some when it changes
	conns map[net.Conn]bool
}

func (u *unusedConns) watch(c net.Conn, state http.ConnState) {
	if state == http.StateIdle || state != http.StateNew && !u.some.Load() {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if state == http.StateNew {
		if u.conns == nil {
			u.conns = map[net.Conn]bool{}
		}
		u.conns[c] = true
	} else {
		delete(u.conns, c)
	}
	u.some.Store(len(u.conns) > 0)
}

func (u *unusedConns) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		_ = c.Close() // nothing was promised on it
	}
}
