package access

import (
	"container/list"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	defaultClients = 10000
	// A wrong password costs a processor for a while. An address may try only so
	// many for one user, and so many in all.
	guessesPerSecond  = 1
	guessesBurst      = 20
	failuresPerSecond = 5
	failuresBurst     = 100
)

// A limiter holds each client to a rate. It remembers the clients that were seen
// last; one that was forgotten starts anew.
type limiter struct {
	every   rate.Limit
	burst   int
	clients int

	mu    sync.Mutex // guards the fields below
	byKey map[string]*list.Element
	order *list.List // of *client, the one seen last in front
}

type client struct {
	key   string
	limit *rate.Limiter
}

func newLimiter(perSecond float64, burst, clients int) *limiter {
	if burst == 0 {
		burst = max(1, int(math.Ceil(2*perSecond)))
	}
	if clients == 0 {
		clients = defaultClients
	}
	return &limiter{
		every: rate.Limit(perSecond), burst: burst, clients: clients,
		byKey: map[string]*list.Element{}, order: list.New(),
	}
}

// take counts a request of a client. If it is too many, wait is how long until
// the next may come. A nil limiter takes everything.
func (l *limiter) take(key string) (wait time.Duration) {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	r := l.client(key).limit.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// full returns how long until a client may send another, without counting one.
func (l *limiter) full(key string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.byKey[key]
	if !ok {
		return 0
	}
	missing := 1 - e.Value.(*client).limit.TokensAt(time.Now())
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(l.every) * float64(time.Second))
}

// client finds or makes a client; the mutex is held.
func (l *limiter) client(key string) *client {
	if e, ok := l.byKey[key]; ok {
		l.order.MoveToFront(e)
		return e.Value.(*client)
	}
	if l.order.Len() >= l.clients {
		last := l.order.Back()
		l.order.Remove(last)
		delete(l.byKey, last.Value.(*client).key)
	}
	c := &client{key, rate.NewLimiter(l.every, l.burst)}
	l.byKey[key] = l.order.PushFront(c)
	return c
}
