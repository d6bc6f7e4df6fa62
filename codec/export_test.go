package codec

// Refused returns how many unknown ids c remembers.
func (c *Cache) Refused() int {
	c.refused.mu.Lock()
	defer c.refused.mu.Unlock()
	return len(c.refused.ids)
}
