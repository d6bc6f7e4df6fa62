package wildcard

import "testing"

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, topic string
		want           bool
	}{
		{"orders", "orders", true},
		{"orders.*", "orders.placed", true},
		{"orders.*", "orders", false},
		{"orders.*", "orders.eu.placed", false},
		{"*.placed", "orders.placed", true},
		{"orders.>", "orders.eu.placed", true},
		{"orders.>", "orders", false},
		{">", "orders", true},
		{"orders.>", "orders.placed.g.dlq", false},
		{"orders.>", "orders.placed.g.retry.2", false},
		{"orders.>", "orders.placed.g.retry.x", true},
		{"orders.*.g.dlq", "orders.placed.g.dlq", true},
		{"orders.*.g.retry.1", "orders.placed.g.retry.1", true},
		{"orders.*.g.retry.1", "orders.placed.g.retry.2", false},
		{"orders.>.g.retry.1", "orders.eu.placed.g.retry.1", true},
		{"orders.>.g.retry.1", "orders.g.retry.1", false},
	} {
		if got := Matches(c.pattern, c.topic); got != c.want {
			t.Errorf("Matches(%q, %q) = %v", c.pattern, c.topic, got)
		}
	}
}

func TestCheck(t *testing.T) {
	for topic, ok := range map[string]bool{
		"orders": true, "orders.*": true, "orders.>": true, ">": true, "*.>": true, "orders.>.g.dlq": true, ">.g.retry.1": true,
		"orders.>.placed": false, ">.>": false, "a.>.b.>.g.dlq": false, "a.>.*.g.dlq": false,
	} {
		if err := Check(topic); (err == nil) != ok {
			t.Errorf("Check(%q) = %v, want an error: %v", topic, err, !ok)
		}
	}
}
