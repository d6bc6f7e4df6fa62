package registry

// Enqueue queues a registration and returns what waits for its end.
func (r *Registry) Enqueue(c Registration) (end func() error) {
	j := &job{cmd: c, done: make(chan struct{})}
	r.queue <- j
	return func() error {
		<-j.done
		return j.err
	}
}
