package redisdedupe

// Waiting returns how many calls wait for the next round trip.
func (d *Deduper) Waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.waiting)
}
